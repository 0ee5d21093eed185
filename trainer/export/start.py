"""Training that starts from an exported model: which of its weights are taken, and what is said and recorded of it."""

from collections.abc import Callable, Mapping
from typing import Any

import keras

from pipelines.appearance.names import NONE
from pipelines.core.errors import UsageError, UserError
from pipelines.core.relative import relative_to
from pipelines.core.spec import ClipSpec
from pipelines.reports.text import plural, some
from trainer.export.model_folder import KERAS_MODEL
from trainer.files import storage
from trainer.files.initial import Initial
from trainer.networks.transfer import Taken, Weights, layer_decay, read_weights, take_over


class Start:
    """A model to start from, for networks of some classes and clips.

    Args:
        initial: the model; also an attribute.
        labels: the classes of the networks that are to start from it.
        clip_spec: their clips.
        layer_decay: see `trainer.networks.transfer.layer_decay`; 1 for the same learning rate everywhere.
    """

    def __init__(
        self, initial: Initial, labels: tuple[str, ...], clip_spec: ClipSpec, layer_decay: float = 1.0
    ) -> None:
        self.initial, self._labels, self._clip_spec, self._decay = initial, labels, clip_spec, layer_decay
        self._weights: Weights | None = None
        self._taken: Taken | None = None
        self._rates: Mapping[str, float] = {}

    def load(self) -> None:
        """Reads the weights of the model; they stay in memory.

        Raises:
            UsageError: the model has no Keras file.
            UserError: it can't be read or is damaged.
        """
        info = self.initial.info
        uri = storage.join(self.initial.folder, KERAS_MODEL)
        if not storage.exists(uri):
            raise UsageError(f"--init {self.initial.folder} has no {KERAS_MODEL}, from which weights are taken")
        data = storage.read_bytes(uri)
        shape, eye = info.clip_spec.shape, str(info.appearance.get("name", NONE))
        self._weights = read_weights(data, info.name, info.variant, shape, len(info.labels), uri, eye)

    def started(self, build: Callable[[], keras.Model]) -> Callable[[], keras.Model]:
        """A function that builds a network with the weights of the model. `load` must have been called.

        Raises (the function):
            UserError: no layer fits.
        """
        assert self._weights is not None
        weights = self._weights

        def started() -> keras.Model:
            network = build()
            try:
                self._taken = take_over(network, weights, self._labels, self.initial.info.labels)
            except UserError as error:
                raise UsageError(f"--init {self.initial.folder}: {error}") from error
            if self._decay != 1:
                self._rates = layer_decay(network, self._taken.layers, self._decay)
            return network

        return started

    @property
    def taken(self) -> Taken:
        """What a network has taken; one must have been built."""
        assert self._taken is not None
        return self._taken

    @property
    def rates(self) -> Mapping[str, float]:
        """Multipliers of the learning rate of the layers taken, by name; empty where all layers learn at the same rate.
        A network must have been built."""
        return self._rates

    @property
    def sentence(self) -> str:
        """What was taken, and what starts anew, for people."""
        taken, info = self.taken, self.initial.info
        layers = "all layers"
        if taken.new_layers:
            layers = (
                f"{len(taken.layers)} of {plural(len(taken.layers) + len(taken.new_layers), 'layer')}; "
                f"{some([*taken.new_layers])} don't fit and start anew"
            )
        parts = [f"starts from {self.initial.folder} ({info.fingerprint}): {layers}"]
        for classes, what in (
            (taken.known_classes, "known"), (taken.new_classes, "new"), (taken.dropped_classes, "dropped"),
        ):  # fmt: skip
            if classes:
                parts.append(f"{plural(len(classes), f'{what} class', f'{what} classes')}: {some([*classes])}")
        parts += [f"{name} was {before}, now {now}" for name, (before, now) in self.other_clips().items()]
        if self.rates:
            (first, low), *_, (last, high) = self.rates.items()
            parts.append(f"learning rates from {low:.2g} of the full one ({first}) to {high:.2g} ({last})")
        return "; ".join(parts)

    def other_clips(self) -> dict[str, tuple[Any, Any]]:
        """How clips are made where the model's were made otherwise: each setting with its value there and here."""
        theirs, ours = self.initial.info.clip_spec.to_json(), self._clip_spec.to_json()
        return {name: (theirs.get(name), value) for name, value in ours.items() if theirs.get(name) != value}

    def to_json(self, folder: str) -> dict[str, Any]:
        """What model_info.json has of it.

        Args:
            folder: of that file, for the relative path of the model.
        """
        taken, info = self.taken, self.initial.info
        return {
            "uri": relative_to(self.initial.folder, folder),
            "name": info.name,
            "variant": info.variant,
            "fingerprint": info.fingerprint,
            "layers": list(taken.layers),
            "new_layers": list(taken.new_layers),
            "known_classes": list(taken.known_classes),
            "new_classes": list(taken.new_classes),
            "dropped_classes": list(taken.dropped_classes),
            **({"layer_decay": self._decay, "rates": {**self.rates}} if self.rates else {}),
            "other_clips": {name: list(values) for name, values in self.other_clips().items()},
        }
