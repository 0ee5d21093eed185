"""Weights of a trained network for a new one: of other classes, or for clips of another length or size."""

import tempfile
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from pipelines.appearance.names import NONE
from pipelines.core.errors import UserError
from trainer.networks.build import Shape, build_model
from trainer.networks.streams import APPEARANCE, EYE, LOGITS, MOTION, OWN, Appearance, eye_of

APPEARANCE_LOGITS = f"{OWN}logits"
"""The part of the last layer that is for the appearance stream. `LOGITS` is the rest: all of it without that stream."""
_ALL = slice(None)
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


def read_weights(
    data: bytes, name: str, variant: str, shape: Shape, num_classes: int, what: str, eye: str = NONE
) -> Weights:
    """The weights in a Keras file of a network that `build_model` made. Nothing else in the file is used or run.

    Args:
        data: the file.
        name, variant, shape, num_classes: as for `build_model`.
        what: the file, for messages.
        eye: name of the pretrained network in it.

    Raises:
        UserError: the file is damaged, or holds another network.
    """
    network = build_model(name, variant, shape, num_classes, Appearance(eye, "all", pretrained=False))
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
    found = {name: [variable.numpy()[rows] for variable, rows in part] for name, part in _parts(network)}
    if LOGITS in found and APPEARANCE_LOGITS in found:
        found[APPEARANCE_LOGITS].append(found[LOGITS][-1])  # one bias serves both
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
    for name, part in _parts(network):
        own, theirs = [variable.numpy()[rows] for variable, rows in part], weights.get(name, ())
        if name == EYE and not theirs:
            continue  # it has learnt elsewhere, and so it neither is new nor comes from that network
        if name in (LOGITS, APPEARANCE_LOGITS):
            fits = bool(known) and _shapes(own, -1) == _shapes(theirs, -1)[: len(own)]
            if fits:
                here, there = ([names.index(label) for label in known] for names in (labels, their_labels))
                for value, other in zip(own, theirs, strict=False):
                    value[..., here] = other[..., there]
        else:
            fits = _shapes(own) == _shapes(theirs)
            own = list(theirs)
        (taken if fits else new).append(name)
        for (variable, rows), value in zip(part, own, strict=True) if fits else ():
            whole = variable.numpy()
            whole[rows] = value
            variable.assign(whole)
    if not taken:
        raise UserError(f"no layer fits: this network has {', '.join(new)}, the other one {', '.join(weights)}")
    last = known if {LOGITS, APPEARANCE_LOGITS} & {*taken} else []
    return Taken(
        tuple(taken),
        tuple(new),
        tuple(last),
        tuple(label for label in labels if label not in last),
        tuple(label for label in their_labels if label not in labels),
    )


def layer_decay(network: keras.Model, taken: Sequence[str], decay: float) -> dict[str, float]:
    """Factors of the learning rate that fall towards the input, for layers with the weights of another network.

    The last layer learns at the full rate, the one before it at `decay` of that, the next one at its square, and so on:
    layer-wise learning-rate decay (Clark et al. 2020, "ELECTRA", https://arxiv.org/abs/2003.10555; Bao et al. 2022,
    "BEiT", https://arxiv.org/abs/2106.08254). A layer without a kernel, such as a normalisation, goes with the one
    before it. New layers learn at the full rate. Each of two streams has levels of its own.

    Args:
        network: its layers lie in the order in which they are computed.
        taken: the layers with the weights of another network, as `take_over` names them.
        decay: factor from one layer to the one before it, in (0, 1].

    Returns:
        the factor of each layer taken, from the input to the output.
    """
    named = named_layers(network)
    seeing = [item for item in named if item[1] == EYE or item[1].startswith(OWN)]
    last = [item for item in named if item[1] == LOGITS]
    found: dict[str, float] = {}
    for stream in (seeing, [item for item in named if item not in seeing and item not in last]):
        level, levels = -1, {}
        for layer, name in (*stream, *last):
            if level < 0 or any(len(variable.shape) > 1 for variable in layer.trainable_variables):
                level += 1
            levels[name] = level
        found |= {name: decay ** (level - at) for name, at in levels.items()}
    return {name: found[name] for _, name in named if name in taken}


def named_layers(network: keras.Model) -> list[tuple[keras.Layer, str]]:
    """The layers with trainable weights, and their names, which don't depend on what else a process has built.

    `Conv2D 2` is the second of its kind; `LOGITS`, `EYE` and the appearance stream's own layers keep their names.
    """
    numbers: Counter[str] = Counter()
    found = []
    for layer in network.layers:
        if not layer.trainable_variables:
            continue
        if layer.name in (LOGITS, EYE) or layer.name.startswith(OWN):
            found.append((layer, layer.name))
            continue
        kind = type(layer).__name__
        numbers[kind] += 1
        found.append((layer, f"{kind} {numbers[kind]}"))
    return found


def _parts(network: keras.Model) -> list[tuple[str, list[tuple[keras.Variable, slice]]]]:
    """What can be taken over together, by name: variables, and which of their rows.

    That is each layer with trainable weights, the pretrained network even if it isn't trained, and, where there are two
    streams, the rows of the last layer that are for each.
    """
    parts = [
        (name, [(variable, _ALL) for variable in layer.trainable_variables]) for layer, name in named_layers(network)
    ]
    eye = eye_of(network)
    if eye and not eye.trainable_variables:
        parts.insert(0, (EYE, [(variable, _ALL) for variable in eye.variables]))
    vectors = {layer.name: layer.output.shape[-1] for layer in network.layers if layer.name in (MOTION, APPEARANCE)}
    if APPEARANCE not in vectors:
        return parts
    name, last = parts.pop()
    assert name == LOGITS
    if MOTION not in vectors:
        return [*parts, (APPEARANCE_LOGITS, last)]
    (kernel, _), bias = last
    motion = vectors[MOTION]
    return [*parts, (APPEARANCE_LOGITS, [(kernel, slice(motion, None))]), (LOGITS, [(kernel, slice(motion)), bias])]


def _shapes(values: Sequence[np.ndarray], end: int | None = None) -> list[tuple[int, ...]]:
    return [value.shape[:end] for value in values]
