"""Files of stores that come in pieces, and those of which less comes than there is."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from apache_beam.io.localfilesystem import LocalFileSystem

from pipelines import files
from pipelines.files import ranged_reader

short_by: list[int] = []
"""By how many bytes the next streams of `ShortFileSystem` end too early."""


class ShortFileSystem(LocalFileSystem):
    """A file system that only Beam knows, `short:///path`."""

    @classmethod
    def scheme(cls) -> str:
        return "short"

    def open(self, path: str, *arguments: Any, **named: Any) -> Any:
        data = Path(path.removeprefix("short://")).read_bytes()
        return io.BytesIO(data[: len(data) - (short_by.pop(0) if short_by else 0)])

    def exists(self, path: str) -> bool:
        return bool(super().exists(path.removeprefix("short://")))

    def metadata(self, path: str) -> Any:
        return super().metadata(path.removeprefix("short://"))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranged_reader, "_PIECE_BYTES", 1000)
    monkeypatch.setattr(ranged_reader.time, "sleep", lambda _: None)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("size_bytes", [0, 1, 999, 1000, 1001, 5500])
def test_other_file_systems(size_bytes: int, tmp_path: Path) -> None:
    path, data = tmp_path / "v.avi", os.urandom(size_bytes)
    path.write_bytes(data)
    uri = f"short://{path}"
    for missing in ([], [1], [size_bytes // 2, 1, 0], [size_bytes] * 3):
        short_by[:] = [min(count, size_bytes) for count in missing]
        with files.open_read(uri) as stream:
            assert stream.read() == data
        short_by.clear()
        with files.local_copy(uri) as copy:
            assert Path(copy).read_bytes() == data
    if size_bytes:
        short_by[:] = [1] * 4
        with pytest.raises(OSError, match=r"sent [\d,]+ bytes instead of [\d,]+ \(from byte [\d,]+ on\)") as caught:
            files.read_text(uri)
        assert caught.value.filename == uri and not short_by
    with pytest.raises(FileNotFoundError):
        files.open_read(f"short://{tmp_path}/none")


def cut(data: bytes, missing: Callable[[int], int]) -> Callable[[int, int], bytes]:
    """Pieces of a file; of the n-th, so many bytes are missing."""
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
