"""Marks of what files contain."""

from pathlib import Path

from pipelines.video import content


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
