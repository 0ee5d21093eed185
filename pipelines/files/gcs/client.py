"""Google's storage client, and the credentials that it uses."""

import functools
import logging
import os
import re
from typing import Any

from pipelines.files import ranged_reader

_CONNECTIONS = 64


def is_google(uri: str) -> bool:
    """Whether an address is one of Google Cloud Storage."""
    return uri.startswith("gs://")


@functools.cache
def missing_credentials() -> str:
    """Why there are no Google credentials; empty if there are some.

    They are looked for once. Without any, requests are anonymous, which suffices for an emulator and for reading public
    buckets.
    """
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError

    logging.getLogger("google.auth").setLevel(logging.ERROR)
    os.environ.setdefault("GCE_METADATA_DETECT_RETRIES", "1")  # each takes 3 s where packets are dropped
    if os.environ.get("STORAGE_EMULATOR_HOST") and not os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
        return "an emulator needs none"
    try:
        google.auth.default()
        return ""
    except DefaultCredentialsError as error:
        return str(error).partition(". ")[0].rstrip(".")


def client() -> Any:
    """A client for all threads, with Beam's credential options if Beam is in use."""
    variables = tuple(os.environ.get(name) for name in ("STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS"))
    return _make_client(_Same(ranged_reader.beam_options()), variables)


class _Same:
    """Wraps a value so that it is equal only to itself."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


@functools.lru_cache(maxsize=4)
def _make_client(options: _Same, _: tuple[str | None, ...]) -> Any:
    import google.auth
    from google.cloud.storage import Client
    from requests.adapters import HTTPAdapter

    if missing_credentials():
        client = Client.create_anonymous_client()
    elif options.value is not None:
        from apache_beam.io.gcp.gcsio import create_storage_client

        client = create_storage_client(options.value)
    else:
        credentials, project = google.auth.default(["https://www.googleapis.com/auth/devstorage.read_write"])
        client = Client(project or "none", credentials)
    for scheme in ("https://", "http://"):
        client._http.mount(scheme, HTTPAdapter(pool_maxsize=_CONNECTIONS))
    client._http.hooks["response"].append(_check_extent)
    return client


def _check_extent(answer: Any, **_: Any) -> None:
    """Checks an answer to a request for a range. Google's library itself writes down whatever comes.

    Raises:
        OSError: it has other bytes.
    """
    asked = re.fullmatch(r"bytes=(\d+)-(\d+)", answer.request.headers.get("Range", ""))
    if asked and answer.ok and not answer.is_redirect:
        first, last = map(int, asked.groups())
        length = int(answer.headers.get("Content-Length", 0))
        ranged_reader.check_extent(None, first, last - first + 1, answer.headers.get("Content-Range", ""), length)


def spare_beam() -> None:
    """Keeps Beam itself from looking for missing credentials five times, with a stack trace each time."""
    if missing_credentials():
        from apache_beam.internal.gcp import auth

        auth._Credentials._credentials_init = True  # with no credentials: as Beam does after its fifth attempt
