"""Imports large libraries without the optional parts of them that a tool doesn't use.

Half of the time that Beam's import takes goes to clients of clouds and databases, which Beam does without where they
aren't installed. A fifth of TensorFlow's goes to Keras, which only models that are built or trained need. Another
fifth goes to the garbage collector, which looks for cycles among objects that all stay alive.
"""

import contextlib
import logging
import sys
import threading
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType

from pipelines.process.embedding import is_library
from pipelines.process.gc_pause import no_collection

OF_BEAM = (
    *("google.cloud", "google.api_core", "google.auth", "google.apps", "apitools"),
    *("boto3", "botocore", "azure", "pymongo", "IPython"),
)
"""What Beam imports if it is installed, and needs for `gs://`, `s3://`, Azure, BigQuery, MongoDB and notebooks only."""
OF_TENSORFLOW = ("keras.src", "keras._tf_keras")
"""What TensorFlow imports if it is installed, and needs for networks of Keras only."""
_COMPLAINING = (None, "apache_beam.io.mongodbio")
"""Loggers that say what is missing: the root and others."""
_one_at_a_time = threading.Lock()
"""Threads that import the same packages from different ends may find them half imported."""


class _Refusing:
    """A finder of modules that doesn't find some of them, for one thread."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._thread = threading.get_ident()

    def find_spec(self, name: str, path: object = None, target: ModuleType | None = None) -> ModuleSpec | None:
        is_named = any(name == part or name.startswith(f"{part}.") for part in self._names)
        if is_named and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


def import_lean(modules: Sequence[str], without: Sequence[str]) -> None:
    """Imports modules as if some of the packages that they use were not installed.

    Those packages can be imported as usual afterwards, and by other threads meanwhile. In another program, which may
    need them, everything is imported. So it is where the modules turn out not to do without them, as those of a newer
    version might.

    Args:
        modules: full names of modules.
        without: full names of packages.
    """
    with _one_at_a_time, no_collection():
        if not is_library():
            with contextlib.suppress(ModuleNotFoundError), _refusing(without):
                _import_all(modules)
                return
        _import_all(modules)


def _import_all(modules: Sequence[str]) -> None:
    for name in modules:
        import_module(name)


@contextlib.contextmanager
def _refusing(names: Sequence[str]) -> Iterator[None]:
    finder = _Refusing(names)
    loggers = [logging.getLogger(name) for name in _COMPLAINING]
    silent = logging.NullHandler()  # without any, `logging.warning` would set up logging
    logging.getLogger().addHandler(silent)
    sys.meta_path.insert(0, finder)
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        logging.getLogger().removeHandler(silent)
        for logger in loggers:
            logger.disabled = False
