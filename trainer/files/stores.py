"""Object stores for the trainer: what TensorFlow needs to read shards from them, and errors in words for people.

Files are read and written through `pipelines.files`, as in the other jobs. Only shards are read by TensorFlow itself:
from `gs://` by its own means, from `s3://` and `az://` by tensorflow-io, which is imported only where such a path is
used, and is in the default set of versions alone (see `setup.py`).
"""

import contextlib
import errno
import functools
import os
from collections.abc import Iterator
from importlib.util import find_spec

from pipelines import files
from pipelines.core.errors import OutputError, UsageError, UserError
from pipelines.files import is_local, remote
from pipelines.files.gcs import client
from pipelines.files.s3 import objects
from trainer.files import tf_store

remote.STORES["az"] = tf_store  # Beam would need packages that the lock doesn't have

_KNOWN = ("gs", "s3", "az")
_THROUGH_PLUGINS = ("s3", "az")
_S3_DEFAULTS = {
    # As often as `s3_store` tries; its own ways to retry take no heed of what the store says.
    "AWS_RETRY_MODE": "standard",
    "AWS_MAX_ATTEMPTS": "8",
    # Its own: 5 minutes each. The second one is for a transfer that has come to a halt, not for the whole.
    "S3_CONNECT_TIMEOUT_MSEC": "10000",
    "S3_REQUEST_TIMEOUT_MSEC": "60000",
    # Downloads in parts, for files much larger than what is read of a shard at a time, end minutes after a refusal.
    "S3_DISABLE_MULTI_PART_DOWNLOAD": "1",
}


def check_stores(*uris: str) -> None:
    """Finds out within seconds whether the stores of some addresses can be used at all. Local paths are passed over.

    Raises:
        UsageError: one is of no known kind, doesn't answer, or has no such bucket; the message says what to do.
    """
    for uri in uris:
        scheme = _scheme(uri)
        if scheme == "az":
            check_readable(uri)
        if scheme:
            files.check_stores(uri)


def check_readable(uri: str) -> None:
    """Finds out at once, without importing TensorFlow, whether it lacks what it needs to read a dataset.

    Raises:
        UsageError: it does; the message says what to do.
    """
    if _scheme(uri) in _THROUGH_PLUGINS and find_spec("tensorflow_io") is None:
        raise _refusal(uri, "which can't be imported (No module named 'tensorflow_io')")


def _refusal(uri: str, reason: str) -> UsageError:
    return UsageError(
        f"{uri}: {_scheme(uri)}:// needs tensorflow-io, {reason}. Install the versions of requirements.lock "
        "(scripts/setup), which have it, or copy the files to this machine or to gs://"
    )


def _scheme(uri: str) -> str:
    """The kind of a store, empty for local paths."""
    scheme = "" if is_local(uri) else uri.partition("://")[0]
    if scheme and scheme not in _KNOWN:
        known = ", ".join(f"{name}://" for name in _KNOWN)
        raise UsageError(f"{uri}: unknown kind of store. Known are local paths, {known}")
    return scheme


def prepare(*uris: str) -> None:
    """Makes TensorFlow able to open some paths. Nothing to do for local ones.

    Variables of the environment that aren't set get values: for S3, `S3_ENDPOINT`, the name that tensorflow-io knows,
    from AWS's `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`, and bounds for its attempts; for Google, that no machine of
    Google's need be asked for credentials where it is known that there are none.

    Raises:
        UsageError: no such kind of store, or one that needs tensorflow-io, which is missing or doesn't load.
    """
    for uri in uris:
        scheme = _scheme(uri)
        if scheme in _THROUGH_PLUGINS and (reason := _missing_plugins(scheme)):
            raise _refusal(uri, reason)
        if scheme == "gs" and client.missing_credentials():
            os.environ.setdefault("NO_GCE_CHECK", "true")


@functools.cache
def _missing_plugins(scheme: str) -> str:
    """Registers the file systems of tensorflow-io. Why that can't be done; empty where it is."""
    objects.share_environment()
    for name, value in _S3_DEFAULTS.items():
        os.environ.setdefault(name, value)
    try:
        import tensorflow_io  # noqa: F401 - importing it registers the file systems
    except ImportError as error:
        return f"which can't be imported ({error})"
    import tensorflow as tf

    if scheme in tf.io.gfile.get_registered_schemes():
        return ""
    return f"which doesn't load with TensorFlow {tf.__version__}"  # it was built for another one, and only warns


@contextlib.contextmanager
def explained(uri: str, doing: str, kind: type[UserError] = UserError) -> Iterator[None]:
    """Turns errors of file systems and stores within the block into errors of a kind, for people."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if is_local(str(error.filename)):
            reason += f". {_local_remedy(error)}"
        elif reason == os.strerror(errno.ENOENT):
            reason += ". Correct the path"
        elif kind is OutputError:
            reason += ", then run the same command again to go on"
        raise kind(f"cannot {doing} {uri}: {reason}") from error


def _local_remedy(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "Make room there or choose another place"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "Give permission or choose another place"
    return "Correct the path or choose another place"
