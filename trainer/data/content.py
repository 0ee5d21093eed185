"""What determines the weights of a run and lies in other files: a model, weights, features."""

from trainer.config import TrainConfig
from trainer.data.features import features_fingerprint
from trainer.files.eye_weights import weights_fingerprint
from trainer.files.initial import initial_fingerprint


def content_of(config: TrainConfig) -> dict[str, str]:
    """Fingerprints of what determines the weights and lies in other files; empty for what isn't given.

    Raises:
        UserError: a file can't be read.
    """
    return {
        "init": initial_fingerprint(config.init),
        "appearance_weights": weights_fingerprint(config.appearance_weights),
        "features": features_fingerprint(config.features),
    }
