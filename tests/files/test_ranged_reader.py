"""Files in stores that are read in pieces, and answers that are shorter than the file."""

import os
from collections.abc import Callable

import pytest

from pipelines.files import ranged_reader


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranged_reader, "_PIECE_BYTES", 1000)
    monkeypatch.setattr(ranged_reader.time, "sleep", lambda _: None)


def cut(data: bytes, missing: Callable[[int], int]) -> Callable[[int, int], bytes]:
    """Returns pieces of a file; the n-th lacks the n-th number of bytes."""
    asked: list[int] = []

    def fetch(first: int, count: int) -> bytes:
        asked.append(first)
        assert first + count <= len(data)
        return data[first : first + count - missing(len(asked))]

    return fetch


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("missing", "is_whole"),
    [
        (lambda _: 0, True),
        (lambda n: n % 2, True),
        (lambda n: 100 if n < 4 else 0, True),
        (lambda n: 100 if n < 5 else 0, False),
        (lambda n: 1 if n > 1 else 0, False),
        (lambda n: -1 if n == 2 else 0, True),  # more than was asked for
    ],
)
def test_pieces_that_are_too_short(missing: Callable[[int], int], is_whole: bool) -> None:
    data = os.urandom(2100)
    if is_whole:
        assert ranged_reader.reading("s3://b/f", cut(data, missing), len(data)).read() == data
        return
    with pytest.raises(OSError, match="the store sent"):
        ranged_reader.reading("s3://b/f", cut(data, missing), len(data)).read()
