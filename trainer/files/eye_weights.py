"""The file with the weights of a pretrained network (`--appearance-weights`). Doesn't load TensorFlow."""

import hashlib

from pipelines.appearance.weights import packaged_weights
from pipelines.core.errors import UsageError
from pipelines.files.addresses import check_here

PACKAGED = "efficientnet-lite0"
"""The network whose weights come from an installed package."""


def check_weights(appearance: str, file: str) -> None:
    """Refuses, before anything is started, a pretrained network without its weights, as far as that can be known.

    Args:
        appearance: its name; `none` for none. Those of Keras are in its cache, or will be downloaded.
        file: a local file with its weights; empty for those that come with it.

    Raises:
        UsageError: the file can't be read or isn't local; or the package with the weights isn't installed.
    """
    if file:
        weights_fingerprint(file)
    elif appearance == PACKAGED:
        packaged_weights()


def weights_fingerprint(file: str) -> str:
    """16 hexadecimal digits of a file's content; empty without a file.

    Raises:
        UsageError: the file can't be read or isn't local.
    """
    if not file:
        return ""
    check_here(file, "--appearance-weights")
    try:
        with open(file, "rb") as stream:
            return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=8)).hexdigest()
    except OSError as error:
        raise UsageError(f"--appearance-weights {file} can't be read: {error.strerror or error}") from error
