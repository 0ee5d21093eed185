"""Marks of what files contain."""

from pathlib import Path

import pytest

from pipelines.core.spec import ClipSpec
from pipelines.video import content
from pipelines.video.clip import read_clip
from pipelines.video.errors import VideoOpenError


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "an empty file"),
        (b"<!DOCTYPE html><html>", "a web page, as a server sends it that asks to sign in"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\n", "a pointer of Git LFS"),
        (b"PK\3\4" + bytes(99), "a spreadsheet .* or an archive"),
    ],
)
def test_what_came_in_place_of_a_video_is_named(data: bytes, what: str, tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_bytes(data)
    with pytest.raises(VideoOpenError, match=f"^not a video but {what}"):
        read_clip(str(tmp_path / "v.mp4"), ClipSpec(2, 16, 16))


def test_marks_of_small_and_large_files(tmp_path: Path) -> None:
    marks = set()
    for size in (10, content._LARGE_BYTES, content._LARGE_BYTES + 1, 5 * content._LARGE_BYTES):
        path, copy = tmp_path / "a", tmp_path / "b"
        for file in (path, copy):
            file.unlink(missing_ok=True)
            with file.open("wb") as target:
                target.truncate(size)  # a hole, which takes no disk
        same = content.content_mark(str(path))
        assert same == content.content_mark(str(copy)) > 0
        marks.add(same)
        for place in (0, size - 1):  # samples include both ends
            with copy.open("r+b") as target:
                target.seek(place)
                target.write(b"x")
            marks.add(content.content_mark(str(copy)))
    assert len(marks) == 12
