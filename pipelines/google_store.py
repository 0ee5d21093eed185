"""Google Cloud Storage, where Beam's file system for it is too patient, too cryptic or too clever.

Too clever: it takes every address for a pattern, so that to remove `[1].mp4` would remove `1.mp4`.
"""

import contextlib
import errno
import functools
import logging
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

_ASKING_S = 3.0
"""How long the first request to a store may take, and how long it is repeated. Later ones are repeated for minutes."""
GIVE_CREDENTIALS = "`gcloud auth application-default login`, or the variable GOOGLE_APPLICATION_CREDENTIALS"


def is_google(uri: str) -> bool:
    """Whether an address is one of Google Cloud Storage."""
    return uri.startswith("gs://")


def bucket_and_path(uri: str) -> tuple[str, str]:
    """The two parts of an address."""
    bucket, _, path = uri.removeprefix("gs://").partition("/")
    return bucket, path


@functools.cache
def missing_credentials() -> str:
    """Why there are no Google credentials; empty where there are some.

    They are looked for once. Without any, requests go out anonymously, as they do to an emulator, and to read public
    buckets. Beam by itself would look five times, for half a minute and more, each time with a stack trace.
    """
    import google.auth
    from apache_beam.internal.gcp import auth
    from google.auth.exceptions import DefaultCredentialsError

    logging.getLogger("google.auth").setLevel(logging.ERROR)
    os.environ.setdefault("GCE_METADATA_DETECT_RETRIES", "1")  # each takes 3 s where packets get lost
    if os.environ.get("STORAGE_EMULATOR_HOST") and not os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
        reason = "an emulator needs none"
    else:
        try:
            google.auth.default()
            return ""
        except DefaultCredentialsError as error:
            reason = str(error).partition(". ")[0].rstrip(".")
    auth._Credentials._credentials_init = True  # to none: what Beam itself does, after its fifth look
    return reason


def _client() -> Any:
    """Beam's client of the storage, with its options of credentials."""
    from apache_beam.io.filesystems import FileSystems
    from apache_beam.io.gcp.gcsio import GcsIO

    return GcsIO(pipeline_options=FileSystems._pipeline_options)


def ask(uri: str) -> None:
    """One small request, to learn whether the store answers and the bucket is there. What is allowed is another matter.

    Raises:
        Exception: of the many kinds that `as_os_error` knows.
    """
    from google.api_core.exceptions import Forbidden, Unauthorized
    from google.cloud.storage.retry import DEFAULT_RETRY

    bucket, path = bucket_and_path(uri)
    retry = DEFAULT_RETRY.with_timeout(_ASKING_S)
    with contextlib.suppress(Forbidden, Unauthorized):
        found = _client().client.list_blobs(bucket, prefix=path, max_results=1, timeout=_ASKING_S, retry=retry)
        next(iter(found), None)


def list_files(prefix: str) -> Iterator[tuple[str, int, float]]:
    """Address, size and time of change of all files whose addresses begin with a prefix."""
    for path, (size, updated) in _client().list_files(prefix, with_metadata=True):
        yield path, size, updated


def delete(uris: Sequence[str]) -> None:
    """Removes files; those which aren't there are passed over.

    Raises:
        Exception: of the many kinds that `as_os_error` knows.
    """
    from google.cloud.exceptions import from_http_status

    for uri, status in _client().delete_batch(list(uris)):
        if status is not None:
            raise from_http_status(status, f"cannot remove {uri}")


def discard(stream: Any) -> None:
    """Lets go of a stream that is not to be stored: closed, or collected as garbage, it would upload what it holds."""
    with contextlib.suppress(AttributeError):
        stream._buffer.close()


def as_os_error(uri: str, error: Exception, needs_bucket: bool = False) -> OSError:
    """What a file system of Beam raised, as an OSError for people.

    Args:
        uri: what was asked for.
        error: what came of it.
        needs_bucket: whether only the bucket can be what was not found.
    """
    import requests
    from google.auth.exceptions import GoogleAuthError, TransportError

    cause = _innermost(error)
    status, bucket = _http_status(cause), bucket_and_path(uri)[0]
    if status == 404 and needs_bucket:
        return FileNotFoundError(errno.ENOENT, f"there is no bucket {bucket}. Create it or correct the name", uri)
    if status == 404:
        return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), uri)
    if status in (401, 403):
        return PermissionError(errno.EACCES, f"permission denied{_said(cause)}. {_remedy(uri, 'Ask for it')}", uri)
    if isinstance(cause, requests.RequestException | TransportError | ConnectionError | TimeoutError):
        reason = f"the store does not answer ({_why_unreachable(cause)}). {_remedy(uri, 'Check the network')}"
        return OSError(errno.EHOSTUNREACH, reason, uri)
    if isinstance(cause, GoogleAuthError):
        return PermissionError(errno.EACCES, f"{_first_line(cause)}. {_remedy(uri, 'Log in again')}", uri)
    if isinstance(cause, OSError) and cause.strerror:
        return cause
    return OSError(errno.EIO, f"{_first_line(cause)}. Check the address and what is allowed there", uri)


def _innermost(error: Any) -> Any:
    """The error that the file system, or one of its repetitions, wrapped; in some it is an HTTP status."""
    from google.api_core.exceptions import RetryError

    while True:
        if details := getattr(error, "exception_details", None):
            error = next(iter(details.values()))
        elif isinstance(error, RetryError) and error.cause:
            error = error.cause
        else:
            return error


def _http_status(error: Any) -> int | None:
    if isinstance(error, int):
        return error
    status = getattr(error, "code", None) or getattr(getattr(error, "response", None), "status_code", None)
    return int(status) if isinstance(status, int) else None


def _said(error: Any) -> str:
    """The words of the store itself, which name the account and the permission."""
    with contextlib.suppress(AttributeError, KeyError, TypeError, ValueError):
        return f": {error.response.json()['error']['message'].rstrip('.')}"
    return ""


def _remedy(uri: str, first: str) -> str:
    if not is_google(uri) and "googleapis.com" not in uri:
        return f"{first}, or give other credentials"
    if reason := missing_credentials():
        return f"{first}, or give credentials ({reason}): {GIVE_CREDENTIALS}"
    return f"{first}, or give other credentials: {GIVE_CREDENTIALS}"


def _why_unreachable(error: Any) -> str:
    """The words of the innermost network error, without the object it happened to."""
    while inner := next((x for x in (getattr(error, "reason", None), *error.args) if isinstance(x, Exception)), None):
        error = inner
    words = next((item for item in error.args if isinstance(item, str)), type(error).__name__)
    return re.sub(r"^<?[\w.]+(\(.*?\)| object at \w+>): ", "", words)


def _first_line(error: Any) -> str:
    text = str(error).strip()
    return text.splitlines()[0].rstrip(".") if text else type(error).__name__
