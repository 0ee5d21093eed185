"""Weights of a trained network for a new one: of other classes, or for clips of another length or size."""

import tempfile
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from pipelines.core.errors import UserError
from trainer.networks.build import Shape, build_model

LOGITS = "logits"
Weights = Mapping[str, Sequence[np.ndarray]]
"""The weights of each layer that has some, by kind and number: `Conv2D 2` is the second one; the last is `logits`."""


@dataclass(frozen=True)
class Taken:
    """What a network has taken from another one.

    Attributes:
        layers: the layers with the other network's weights.
        new_layers: the layers whose weights don't fit, so that they start anew.
        known_classes: classes with their weights in the last layer.
        new_classes: classes that the other network doesn't know.
        dropped_classes: classes that only the other network knows.
    """

    layers: tuple[str, ...]
    new_layers: tuple[str, ...]
    known_classes: tuple[str, ...]
    new_classes: tuple[str, ...]
    dropped_classes: tuple[str, ...]


def read_weights(data: bytes, name: str, variant: str, shape: Shape, num_classes: int, what: str) -> Weights:
    """The weights in a Keras file of a network that `build_model` made. Nothing else in the file is used or run.

    Args:
        data: the file.
        name, variant, shape, num_classes: as for `build_model`.
        what: the file, for messages.

    Raises:
        UserError: the file is damaged, or holds another network.
    """
    network = build_model(name, variant, shape, num_classes)
    with tempfile.TemporaryDirectory(prefix="init-") as folder:
        file = Path(folder, "model.keras")
        file.write_bytes(data)
        for variable in network.trainable_variables:
            variable.assign(np.full(variable.shape, np.nan, np.float32))
        try:
            with warnings.catch_warnings():
                # Keras warns of containers that its files never have. What it doesn't load remains NaN.
                warnings.simplefilter("ignore", UserWarning)
                network.load_weights(file)
            if not all(np.isfinite(variable.numpy()).all() for variable in network.trainable_variables):
                raise ValueError("some weights are missing or not finite")
        except Exception as error:  # zipfile, h5py and Keras raise many kinds for a damaged file
            first = str(error).strip().partition("\n")[0]
            raise UserError(
                f"{what} is damaged or doesn't hold the network {name} ({variant}): {first}. Train that model again, "
                "or start from another one"
            ) from error
    return weights_of(network)


def weights_of(network: keras.Model) -> Weights:
    """The weights of each layer, by names that don't depend on what else a process has built."""
    found = {}
    for layer, name in _layers(network):
        found[name] = [variable.numpy() for variable in layer.trainable_variables]
    return found


def take_over(network: keras.Model, weights: Weights, labels: Sequence[str], their_labels: Sequence[str]) -> Taken:
    """Gives a network the weights of another one, where these fit. Everything else stays as it is.

    Args:
        network: its last layer is `logits`.
        weights: of the other one.
        labels: the classes of the network, by their ids.
        their_labels: those of the other one.

    Raises:
        UserError: nothing fits.
    """
    taken: list[str] = []
    new: list[str] = []
    known = [label for label in labels if label in their_labels]
    for layer, name in _layers(network):
        own, theirs = layer.trainable_variables, weights.get(name, ())
        values = [variable.numpy() for variable in own]
        if name == LOGITS:
            fits = bool(known) and _shapes(values, -1) == _shapes(theirs, -1)
            if fits:
                here, there = ([names.index(label) for label in known] for names in (labels, their_labels))
                for value, other in zip(values, theirs, strict=True):
                    value[..., here] = other[..., there]
        else:
            fits = _shapes(values) == _shapes(theirs)
            values = list(theirs)
        (taken if fits else new).append(name)
        if fits:
            for variable, value in zip(own, values, strict=True):
                variable.assign(value)
    if not taken:
        raise UserError(f"no layer fits: this network has {', '.join(new)}, the other one {', '.join(weights)}")
    last = known if LOGITS in taken else []
    return Taken(
        tuple(taken),
        tuple(new),
        tuple(last),
        tuple(label for label in labels if label not in last),
        tuple(label for label in their_labels if label not in labels),
    )


def _layers(network: keras.Model) -> list[tuple[keras.Layer, str]]:
    """The layers with weights, and their names."""
    numbers: Counter[str] = Counter()
    found = []
    for layer in network.layers:
        if not layer.trainable_variables:
            continue
        kind = type(layer).__name__
        if layer.name != LOGITS:
            numbers[kind] += 1
        found.append((layer, LOGITS if layer.name == LOGITS else f"{kind} {numbers[kind]}"))
    return found


def _shapes(values: Sequence[np.ndarray], end: int | None = None) -> list[tuple[int, ...]]:
    return [value.shape[:end] for value in values]
