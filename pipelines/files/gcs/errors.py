"""Turns errors of Google's libraries into readable ones."""

import contextlib
import errno
from typing import Any

from pipelines.core.reasons import first_line
from pipelines.files.errors import no_bucket, no_file, something_else, why_unreachable
from pipelines.files.gcs.client import is_google, missing_credentials

GIVE_CREDENTIALS = "`gcloud auth application-default login`, or the variable GOOGLE_APPLICATION_CREDENTIALS"


def as_os_error(uri: str, error: Exception, needs_bucket: bool = False) -> OSError:
    """A readable OSError for an error of Google's libraries.

    Args:
        uri: the address of the request.
        error: the error that it raised.
        needs_bucket: whether "not found" can only mean the bucket.
    """
    import requests
    from google.auth.exceptions import GoogleAuthError, TransportError

    cause = _innermost(error)
    status = _http_status(cause)
    if status == 404:
        return no_bucket(uri) if needs_bucket else no_file(uri)
    if status in (401, 403):
        return PermissionError(errno.EACCES, f"permission denied{_said(cause)}. {_remedy(uri, 'Ask for it')}", uri)
    if isinstance(cause, requests.JSONDecodeError):  # as networks send pages that ask to sign in
        return OSError(errno.EHOSTUNREACH, f"what answered is no store. {_remedy(uri, 'Check the network')}", uri)
    if isinstance(cause, requests.RequestException | TransportError | ConnectionError | TimeoutError):
        reason = f"the store does not answer ({why_unreachable(cause)}). {_remedy(uri, 'Check the network')}"
        return OSError(errno.EHOSTUNREACH, reason, uri)
    if isinstance(cause, GoogleAuthError):
        return PermissionError(errno.EACCES, f"{first_line(cause)}. {_remedy(uri, 'Log in again')}", uri)
    if isinstance(cause, OSError) and cause.strerror:
        return cause if cause.filename else OSError(cause.errno, cause.strerror, uri)
    return something_else(uri, cause)


def _innermost(error: Any) -> Any:
    """The error that a library or its retries wrapped; in some cases it is an HTTP status."""
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
    """The store's own message, which names the account and the permission."""
    with contextlib.suppress(AttributeError, KeyError, TypeError, ValueError):
        return f": {error.response.json()['error']['message'].rstrip('.')}"
    return ""


def _remedy(uri: str, first: str) -> str:
    if not is_google(uri) and "googleapis.com" not in uri:
        return f"{first}, or give other credentials"
    if reason := missing_credentials():
        return f"{first}, or give credentials ({reason}): {GIVE_CREDENTIALS}"
    return f"{first}, or give other credentials: {GIVE_CREDENTIALS}"
