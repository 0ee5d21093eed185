"""Tables of headers and what they mean."""

from datetime import UTC, datetime
from email.message import Message

import pytest

from pipelines.fetching.answers import Range, Version, parse_range, retry_after_s, version_of
from pipelines.fetching.kinds import kind_of, why_no_archive


def test_content_range() -> None:
    ranges = {"bytes 5-9/10": Range(5, 10, 10), "bytes 0-0/*": Range(0, 1, 0), "bytes */77": Range(-1, -1, 77)}
    others = dict.fromkeys(("bytes 5-9", "items 5-9/10", ""))
    assert {value: parse_range(value) for value in (*ranges, *others)} == {**ranges, **others}


def test_retry_after() -> None:
    now = datetime(2011, 1, 1, tzinfo=UTC)
    assert (retry_after_s("120", now), retry_after_s("Sat, 01 Jan 2011 00:01:00 GMT", now)) == (120, 60)
    for value in ("Fri, 31 Dec 2010 00:00:00 GMT", "soon", "", "-5"):
        assert retry_after_s(value, now) == 0


@pytest.mark.parametrize(
    ("headers", "status", "expected"),
    [
        ({"content-length": "12", "etag": '"a"'}, 200, Version(12, '"a"')),
        ({"Content-Length": "4", "Content-Range": "bytes 8-11/12"}, 206, Version(12)),
        ({"Content-Length": "4"}, 206, Version()),
        ({"Content-Length": "many", "Last-Modified": "then"}, 200, Version(0, "", "then")),
    ],
)
def test_version(headers: dict[str, str], status: int, expected: Version) -> None:
    message = Message()
    for name, value in headers.items():
        message[name] = value
    assert version_of(message, status) == expected


def test_condition_of_a_version() -> None:
    assert Version(1, '"a"', "then").condition == '"a"'
    assert Version(1, 'W/"a"', "then").condition == "then"  # a weak one must not be used in If-Range
    assert Version(1, 'W/"a"').condition == ""


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (Version(5, '"a"', "then"), ""),
        (Version(), ""),
        (Version(6, '"a"', "then"), "size bytes 6 instead of 5"),
        (Version(5, '"b"', "then"), 'etag "b" instead of "a"'),
        (Version(5, "", "now"), "last modified now instead of then"),
    ],
)
def test_another_version(other: Version, said: str) -> None:
    assert Version(5, '"a"', "then").differs(other) == said


def test_kind_of_archive() -> None:
    kinds = {b"Rar!\x1a\x07\x00....": "rar", b"Rar!\x1a\x07\x01\x00": "rar", b"PK\x03\x04": "zip"}
    kinds |= {b"\x1f\x8b\x08": "tar", b"BZh9": "tar", b"\xfd7zXZ\x00": "tar", b"a" * 257 + b"ustar\x0000": "tar"}
    kinds |= {b"<!DOCTYPE html>": "", b"": ""}
    assert {start: kind_of(start) for start in kinds} == kinds


def test_what_is_no_archive() -> None:
    assert why_no_archive(b"\n <!doctype HTML>") == "a web page"
    assert why_no_archive(b"Please log in", "text/html; charset=utf-8") == "a web page"
    assert why_no_archive(b"") == "an empty file"
    assert "b'RIFF'" in why_no_archive(b"RIFF")
