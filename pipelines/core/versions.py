"""The packages whose versions are recorded, by where they are recorded."""

from importlib.metadata import PackageNotFoundError, version

OF_DATASET = ("apache-beam", "av", "numpy", "opencv-python-headless", "protobuf")
OF_FEATURES = ("keras", "numpy", "protobuf", "tensorflow")
OF_LABELS = ("apache-beam", "av", "numpy", "tensorflow")
OF_MODEL = ("keras", "numpy", "tensorflow")
SHOWN = ("apache-beam", "tensorflow", "numpy", "av", "opencv-python-headless")
OF_DOCTOR = (*SHOWN, "keras")
NOT_INSTALLED = "not installed"


def versions(names: tuple[str, ...]) -> dict[str, str]:
    """The version of each package; `not installed` for a missing one."""
    return {name: _version(name) for name in names}


def installed(names: tuple[str, ...]) -> dict[str, str]:
    """The versions of those packages that are installed."""
    return {name: found for name, found in versions(names).items() if found != NOT_INSTALLED}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return NOT_INSTALLED
