"""Turns errors of boto3 into readable ones."""

import errno
from typing import Any

from pipelines.core.reasons import first_line
from pipelines.files.errors import no_bucket, no_file, something_else, why_unreachable
from pipelines.files.ranged_reader import CHANGED

CREDENTIALS = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or a role of the machine"
_REFUSALS = ("AccessDenied", "AllAccessDisabled", "Forbidden", "403")
"""Codes of a store that accepts the credentials but denies access. Others with status 403 mean wrong credentials."""
_BAD_CREDENTIALS = (
    "ExpiredToken",
    "InvalidToken",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
)


def _said(error: Exception) -> dict[str, Any]:
    response = getattr(error, "response", None)
    return response if isinstance(response, dict) else {}


def _code(error: Exception) -> str:
    return str(_said(error).get("Error", {}).get("Code", ""))


def status_of(error: Exception) -> int | None:
    """The HTTP status of an error, if it has one."""
    return _said(error).get("ResponseMetadata", {}).get("HTTPStatusCode")


def is_refused(error: Exception) -> bool:
    """Whether a store accepts the credentials but denies access."""
    return _code(error) in _REFUSALS


def as_os_error(uri: str, error: Exception, needs_bucket: bool = False) -> OSError:
    """A readable OSError for an error of boto3.

    Args:
        uri: the address of the request.
        error: the error that it raised.
        needs_bucket: whether "not found" can only mean the bucket.
    """
    from botocore import exceptions

    code, status = _code(error), status_of(error)
    if code == "NoSuchBucket" or (status == 404 and needs_bucket):
        return no_bucket(uri)
    if status == 404 or code == "NoSuchKey":
        return no_file(uri)
    if code == "InvalidObjectState":
        return OSError(errno.EBUSY, "it lies in an archive (a storage class such as GLACIER). Restore it first", uri)
    if status in (401, 403) or code in (*_REFUSALS, *_BAD_CREDENTIALS):
        words = str(_said(error).get("Error", {}).get("Message", "")).rstrip(".")
        reason = "permission denied" + (f": {words}" if words and words != "Forbidden" else "")
        return PermissionError(errno.EACCES, f"{reason}. Ask for it, or give other credentials: {CREDENTIALS}", uri)
    if status == 412:
        return OSError(errno.EBUSY, CHANGED, uri)
    if isinstance(error, no_answer()):
        reason = f"the store does not answer ({_why_no_answer(error)})"
        return OSError(errno.EHOSTUNREACH, f"{reason}. Check the network and AWS_ENDPOINT_URL, if it is set", uri)
    if _is_about_credentials(error):
        return PermissionError(errno.EACCES, f"{first_line(error)}. Give credentials: {CREDENTIALS}", uri)
    if isinstance(error, OSError):
        return OSError(error.errno or errno.EIO, f"{error.strerror or error} (on this machine)", uri)
    if isinstance(error, exceptions.ParamValidationError):
        return OSError(errno.EINVAL, f"{str(error).splitlines()[-1].partition(': ')[0]}. Correct the address", uri)
    return something_else(uri, error)


def no_answer() -> tuple[type[Exception], ...]:
    """Errors of connections that could not be made or broke off, and of content that arrived only in part."""
    from botocore import exceptions

    broken_off = (exceptions.IncompleteReadError, exceptions.FlexibleChecksumError)
    return (exceptions.ConnectionError, exceptions.HTTPClientError, *broken_off, ConnectionError)


def _is_about_credentials(error: Exception) -> bool:
    from botocore import exceptions

    kinds = (
        exceptions.NoCredentialsError,
        exceptions.PartialCredentialsError,
        exceptions.CredentialRetrievalError,
        exceptions.ProfileNotFound,
        exceptions.TokenRetrievalError,
        exceptions.SSOError,
        exceptions.UnauthorizedSSOTokenError,
    )
    return isinstance(error, kinds)


def _why_no_answer(error: Any) -> str:
    inner = getattr(error, "kwargs", {}).get("error")
    return why_unreachable(inner) if isinstance(inner, Exception) else first_line(error)
