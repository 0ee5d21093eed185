"""Requests a file, or the rest of one, from a site."""

import http.client
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import IO, cast
from urllib.parse import urlsplit

from pipelines.core.errors import UsageError
from pipelines.core.reasons import first_line
from pipelines.core.secrets import redact
from pipelines.fetching import tls
from pipelines.fetching.answers import RETRIED, retry_after_s

_GONE = {
    401: "it requires a user and password", 403: "it denies access", 404: "there is no such file", 410: "it is gone"
}  # fmt: skip
LOST = (OSError, http.client.HTTPException)
"""Errors that end a connection in the middle; certificates that can't be checked are handled earlier."""


class TryAgainError(Exception):
    """A temporary problem; `wait_s` is the number of seconds that the site asks to wait, 0 if it doesn't."""

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class OutOfRangeError(Exception):
    """The site says that the file has no such bytes (status 416)."""


def check_url(url: str) -> None:
    """Refuses an address from which nothing can be downloaded.

    Raises:
        UsageError: the address isn't one of http:// or https://, has no host, or contains a user or password.
    """
    try:
        parts = urlsplit(url)
        port_is_right = parts.port is None or parts.port > 0
    except ValueError:
        port_is_right = False
    if not port_is_right or parts.scheme not in ("http", "https") or not parts.hostname or not url.isprintable():
        raise UsageError(
            f"--url {redact(url)!r} is not an address of http:// or https://; a file on this machine is given as "
            "--archive FILE"
        )
    if "@" in parts.netloc:
        raise UsageError(f"--url {redact(url)}: an address with a user or password in it is not supported")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but not from https:// to http://."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:  # fmt: skip
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise UsageError(
                f"{redact(req.full_url)} redirects to {redact(newurl)}, without encryption: somebody in between could "
                "send other files. Give that address as --url if you trust it"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@dataclass(frozen=True)
class Site:
    """Where a file is, and how to ask for it.

    Attributes:
        url: its address.
        insecure: whether to skip the check of certificates.
        silence_s: number of seconds without a byte after which a connection counts as lost.
    """

    url: str
    insecure: bool = False
    silence_s: float = 60.0

    @property
    def shown(self) -> str:
        """The address without secrets."""
        return redact(self.url)

    def ask(self, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        """Asks for the file.

        Args:
            headers: headers of the request, besides those that every request has.

        Raises:
            UsageError: the request failed, and a retry won't help.
            TryAgainError: the request failed, and a retry may help.
            OutOfRangeError: the file ends before the requested bytes.
        """
        known = {"User-Agent": f"har-pipelines/{version('har-pipelines')}", "Accept-Encoding": "identity"}
        request = urllib.request.Request(self.url, headers={**known, **headers})
        handler = urllib.request.HTTPSHandler(context=tls.context(self.insecure))
        opener = urllib.request.build_opener(handler, _Redirects)
        try:
            answer = cast(http.client.HTTPResponse, opener.open(request, timeout=self.silence_s))
        except urllib.error.HTTPError as error:
            with error:
                raise self._refusal(error) from error
        except urllib.error.URLError as error:
            raise self._failure(error.reason) from error
        except LOST as error:
            raise self._failure(error) from error
        encoding = answer.headers.get("Content-Encoding", "identity")
        if encoding != "identity":
            answer.close()
            raise UsageError(f"{self.shown} is sent in another encoding ({encoding}) than was requested (identity)")
        return answer

    def _refusal(self, error: urllib.error.HTTPError) -> Exception:
        said = f"{self.shown} answers {error.code} {error.reason}"
        if error.code in RETRIED:
            return TryAgainError(said, retry_after_s(error.headers.get("Retry-After", "")))
        if error.code == 416:
            return OutOfRangeError(said)
        why = _GONE.get(error.code, "a retry won't help")
        return UsageError(
            f"{said}: {why}. Check whether the file has moved and give its address as --url, or download it with a "
            "browser and pass it as --archive FILE"
        )

    def _failure(self, error: object) -> Exception:
        if isinstance(error, ssl.SSLCertVerificationError):
            return UsageError(tls.explain(error, str(urlsplit(self.url).hostname)))
        said = first_line(error) if isinstance(error, BaseException) else str(error)
        return TryAgainError(f"{self.shown} can't be reached: {said}")
