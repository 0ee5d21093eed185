"""Packages that only some of the work needs, and the extra of this project that brings each (see `setup.py`)."""

from collections.abc import Sequence
from importlib.util import find_spec

from pipelines.core.errors import UsageError

_EXTRAS = {
    "beam": ("Apache Beam", ("apache_beam",)),
    "train": ("TensorFlow", ("tensorflow", "keras", "absl", "h5py")),
    "gcp": ("Google's client libraries", ("google.cloud.storage", "google.cloud", "google.auth", "google.api_core")),
    "aws": ("boto3", ("boto3", "botocore")),
}
"""What the package is called, and the modules by which its absence shows, the first one for certain, by extra."""


def require(*extras: str) -> None:
    """Finds out, without importing anything, whether what some extras bring is installed.

    Args:
        extras: their names.

    Raises:
        UsageError: something is missing; the message names the extras that bring it.
    """
    if missing := [extra for extra in extras if not _is_there(_EXTRAS[extra][1][0])]:
        raise _missing(missing)


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # not even the package around it
        return False


def explained(error: Exception) -> Exception:
    """A `UsageError` that names the extra for a module that one of them brings; any other error as it is."""
    if isinstance(error, ModuleNotFoundError):
        for extra, (_, modules) in _EXTRAS.items():
            if any(f"{error.name}.".startswith(f"{module}.") for module in modules):
                return _missing([extra])
    return error


def _missing(extras: Sequence[str]) -> UsageError:
    *before, last = (_EXTRAS[extra][0] for extra in extras)
    what = f"{', '.join(before)} and {last}" if before else last
    verb = "isn't" if len(extras) == 1 and extras[0] != "gcp" else "aren't"
    return UsageError(f"this needs {what}, which {verb} installed: pip install 'har-pipelines[{','.join(extras)}]'")
