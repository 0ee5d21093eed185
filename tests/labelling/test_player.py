"""Playing a labelled video: which labels are its own, what is shown, and what is refused."""

import base64
import io
import json
import re
from pathlib import Path

import av
import pytest

import pipelines
from pipelines.labelling.player import MAX_PICTURES
from tests.conftest import write_video


def write_labels(folder: Path, rows: dict[str, list[tuple[float, float, str]]], form: str = "jsonl") -> str:
    """A folder of labels, from video to its segments."""
    folder.mkdir()
    lines = [
        json.dumps({"video": video, "start_s": start_s, "end_s": end_s, "label": label, "score": 0.875})
        for video, segments in rows.items()
        for start_s, end_s, label in segments
    ]
    name = f"labels-00000-of-00001.{form}"
    (folder / name).write_text("\n".join(lines) + "\n")
    (folder / "summary.json").write_text(json.dumps({"settings": {"format": form}, "files": {"labels": [name]}}))
    return str(folder)


def test_a_video_with_its_subtitles(tmp_path: Path) -> None:
    video = write_video(tmp_path / "videos" / "a" / "x.avi", 50)  # 2 s
    rows = {"x.avi": [(0, 2, "Wrong")], "a/x.avi": [(0, 1.5, "A<b>"), (1.5, 2, "Run")], "b/x.avi": [(0, 2, "Wrong")]}
    player = pipelines.play(str(video), write_labels(tmp_path / "labels", rows))
    assert [segment.label for segment in player.labels.segments] == ["A<b>", "Run"]
    with av.open(io.BytesIO(player.webm)) as file:
        frames = list(file.decode(video=0))
        assert file.streams.video[0].codec_context.codec.canonical_name == "vp8"
    assert len(frames) == 30 and (frames[0].width, frames[0].height) == (400, 240)
    times_s = [float(frame.pts * frame.time_base) for frame in frames]
    assert times_s == pytest.approx([i / 15 for i in range(30)], abs=0.001)
    shown = player._repr_html_()
    track = re.search(r"data:text/vtt;base64,([^\"]*)", shown)
    assert track and "00:00:01.500 --> 00:00:02.000\nRun 88 %" in base64.b64decode(track[1]).decode()
    assert "0:01.5 to 0:02.0" in shown and "A&lt;b&gt;" in shown and "A<b>" not in shown


def test_a_long_video_has_no_more_pictures(tmp_path: Path) -> None:
    video = write_video(tmp_path / "x.avi", 1300, size=(32, 32))  # 52 s would be 780 pictures
    player = pipelines.play(str(video), write_labels(tmp_path / "labels", {"x.avi": [(0, 52, "Run")]}))
    with av.open(io.BytesIO(player.webm)) as file:
        assert sum(1 for _ in file.decode(video=0)) == MAX_PICTURES


def test_what_is_refused(tmp_path: Path) -> None:
    video = str(write_video(tmp_path / "x.avi", 25))
    good = write_labels(tmp_path / "good", {"x.avi": [(0, 1, "Run")]})
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "summary.json").write_text("{")
    for path, labels, said in (
        (video, str(tmp_path), "has no complete labels"),
        (video, str(tmp_path / "damaged"), "is damaged"),
        (video, write_labels(tmp_path / "csv", {"x.avi": [(0, 1, "Run")]}, "csv"), "have the format csv"),
        (str(tmp_path / "y.avi"), good, r"has no labels of .*y\.avi"),
        (video, write_labels(tmp_path / "longer", {"x.avi": [(0, 9, "Run")]}), "1.0 s long, but the labels .* 9.0 s"),
        ("gs://bucket/x.avi", good, "in a store"),
    ):
        with pytest.raises(pipelines.UsageError, match=said):
            pipelines.play(path, labels)
