"""Playing a labelled video: which labels are its own, what is shown, and what is refused."""

import base64
import io
import json
import re
from pathlib import Path

import av
import pytest

import pipelines
from pipelines.core.failure import Failure
from pipelines.labelling.player import MAX_PICTURES
from pipelines.labelling.rows import FORMATS, rows, write_rows
from pipelines.labelling.types import LabelledVideo, Segment
from tests.conftest import write_video


def write_labels(
    folder: Path,
    videos: dict[str, list[tuple[float, float, str]]],
    form: str = "jsonl",
    unfamiliar: float | None = None,
    remark: str = "",
) -> str:
    """A folder of labels, from video to its segments; one without any has failed."""
    folder.mkdir()
    labelled = [
        LabelledVideo(name, name, 0.0, False, tuple(Segment(*part, 0.875, (), unfamiliar) for part in parts), remark)
        for name, parts in videos.items()
    ]
    name = f"labels-00000-of-00001.{form}"
    with open(folder / name, "wb") as file:
        write_rows(file, (row for video in labelled for row in rows(video, "00ff")), form)
    failures = [
        Failure("decode", "VideoOpenError", "junk", video_id=name) for name, parts in videos.items() if not parts
    ]
    (folder / "failures.jsonl").write_text("".join(failure.to_line() for failure in failures))
    (folder / "summary.json").write_text(json.dumps({"files": {"labels": [name]}}))
    return str(folder)


def test_a_video_with_its_subtitles(tmp_path: Path) -> None:
    video = write_video(tmp_path / "videos" / "a" / "x.avi", 50)  # 2 s
    videos = {"x.avi": [(0, 2, "Wrong")], "a/x.avi": [(0, 1.5, "A<b>"), (1.5, 2, "Run")], "b/x.avi": [(0, 2, "Wrong")]}
    player = pipelines.play(str(video), write_labels(tmp_path / "labels", videos))
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


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("unfamiliar", [None, 0.5, 1.5])
def test_labels_of_any_format_say_what_is_unlike_training(form: str, unfamiliar: float | None, tmp_path: Path) -> None:
    name = "x\udce9.avi"  # not UTF-8, which tables spell out
    video = write_video(tmp_path / "x.avi", 5, size=(32, 32)).rename(tmp_path / name)
    labels = write_labels(tmp_path / "labels", {name: [(0, 0.2, "Run")]}, form, unfamiliar)
    player = pipelines.play(str(video), labels)
    assert player.labels.segments[0].unfamiliar == unfamiliar
    assert (">Run (unlike training)<" in player._repr_html_()) == (unfamiliar == 1.5)


def test_what_has_no_labels_is_said(tmp_path: Path) -> None:
    video = write_video(tmp_path / "x.avi", 50, size=(32, 32))
    labels = write_labels(tmp_path / "labels", {"x.avi": [(0, 1, "Run")]}, remark="25 of 50 frames <b>")
    lost = Failure("decode", "VideoDecodeError", "the rest <b> is missing", video_id="x.avi", start_s=1.0, end_s=2.0)
    (tmp_path / "labels" / "failures.jsonl").write_text(lost.to_line())
    shown = pipelines.play(str(video), labels)._repr_html_()
    assert "failed from 0:01.0 to 0:02.0: the rest &lt;b&gt; is missing<" in shown
    assert "25 of 50 frames &lt;b&gt;<" in shown and "<b>" not in shown


def test_a_long_video_has_no_more_pictures(tmp_path: Path) -> None:
    video = write_video(tmp_path / "x.avi", 1300, size=(32, 32))  # 52 s would be 780 pictures
    player = pipelines.play(str(video), write_labels(tmp_path / "labels", {"x.avi": [(0, 52, "Run")]}))
    with av.open(io.BytesIO(player.webm)) as file:
        assert sum(1 for _ in file.decode(video=0)) == MAX_PICTURES


def test_what_is_refused(tmp_path: Path) -> None:
    video = str(write_video(tmp_path / "x.avi", 25))
    good = write_labels(tmp_path / "good", {"x.avi": [(0, 1, "Run")]})
    damaged, cut, lost = (
        write_labels(tmp_path / name, {"x.avi": [(0, 1, "Run")]}) for name in ("damaged", "cut", "lost")
    )
    Path(damaged, "summary.json").write_text("{")
    Path(cut, "labels-00000-of-00001.jsonl").write_text('{"video": "x.avi",\n')
    Path(lost, "labels-00000-of-00001.jsonl").unlink()
    for path, labels, said in (
        (video, str(tmp_path), "is a folder of videos, not of labels. Label them first"),
        (video, str(tmp_path / "none"), "no complete labels in .*none: there is no such folder"),
        (video, damaged, "summary.json is damaged"),
        (video, cut, "jsonl is damaged"),
        (video, lost, "jsonl is missing"),
        (video, write_labels(tmp_path / "failed", {"x.avi": []}), "x.avi has no labels in .*, as it failed: junk"),
        (str(tmp_path / "y.avi"), good, r"has no labels of .*y\.avi"),
        (video, write_labels(tmp_path / "longer", {"x.avi": [(0, 9, "Run")]}), "1.0 s long, but the labels .* 9.0 s"),
        ("gs://bucket/x.avi", good, "in a store"),
    ):
        with pytest.raises(pipelines.UsageError, match=said):
            pipelines.play(path, labels)
