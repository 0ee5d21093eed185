"""Google's client of its storage, and the credentials that it takes."""

import functools
import logging
import os
from typing import Any

from pipelines.files import ranged_reader

_CONNECTIONS = 64


def is_google(uri: str) -> bool:
    """Whether an address is one of Google Cloud Storage."""
    return uri.startswith("gs://")


@functools.cache
def missing_credentials() -> str:
    """Why there are no Google credentials; empty where there are some.

    They are looked for once. Without any, requests go out anonymously, as they do to an emulator, and to read public
    buckets.
    """
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError

    logging.getLogger("google.auth").setLevel(logging.ERROR)
    os.environ.setdefault("GCE_METADATA_DETECT_RETRIES", "1")  # each takes 3 s where packets get lost
    if os.environ.get("STORAGE_EMULATOR_HOST") and not os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
        return "an emulator needs none"
    try:
        google.auth.default()
        return ""
    except DefaultCredentialsError as error:
        return str(error).partition(". ")[0].rstrip(".")


def client() -> Any:
    """A client for all threads, with Beam's options of credentials where Beam is in use."""
    variables = tuple(os.environ.get(name) for name in ("STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS"))
    return _make_client(_Same(ranged_reader.beam_options()), variables)


class _Same:
    """An object that is equal to itself alone."""

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
    return client


def spare_beam() -> None:
    """For where Beam itself asks Google: without credentials it would look five times, each time with a stack trace."""
    if missing_credentials():
        from apache_beam.internal.gcp import auth

        auth._Credentials._credentials_init = True  # to none: what Beam itself does, after its fifth look
