"""Which packages' versions are noted where."""

from importlib.metadata import version

OF_DATASET = ("apache-beam", "av", "numpy", "opencv-python-headless", "protobuf")
OF_LABELS = ("apache-beam", "av", "numpy", "tensorflow")
OF_MODEL = ("keras", "numpy", "tensorflow")
SHOWN = ("apache-beam", "tensorflow", "numpy", "av", "opencv-python-headless")


def versions(names: tuple[str, ...]) -> dict[str, str]:
    """The installed version of each package."""
    return {name: version(name) for name in names}
