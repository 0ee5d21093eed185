"""How every process here starts TensorFlow: with its fast kernels, and without its announcements, which would clutter
the tools' own messages.
"""

import contextlib
import logging
import os
import platform
import subprocess
import sys
from collections.abc import Iterator

from pipelines.process import extras, interrupts
from pipelines.process.embedding import is_library
from pipelines.process.lean_imports import OF_TENSORFLOW, import_lean

_BEFORE_IT_LISTENS = "^WARNING: All log messages before absl::InitializeLog|^[IW][0-9]{4} [0-9:.]+ "
"""TensorFlow prints these lines where TF_CPP_MIN_LOG_LEVEL has no effect yet: newer versions during their import, and
all of them when workers meet."""


def prefer_onednn() -> None:
    """Makes TensorFlow use oneDNN's kernels on every x86 processor. Call it before TensorFlow is imported.

    By default, TensorFlow uses them only on processors with AVX-512 VNNI or newer instructions. On one with AVX2, the
    networks of public notebooks train 2.5 to 2.9 times as fast with them, and the default ones score 1.2 times as fast
    (benchmarks/README.md). On ARM, TensorFlow decides. If the environment variable TF_ENABLE_ONEDNN_OPTS is already
    set, it stays as it is.
    """
    if platform.machine().lower() in ("x86_64", "amd64"):
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def start_tensorflow(with_keras: bool = True) -> None:
    """Imports TensorFlow so that it logs only errors. Processes started later inherit that.

    If the environment variable TF_CPP_MIN_LOG_LEVEL is already set, it stays as it is. In another program, loggers and
    the environment are left alone.

    Args:
        with_keras: whether to import Keras, too; if not, it can be imported later.

    Raises:
        UsageError: TensorFlow isn't installed.
    """
    extras.require("train")
    if is_library():
        _import_quietly()
        return
    prefer_onednn()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for name in ("tensorflow", "absl"):
        logging.getLogger(name).setLevel(logging.ERROR)
    from absl import logging as absl_logging

    absl_logging.set_verbosity(absl_logging.ERROR)
    if "tensorflow" not in sys.modules:
        with without_announcements():
            import_lean(["tensorflow"], without=() if with_keras else OF_TENSORFLOW)


def _import_quietly() -> None:
    """Imports TensorFlow into another program, whose loggers and environment stay as they are."""
    if "tensorflow" in sys.modules:
        return
    before = dict(os.environ)
    prefer_onednn()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with without_announcements():
            import tensorflow  # noqa: F401
    finally:
        for name in ("TF_ENABLE_ONEDNN_OPTS", "TF_CPP_MIN_LOG_LEVEL"):
            if name not in before:
                os.environ.pop(name, None)


@contextlib.contextmanager
def without_announcements() -> Iterator[None]:
    """Drops announcements of native code within its block, such as XLA's at its first compilation."""
    with _lines_left_out(_BEFORE_IT_LISTENS) if _is_quiet() else contextlib.nullcontext():
        yield


def set_threads(threads: int) -> None:
    """Gives TensorFlow so many threads, 0 for as many as there are cores, and of a GPU's memory what it needs.

    Where TensorFlow has already computed something, all stays as it is.
    """
    import tensorflow as tf

    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        for device in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(device, True)


@contextlib.contextmanager
def exact_float32() -> Iterator[None]:
    """Makes a GPU multiply in full float32, so that two ways through the same network give the same."""
    import tensorflow as tf

    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)


def _is_quiet() -> bool:
    return os.environ.get("TF_CPP_MIN_LOG_LEVEL", "0") >= "2"


@contextlib.contextmanager
def _lines_left_out(pattern: str) -> Iterator[None]:
    """Drops matching lines that native code writes to stderr. Another process does it, so that the last lines of a
    crash aren't lost."""
    grep = subprocess.Popen(["grep", "-vE", "--line-buffered", pattern], stdin=subprocess.PIPE, stdout=2)
    assert grep.stdin is not None
    stderr = os.dup(2)
    os.dup2(grep.stdin.fileno(), 2)
    try:
        with interrupts.speaking_to(stderr):
            yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        grep.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):  # a process started in the block may still hold the pipe
            grep.wait(1)
