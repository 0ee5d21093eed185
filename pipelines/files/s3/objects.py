"""S3, and stores that speak its protocol, through boto3.

Beam's own file system for it makes a new client for each request, can't write empty files, treats addresses as
patterns, and leaves the parts of a failed upload behind. A file written here appears as a whole or not at all, without
a rename, which in S3 would be another copy.

Each function, and reading, may raise an error of the many kinds that `as_os_error` knows.
"""

import contextlib
import functools
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, TypeVar

from pipelines.files import ranged_reader
from pipelines.files.ranged_reader import StoredObject, bucket_and_path
from pipelines.files.s3.errors import as_os_error as as_os_error
from pipelines.files.s3.errors import is_refused, no_answer, status_of

_T = TypeVar("_T")
_ASKING_S = 3
"""How long an attempt of the first request may take. There are two."""
_CONNECT_S, _SILENCE_S = 10, 60
"""How long a later attempt waits for a connection, and for the next bytes."""
_ATTEMPTS = 8
"""Attempts at a request that the store answers with a temporary error or not at all; they last about a minute in all.
"""
_CONNECTIONS = 64
_BATCH = 1000
_ALWAYS_SENT = {
    "ListObjectsV2": "IsTruncated",
    "HeadObject": "ETag",
    "GetObject": "ETag",
    "PutObject": "ETag",
    "UploadPart": "ETag",
    "CompleteMultipartUpload": "ETag",
}
"""What is in each answer of a store, by the request."""
_OPTIONS = {
    "s3_access_key_id": "aws_access_key_id",
    "s3_secret_access_key": "aws_secret_access_key",
    "s3_session_token": "aws_session_token",
    "s3_endpoint_url": "endpoint_url",
    "s3_region_name": "region_name",
}
"""Beam's flags for workers whose environment can't be set, and boto3's names for them."""


def share_environment() -> None:
    """Gives boto3 what is set under the names of AWS's C++ library, which other tools use.

    These are `S3_ENDPOINT` for `AWS_ENDPOINT_URL_S3`, and `AWS_REGION` for `AWS_DEFAULT_REGION`. A value set under one
    name of the region is copied to the other one.
    """
    env = os.environ
    endpoint = env.get("AWS_ENDPOINT_URL_S3") or env.get("AWS_ENDPOINT_URL") or env.get("S3_ENDPOINT")
    if endpoint:
        scheme = "" if "://" in endpoint else "http://" if env.get("S3_USE_HTTPS") == "0" else "https://"
        env.setdefault("AWS_ENDPOINT_URL_S3", scheme + endpoint)
    if region := env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION"):
        env.setdefault("AWS_REGION", region)
        env.setdefault("AWS_DEFAULT_REGION", region)


def _client(patient: bool = True) -> Any:
    share_environment()
    variables = tuple(sorted((name, value) for name, value in os.environ.items() if name.startswith("AWS_")))
    return _make_client(patient, _beam_options(), variables)


def _beam_options() -> tuple[tuple[str, str], ...]:
    """Beam's flags for S3, if Beam is in use."""
    options = ranged_reader.beam_options()
    if not options:
        return ()
    values = options.get_all_options()
    return tuple((name, values[flag]) for flag, name in _OPTIONS.items() if values.get(flag))


@functools.lru_cache(maxsize=16)
def _make_client(patient: bool, options: tuple[tuple[str, str], ...], _: tuple[tuple[str, str], ...]) -> Any:
    """A client for all threads: making one takes a tenth of a second, and its connections are reused."""
    import boto3
    from botocore.config import Config

    wait = (_CONNECT_S, _SILENCE_S) if patient else (_ASKING_S, _ASKING_S)
    config = Config(connect_timeout=wait[0], read_timeout=wait[1], max_pool_connections=_CONNECTIONS)
    if not patient or not (os.environ.get("AWS_MAX_ATTEMPTS") or os.environ.get("AWS_RETRY_MODE")):
        attempts = _ATTEMPTS if patient else 2
        config = config.merge(Config(retries={"mode": "standard", "total_max_attempts": attempts}))
    client = boto3.session.Session().client("s3", config=config, **dict(options))
    client.meta.events.register("after-call.s3", _refuse_strangers)
    return client


def _refuse_strangers(http_response: Any, parsed: Mapping[str, Any], model: Any, **_: Any) -> None:
    """Refuses answers without what a store always sends. boto3 takes any page, as networks send it that ask to sign in,
    for an empty listing, or for the end of one.

    Raises:
        ConnectionError: it is one.
    """
    needed = _ALWAYS_SENT.get(model.name)
    if needed and http_response.status_code < 300 and needed not in parsed:
        kind = http_response.headers.get("Content-Type", "").partition(";")[0]
        raise ConnectionError(f"what answered {model.name} is no store; it sent {kind or 'something else'}")


def check(uri: str) -> None:
    """Makes one small request to check that the store answers, accepts the credentials, and has the bucket.

    It doesn't check permissions: a user who may not list a bucket may still read it.
    """
    bucket, key = bucket_and_path(uri)
    try:
        _client(patient=False).list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
    except Exception as error:
        if not is_refused(error):
            raise


def look(uri: str) -> StoredObject:
    """The present version of a file, to be read in pieces."""
    bucket, key = bucket_and_path(uri)
    client, place = _client(), {"Bucket": bucket, "Key": key}
    found = _head(client, place)
    place["IfMatch"] = found["ETag"]  # pieces of two versions must not be mixed

    def fetch(first: int, count: int) -> bytes:
        return _repeated(lambda: _content(client, place, first, count))

    version = _version(found)
    return StoredObject(found["ContentLength"], version, version, fetch)


def open_read(uri: str, piece_bytes: int = 0) -> BinaryIO:
    """Opens a file for reading bytes; `piece_bytes` as in `ranged_reader.reading`."""
    found = look(uri)
    return ranged_reader.reading(uri, found.fetch, found.size_bytes, piece_bytes=piece_bytes)


def _head(client: Any, place: Mapping[str, str]) -> Any:
    """Size and version of an object."""
    from botocore.exceptions import ClientError

    try:
        return client.head_object(**place)
    except ClientError:
        _content(client, place, 0, 1)  # unlike the answer to HEAD, its error contains the store's message
        raise


def _content(client: Any, place: Mapping[str, str], first: int, count: int) -> bytes:
    answer = client.get_object(**place, Range=f"bytes={first}-{first + count - 1}")
    with contextlib.closing(answer["Body"]) as body:
        uri, length = f"s3://{place['Bucket']}/{place['Key']}", answer.get("ContentLength", 0)
        ranged_reader.check_extent(uri, first, count, answer.get("ContentRange", ""), length)
        data: bytes = body.read()
    return data


def _repeated(fetch: Callable[[], _T]) -> _T:
    """Retries a read: boto3 retries requests, but not errors that come after the headers of an answer."""
    for attempt in range(_ATTEMPTS // 2):
        try:
            return fetch()
        except no_answer():
            time.sleep(random.uniform(0, 0.5 * 2**attempt))
    return fetch()


def stat(uri: str) -> tuple[int, str] | None:
    """Size and version of a file; None if there is no such file."""
    bucket, key = bucket_and_path(uri)
    if not key:
        return None
    try:
        found = _client().head_object(Bucket=bucket, Key=key)
    except Exception as error:
        if status_of(error) == 404:
            return None
        raise
    return found["ContentLength"], _version(found)


def _version(found: Mapping[str, Any]) -> str:
    """The version of the content; times have a resolution of only a second."""
    return str(found["ETag"]).strip('"')


def upload(uri: str, file: BinaryIO, size_bytes: int) -> None:
    """Stores a file, which appears as a whole.

    Args:
        uri: its address.
        file: the content, positioned at its beginning.
        size_bytes: not needed here.
    """
    bucket, key = bucket_and_path(uri)
    _client().upload_fileobj(file, bucket, key, Config=_transfer())


@functools.cache
def _transfer() -> Any:
    """Uploads large files in parts, a few at a time. The parts of a failed upload are removed."""
    from boto3.s3.transfer import TransferConfig

    return TransferConfig(multipart_threshold=64 << 20, multipart_chunksize=16 << 20, max_concurrency=4)


def list_files(prefix: str, below: bool = True) -> Iterator[tuple[str, int, str]]:
    """Address, size and version of all files whose addresses begin with a prefix.

    Args:
        prefix: an address, or the first part of one.
        below: whether to include files whose addresses have another slash after the prefix.
    """
    bucket, key = bucket_and_path(prefix)
    only = {} if below else {"Delimiter": "/"}
    for page in _client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key, **only):
        for item in page.get("Contents", ()):
            yield f"s3://{bucket}/{item['Key']}", item["Size"], _version(item)


def list_names(prefix: str) -> Iterator[str]:
    """Names of the files and folders directly in a folder; `prefix` is its address with a slash at the end."""
    bucket, key = bucket_and_path(prefix)
    for page in _client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key, Delimiter="/"):
        yield from (item["Key"].removeprefix(key) for item in page.get("Contents", ()))
        yield from (item["Prefix"].removeprefix(key).rstrip("/") for item in page.get("CommonPrefixes", ()))


def delete(uris: Sequence[str]) -> None:
    """Removes files; missing ones are skipped."""
    from botocore.exceptions import ClientError

    keys: dict[str, list[str]] = {}
    for bucket, key in map(bucket_and_path, uris):
        keys.setdefault(bucket, []).append(key)
    for bucket, names in keys.items():
        for first in range(0, len(names), _BATCH):
            objects = [{"Key": name} for name in names[first : first + _BATCH]]
            answer = _client().delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
            for problem in answer.get("Errors", ()):
                if problem["Code"] != "NoSuchKey":
                    raise ClientError({"Error": problem}, "DeleteObjects")
