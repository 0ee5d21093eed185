"""Object stores for the trainer: what TensorFlow needs to read shards from them, and readable errors.

Files are read and written through `pipelines.files`, as in the other jobs. Only shards are read by TensorFlow itself:
from `gs://` by its own means, from `s3://` with tensorflow-io, which is imported only where such a path is
used, and is only in the default set of versions (see `setup.py`).
"""

import contextlib
import errno
import functools
import os
from collections.abc import Iterator
from importlib.util import find_spec

from pipelines.core.errors import OutputError, UsageError, UserError
from pipelines.files import is_local
from pipelines.files.gcs import client
from pipelines.files.s3 import objects

_S3_DEFAULTS = {
    # As many attempts as `s3.objects` makes; its own ways to retry ignore what the store answers.
    "AWS_RETRY_MODE": "standard",
    "AWS_MAX_ATTEMPTS": "8",
    # Its defaults are 5 minutes each. The second is for a transfer that has stalled, not for the whole.
    "S3_CONNECT_TIMEOUT_MSEC": "10000",
    "S3_REQUEST_TIMEOUT_MSEC": "60000",
    # Multi-part downloads, meant for larger pieces than are read of a shard at a time, fail minutes after a refusal.
    "S3_DISABLE_MULTI_PART_DOWNLOAD": "1",
}


def check_readable(uri: str) -> None:
    """Finds out at once, without importing TensorFlow, whether it lacks what it needs to read a dataset.

    Raises:
        UsageError: it does; the message says what to do.
    """
    if _is_s3(uri) and find_spec("tensorflow_io") is None:
        raise _refusal(uri, "which can't be imported (No module named 'tensorflow_io')")


def _refusal(uri: str, reason: str) -> UsageError:
    return UsageError(
        f"{uri}: s3:// needs tensorflow-io, {reason}. Install the versions of requirements.lock "
        "(scripts/setup), which have it, or copy the files to this machine or to gs://"
    )


def _is_s3(uri: str) -> bool:
    return uri.startswith("s3://")


def prepare(*uris: str) -> None:
    """Makes TensorFlow able to open some paths. Nothing to do for local ones.

    Variables of the environment that aren't set get values: for S3, `S3_ENDPOINT`, the name that tensorflow-io knows,
    from AWS's `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`, and limits for its attempts; for Google, a setting
    that keeps it from asking a metadata server for credentials if there are known to be none.

    Raises:
        UsageError: a path needs tensorflow-io, which is missing or doesn't load.
    """
    for uri in uris:
        if _is_s3(uri) and (reason := _missing_plugins()):
            raise _refusal(uri, reason)
        if client.is_google(uri) and client.missing_credentials():
            os.environ.setdefault("NO_GCE_CHECK", "true")


@functools.cache
def _missing_plugins() -> str:
    """Registers the file systems of tensorflow-io. Returns why that can't be done; empty if it was."""
    objects.share_environment()
    for name, value in _S3_DEFAULTS.items():
        os.environ.setdefault(name, value)
    try:
        import tensorflow_io  # noqa: F401 - importing it registers the file systems
    except ImportError as error:
        return f"which can't be imported ({error})"
    import tensorflow as tf

    if "s3" in tf.io.gfile.get_registered_schemes():
        return ""
    return f"which doesn't load with TensorFlow {tf.__version__}"  # it was built for another one, and only warns


@contextlib.contextmanager
def explained(uri: str, doing: str, kind: type[UserError] = UserError) -> Iterator[None]:
    """Turns errors of file systems and stores within the block into readable errors of the given kind."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if is_local(str(error.filename)):
            reason += f". {_local_remedy(error)}"
        elif reason == os.strerror(errno.ENOENT):
            reason += ". Correct the path"
        elif kind is OutputError:
            reason += ", then run the same command again to resume"
        raise kind(f"cannot {doing} {uri}: {reason}") from error


def _local_remedy(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "Make room there or choose another place"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "Give permission or choose another place"
    return "Correct the path or choose another place"
