"""Google Cloud Storage, through Google's own library.

Beam's file system for it retries for too long, makes a new client for each request, and treats addresses as patterns. A
file written here appears as a whole or not at all, without a rename.

Each function, and reading, may raise an error of the many kinds that `as_os_error` knows.
"""

import contextlib
import errno
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from pipelines.files import ranged_reader
from pipelines.files.gcs.client import client
from pipelines.files.gcs.errors import as_os_error as as_os_error
from pipelines.files.ranged_reader import StoredObject, bucket_and_path

_ASKING_S = 3.0
"""How long the first request to a store may take, and how long it is retried."""
_SILENCE_S = (10.0, 60.0)
"""How long a later request waits for a connection, and for the next bytes. It is retried for two minutes, the library's
default, if the store answers with a temporary error or not at all."""
_PART_BYTES = 16 << 20
"""Size of the parts in which a large file is uploaded."""
_BATCH = 100


def _blob(uri: str) -> Any:
    bucket, path = bucket_and_path(uri)
    return client().bucket(bucket).blob(path)


def check(uri: str) -> None:
    """Makes one small request to check that the store answers and the bucket exists. It doesn't check permissions."""
    from google.api_core.exceptions import Forbidden, Unauthorized
    from google.cloud.storage.retry import DEFAULT_RETRY

    bucket, path = bucket_and_path(uri)
    retry = DEFAULT_RETRY.with_timeout(_ASKING_S)
    with contextlib.suppress(Forbidden, Unauthorized):
        found = client().list_blobs(bucket, prefix=path, max_results=1, timeout=_ASKING_S, retry=retry)
        next(iter(found), None)


def look(uri: str) -> StoredObject:
    """The present version of a file, to be read in pieces."""
    from google.api_core.exceptions import NotFound

    blob = _blob(uri)
    blob.reload(timeout=_SILENCE_S)  # from now on the blob stands for this version

    def fetch(first: int, count: int) -> bytes:
        extent = {"start": first, "end": first + count - 1}
        try:
            data: bytes = blob.download_as_bytes(**extent, raw_download=True, checksum=None, timeout=_SILENCE_S)
        except NotFound:
            raise OSError(errno.EBUSY, ranged_reader.CHANGED, uri) from None
        return data

    return StoredObject(blob.size, _version(blob), blob.md5_hash or blob.crc32c or "", fetch)


def open_read(uri: str, piece_bytes: int = 0) -> BinaryIO:
    """Opens a file for reading bytes; `piece_bytes` as in `ranged_reader.reading`."""
    found = look(uri)
    return ranged_reader.reading(uri, found.fetch, found.size_bytes, piece_bytes=piece_bytes)


def stat(uri: str) -> tuple[int, str] | None:
    """Size and version of a file; None if there is no such file."""
    from google.api_core.exceptions import NotFound

    if not bucket_and_path(uri)[1]:
        return None
    blob = _blob(uri)
    try:
        blob.reload(timeout=_SILENCE_S)
    except NotFound:
        return None
    return blob.size, _version(blob)


def _version(blob: Any) -> str:
    """The version of the content; the time of the last change would also reflect changes of permissions or labels."""
    return f"{blob.size}-{blob.generation}"


def upload(uri: str, file: BinaryIO, size_bytes: int) -> None:
    """Stores a file, which appears as a whole.

    Args:
        uri: its address.
        file: the content, positioned at its beginning.
        size_bytes: its size.
    """
    from google.cloud.storage.retry import DEFAULT_RETRY

    blob = _blob(uri)
    blob.chunk_size = _PART_BYTES
    # A retry is safe: it stores the same bytes again.
    blob.upload_from_file(file, size=size_bytes, checksum="crc32c", retry=DEFAULT_RETRY, timeout=_SILENCE_S)


def list_files(prefix: str, below: bool = True) -> Iterator[tuple[str, int, str]]:
    """Address, size and version of all files whose addresses begin with a prefix.

    Args:
        prefix: an address, or the first part of one.
        below: whether to include files whose addresses have another slash after the prefix.
    """
    bucket, path = bucket_and_path(prefix)
    for blob in client().list_blobs(bucket, prefix=path, delimiter=None if below else "/", timeout=_SILENCE_S):
        yield f"gs://{bucket}/{blob.name}", blob.size, _version(blob)


def list_names(prefix: str) -> Iterator[str]:
    """Names of the files and folders directly in a folder; `prefix` is its address with a slash at the end."""
    bucket, path = bucket_and_path(prefix)
    pages = client().list_blobs(bucket, prefix=path, delimiter="/", timeout=_SILENCE_S)
    for blob in pages:
        yield blob.name.removeprefix(path)
    for folder in pages.prefixes:  # known once all pages have been read
        yield folder.removeprefix(path).rstrip("/")


def delete(uris: Sequence[str]) -> None:
    """Removes files; missing ones are skipped."""
    from google.cloud.exceptions import from_http_response
    from google.cloud.storage.retry import DEFAULT_RETRY

    def remove(batch: Sequence[str]) -> None:
        sender = client()
        with sender.batch(raise_exception=False) as answers:
            for bucket, path in map(bucket_and_path, batch):
                sender.bucket(bucket).delete_blob(path)
        for answer in answers._responses:
            if answer.status_code >= 400 and answer.status_code != 404:
                raise from_http_response(answer)

    for first in range(0, len(uris), _BATCH):
        DEFAULT_RETRY(remove)(uris[first : first + _BATCH])
