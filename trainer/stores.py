"""Access to object stores, and errors of file systems and stores in words for people.

`gs://` is TensorFlow's own, `s3://` and `az://` come with tensorflow-io, which is imported only where such a path is
used. It is in the default set of versions alone (see `setup.py`).
"""

import contextlib
import errno
import functools
import os
from collections.abc import Iterator
from typing import Any

from pipelines.core.errors import UsageError, UserError
from pipelines.files import is_local
from pipelines.quiet import quiet_tensorflow

_CREDENTIALS = {
    "gs": "GOOGLE_APPLICATION_CREDENTIALS, or `gcloud auth application-default login`",
    "s3": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION, and AWS_ENDPOINT_URL for a store of your own",
    "az": "TF_AZURE_STORAGE_KEY; addresses are az://account/container/path",
}
_THROUGH_PLUGINS = ("s3", "az")
_S3_DEFAULTS = {
    # The AWS library's own ways to retry: 26 s before it reports a refused connection, and for uploads four times that.
    "AWS_RETRY_MODE": "standard",
    "AWS_MAX_ATTEMPTS": "3",
    # Its own: 5 minutes each. The second one is for a transfer that has come to a halt, not for the whole.
    "S3_CONNECT_TIMEOUT_MSEC": "10000",
    "S3_REQUEST_TIMEOUT_MSEC": "60000",
}


def prepare(*uris: str) -> None:
    """Makes TensorFlow able to open some paths. Nothing to do for local paths and `gs://`.

    For S3, variables of the environment that aren't set get values: `S3_ENDPOINT`, the name that tensorflow-io knows,
    from AWS's `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`, and bounds for its attempts.

    Raises:
        UsageError: no such kind of store, or one that needs tensorflow-io, which is missing or doesn't load.
    """
    for uri in uris:
        if is_local(uri):
            continue
        scheme = _scheme(uri)
        if scheme not in _CREDENTIALS:
            known = ", ".join(f"{name}://" for name in _CREDENTIALS)
            raise UsageError(f"{uri}: unknown kind of store. Known are local paths, {known}")
        if scheme in _THROUGH_PLUGINS and (reason := _missing_plugins(scheme)):
            raise UsageError(
                f"{uri}: {scheme}:// needs tensorflow-io, {reason}. Install the versions of requirements.lock "
                "(scripts/setup), which have it, or copy the files to this machine or to gs://"
            )


def _scheme(uri: str) -> str:
    return uri.partition("://")[0]


@functools.cache
def _missing_plugins(scheme: str) -> str:
    """Registers the file systems of tensorflow-io. Why that can't be done; empty where it is."""
    if endpoint := os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"):
        os.environ.setdefault("S3_ENDPOINT", endpoint)
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


def gfile(uri: str) -> Any:
    """TensorFlow's file functions, ready for a path.

    Raises:
        UsageError: as `prepare`.
    """
    prepare(uri)
    quiet_tensorflow()
    import tensorflow as tf

    return tf.io.gfile


def address(uri: str) -> str:
    """A remote address as TensorFlow wants it: with a slash behind the bucket."""
    return f"{uri}/" if uri.count("/") == 2 else uri


@contextlib.contextmanager
def explained(uri: str, doing: str, kind: type[UserError] = UserError) -> Iterator[None]:
    """Turns errors of file systems and stores within the block into errors of a kind, for people."""
    try:
        yield
    except OSError as error:
        raise kind(f"cannot {doing} {uri}: {error.strerror or error}. {_local_remedy(error)}") from error
    except Exception as error:
        if is_local(uri) or not _is_of_tensorflow(error):
            raise
        raise kind(f"cannot {doing} {uri}: {_remote_reason(uri, error)}") from error


def _is_of_tensorflow(error: Exception) -> bool:
    import tensorflow as tf

    return isinstance(error, tf.errors.OpError)


def _local_remedy(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "Make room there or choose another place"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "Give permission or choose another place"
    return "Correct the path or choose another place"


def _remote_reason(uri: str, error: Any) -> str:
    """What went wrong in a store, and what to do about it."""
    import tensorflow as tf

    scheme, _, path = uri.partition("://")
    credentials = f"give credentials in the environment ({_CREDENTIALS[scheme]})"
    found = bucket_error(uri) if isinstance(error, tf.errors.NotFoundError) else None
    if isinstance(found, tf.errors.NotFoundError):
        return f"there is no bucket {path.partition('/')[0]}. Create it or correct the name"
    error = found or error
    if isinstance(error, tf.errors.NotFoundError) and not _is_listed(uri):
        return "it does not exist. Correct the path"
    if isinstance(error, tf.errors.NotFoundError | tf.errors.PermissionDeniedError | tf.errors.UnauthenticatedError):
        return f"permission denied. Ask for it, or {credentials}"
    lines = str(error.message).strip(": \n").splitlines()
    return f"{lines[0] if lines else type(error).__name__}. Check the network and the address, or {credentials}"


def _is_listed(uri: str) -> bool:
    """Whether S3 names an object in a listing, though it doesn't hand it out."""
    import tensorflow as tf

    folder, _, name = uri.rstrip("/").rpartition("/")
    try:
        return _scheme(uri) == "s3" and name in tf.io.gfile.listdir(f"{folder}/")
    except tf.errors.OpError:
        return False


def bucket_error(uri: str) -> Exception | None:
    """The error of asking S3 for the bucket of a path.

    To tensorflow-io, an object does not exist whenever S3 doesn't hand it out: because of wrong credentials, a missing
    bucket or no network, too.
    """
    if _scheme(uri) != "s3":
        return None
    import tensorflow as tf

    try:
        tf.io.gfile.stat("/".join(uri.split("/")[:3]) + "/")
    except tf.errors.OpError as error:
        return error
    return None
