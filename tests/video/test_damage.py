"""Damage is reported: files that break off, and damaged pictures on which the needed ones depend."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from pipelines import label
from pipelines.core.failure import Failure
from pipelines.core.spec import ClipSpec
from pipelines.dataset.example import Example, decode, encode
from pipelines.decoding.answers import answers
from pipelines.decoding.messages import Request, WindowJob
from pipelines.video.clip import read_clip
from pipelines.video.errors import VideoDecodeError
from pipelines.video.long_video import read_windows
from pipelines.video.pieces import Range
from pipelines.video.resize import Resizer
from pipelines.video.survey import survey
from pipelines.video.windows import WindowSpec
from tests import ROOT
from tests.conftest import ONE_DECODER, preprocess, write_video
from tests.support.films import write_film
from tests.support.format_examples import check_like_the_example
from tests.support.label_model import level_of, make_model, write_grey
from tests.support.mutated_frames import KINDS, check
from tests.support.mutated_sources import FEW, make_sources

FIELD = ROOT / "tests" / "data" / "field"
SPEC = ClipSpec(4, 32, 32)


@pytest.mark.parametrize(
    ("name", "num_frames", "damage"),
    [
        ("truncated_70_percent.avi", 20, "48 of 75 frames are there"),
        ("truncated_60_percent.mp4", 20, "390 of 720 frames are there"),
        ("h264_corrupt_reference_shown_later.mp4", 3, "1 of 75 frames is damaged"),  # 62 depends on 64
        ("h264_nalrefidc_flip_clip_neither.mp4", 5, "1 of 75 frames is damaged"),
        ("joined.ts", 20, ""),
        ("nullframes.avi", 20, ""),
    ],
)
def test_files_after_public_problem_reports(name: str, num_frames: int, damage: str) -> None:
    clip = read_clip(str(FIELD / name), ClipSpec(num_frames, 32, 32))
    assert damage in clip.damage and clip.damaged == bool(damage)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_references_that_are_missing_are_said(suffix: str, tmp_path: Path) -> None:
    """The decoder conceals them. Where a group of pictures begins anew, what was lost before is not missed. A picture
    whose number happens to follow may give no frame."""
    path = write_video(tmp_path / f"v.{suffix}", 40, "libx264", options={"g": "20", "bf": "2"})
    without_frames = (range(5, 21), "2 of 24 frames can't be decoded")
    for lost, damage in ((range(10, 14), "frames are missing in 1 place"), (range(16, 20), ""), without_frames):
        cut = tmp_path / f"cut.{suffix}"
        with av.open(str(path)) as source, av.open(str(cut), "w") as target:
            stream = target.add_stream_from_template(source.streams.video[0])
            for number, packet in enumerate(packet for packet in source.demux(video=0) if packet.size):
                if number not in lost:
                    packet.stream = stream
                    target.mux(packet)
        assert read_clip(str(cut), SPEC).damage == damage


def test_frames_that_a_decoder_loses_without_a_word_are_said(tmp_path: Path) -> None:
    options = {"x265-params": "keyint=20:scenecut=0:bframes=2:log-level=none"}
    path, damaged = write_video(tmp_path / "v.mkv", 40, "libx265", options=options), tmp_path / "damaged.mkv"
    with av.open(str(path)) as source, av.open(str(damaged), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(packet for packet in source.demux(video=0) if packet.size):
            if number == 22:
                packet.update(bytes(packet)[:4] + bytes(packet.size - 4))
            packet.stream = stream
            target.mux(packet)
    clip = read_clip(str(damaged), SPEC)
    assert clip.num_source_frames < 40
    assert clip.damage == f"{40 - clip.num_source_frames} of 40 frames can't be decoded"
    assert not read_clip(str(path), SPEC).damaged


@pytest.mark.parametrize("name", ["v.avi", "v.mov", "v.dv"])
def test_blocks_of_dv_that_are_damaged(name: str, tmp_path: Path) -> None:
    """The decoder shows them without a word."""
    path, spec = tmp_path / name, ClipSpec(5, 32, 32)
    pictures = [np.full((576, 720, 3), 20 * level, np.uint8) for level in range(10)]
    data = bytearray(write_film(path, pictures, "dvvideo", bit_rate=0).read_bytes())
    first = data.index(b"\x1f\x07\x00")  # of the first block
    assert not read_clip(str(path), spec).damaged
    for frame, damage in ((3, "blocks of a DV frame are damaged"), (2, "")):  # the clip shows frames 1, 3, 5, ...
        place = data.index(data[first : first + 80], first + 1) if name != "v.dv" else first + 144_000
        begin = first + frame * (place - first) + 70_000
        path.write_bytes(data[:begin] + bytes(4000) + data[begin + 4000 :])
        assert read_clip(str(path), spec).damage == damage
        (piece,) = survey(str(path)).pieces(WindowSpec(1, 1, 1))
        assert [window.damaged for window in read_windows(str(path), spec, piece)] == [bool(damage)]


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("v.avi", "mjpeg", {}),
        ("v.mkv", "mjpeg", {}),
        ("v.mp4", "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "g": "1"}),
        ("v.webm", "libvpx", {"deadline": "realtime", "cpu-used": "8", "g": "1"}),
    ],
)
def test_holes_within_pictures(name: str, codec: str, options: dict[str, str], tmp_path: Path) -> None:
    """Decoders go on as if they were data. Cameras pad pictures with zeros, which is no damage."""
    path, spec = tmp_path / name, ClipSpec(5, 32, 32)
    pictures = [np.random.default_rng(i).integers(0, 256, (240, 320, 3), np.uint8) for i in range(10)]
    data = write_film(path, pictures, codec, options, bit_rate=40_000_000).read_bytes()
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    assert min(map(len, packets)) > 12_000 and not read_clip(str(path), spec).damaged
    # Where a codec gives a frame for each packet, the one that is lost is said.
    lost = "1 of 10 frames can't be decoded" if codec == "libvpx-vp9" else "a hole of zeros in a picture"
    for begin, damage in ((3000, lost), (len(packets[5]) - 4200, "")):
        place = data.index(packets[5][-2000:]) + 2000 - len(packets[5]) + begin
        path.write_bytes(data[:place] + bytes(4200) + data[place + 4200 :])
        clip = read_clip(str(path), spec)
        assert clip.damage == damage or (not damage and clip.num_source_frames == 10)
        (piece,) = survey(str(path)).pieces(WindowSpec(1, 1, 1))
        assert next(iter(read_windows(str(path), spec, piece))).damaged == clip.damaged


def test_less_than_half_is_a_failure() -> None:
    with pytest.raises(VideoDecodeError, match="^only 6 of 50 frames are there$"):
        read_clip(str(FIELD / "trunc55.mp4"), SPEC)


@pytest.mark.parametrize("name", ["h264_corrupt_reference_shown_later.mp4", "h264_nalrefidc_flip_clip_neither.mp4"])
@pytest.mark.parametrize("num_frames", [1, 2, 3, 5, 8])
def test_windows_are_damaged_or_show_what_plain_decoding_does(name: str, num_frames: int) -> None:
    path, spec = FIELD / name, ClipSpec(num_frames, 32, 32)
    resize = Resizer(spec)
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        frames = list(container.decode(video=0))
        plain, corrupt = [resize(frame) for frame in frames], [frame.is_corrupt for frame in frames]
    damaged = []
    for piece in survey(str(path)).pieces(WindowSpec(1.0, 0.5, 1.0)):
        for planned, result in zip(piece.windows, read_windows(str(path), spec, piece), strict=True):
            assert result.failure is None
            indices = [planned.first + index for index in spec.sample(planned.end - planned.first)]
            expected = np.stack([plain[index] for index in indices])
            assert result.damaged or np.array_equal(result.frames, expected)
            damaged.append(result.damaged)
            if any(corrupt[index] for index in indices):
                assert result.damaged
    assert any(damaged) and not all(damaged)


@pytest.mark.timeout(600)
@pytest.mark.slow
def test_mutated_files_are_said_to_be_damaged(tmp_path: Path) -> None:
    """A small part of what `python -m tests.support.mutated_frames` checks."""
    found = list(check(make_sources(tmp_path, FEW), tmp_path, range(11 * len(KINDS)), seed=3))
    assert [name for outcome, _, name in found if outcome == "wrong"] == []
    outcomes = [outcome for outcome, _, _ in found]
    assert all(outcomes.count(outcome) > 10 for outcome in ("damaged", "failed", "undamaged"))


def windows_of(path: Path, spec: WindowSpec) -> list[dict[str, Any]]:
    """The headers of the decoder's answers for all ranges of a video."""
    job = WindowJob(SPEC, spec)
    headers = [header for header, _ in answers(job, Request(str(path)))]
    if headers[0]["status"] != "cut":
        return headers
    ranges = [Range.from_json(json.loads(json.dumps(part))) for part in headers[0]["ranges"]]
    found = [[header for header, _ in answers(job, Request(str(path), range=part))] for part in ranges]
    assert len(found) > 1
    for part, some in zip(ranges, found, strict=True):
        assert {header["num_windows"] for header in some} == {part.num_windows} == {len(some)}
    return [header for some in found for header in some]


@pytest.mark.parametrize("spec", [WindowSpec(2, 1, 3), WindowSpec(2, 1, 2, 4), WindowSpec(2, 1, 30)])
def test_what_is_missing_is_a_failure_with_its_time(spec: WindowSpec) -> None:
    *windows, lost = windows_of(FIELD / "truncated_60_percent.mp4", spec)
    assert (len(windows) == 1) == (spec.whole_up_to_s == 30)
    assert {header["status"] for header in windows} == {"window"}
    assert windows[-1]["damaged"] and windows[-1]["window"][2] == pytest.approx(15.64)
    assert lost["window"] == (len(windows), pytest.approx(15.64), 28.8)
    failure = Failure.from_json(lost["failure"])
    assert (failure.type, failure.message) == ("VideoDecodeError", "390 of 720 frames are there")
    assert (failure.start_s, failure.end_s) == lost["window"][1:]
    assert [header["window"][0] for header in windows] == list(range(len(windows)))


@pytest.mark.process
def test_labels_go_up_to_where_a_video_breaks_off(tmp_path: Path) -> None:
    make_model(tmp_path / "model", durations_s={"min": 0.4, "median": 1.0, "max": 1.0})
    videos = tmp_path / "videos"
    levels = [level_of("Jump")] * 100 + [level_of("Wave")] * 100
    for name, share, sound in (("long", 0.7, levels), ("short", 0.6, levels[:40]), ("stump", 0.3, levels)):
        noisy = write_grey(videos / f"{name}.avi", sound, options={"g": "5"})
        data = noisy.read_bytes()
        movi, index = data.index(b"movi"), data.index(b"idx1")
        noisy.write_bytes(data[: movi + int(share * (index - movi))])
    write_grey(videos / "whole.avi", levels[:40])
    output = tmp_path / "labels"
    words = ["--model", tmp_path / "model", "--input", videos, "--output", output, "--max-failure-rate", 1]
    assert label.run([str(word) for word in (*words, *ONE_DECODER)]) == 0
    rows = [json.loads(line) for line in (output / "labels-00000-of-00001.jsonl").read_text().splitlines()]
    failures = [json.loads(line) for line in (output / "failures.jsonl").read_text().splitlines()]
    lost = {failure["video"]: failure for failure in failures}
    assert sorted(lost) == ["long.avi", "short.avi", "stump.avi"] and len(failures) == 3
    assert lost["stump.avi"]["start_s"] is None and "only " in lost["stump.avi"]["message"]
    for name, end_s in (("long.avi", 8.0), ("short.avi", 1.6)):
        segments = [row for row in rows if row["video"] == name]
        assert segments[0]["start_s"] == 0 and all(a["end_s"] == b["start_s"] for a, b in pairwise(segments))
        assert lost[name]["start_s"] == segments[-1]["end_s"] and lost[name]["end_s"] == end_s
        assert f"of {round(end_s * 25)} frames are there" in lost[name]["message"]
    assert {row["video"] for row in rows} == {"long.avi", "short.avi", "whole.avi"}
    summary = json.loads((output / "summary.json").read_text())
    assert (
        summary["failures_by_reason"] == {"VideoDecodeError": 3}
        and "frames are there" in (output / "report.html").read_text()
    )


@pytest.mark.process
def test_the_record_the_report_and_the_page_say_what_is_wrong(tmp_path: Path) -> None:
    videos, output = tmp_path / "videos", tmp_path / "out"
    for name in ("h264_corrupt_reference_shown_later.mp4", "truncated_60_percent.mp4", "joined.ts"):
        target = videos / "Jump" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((FIELD / name).read_bytes())
    write_video(videos / "Jump" / "one.mp4", 1)
    arguments = ("--num-frames", 3, "--size", 32, "--shards", 1, "--splits", "train=1", "--max-failure-rate", 1)
    done = preprocess("--input", videos, "--output", output, *arguments, code=0)
    assert "2 of the written are damaged" in done.stderr + done.stdout
    (report,) = (output / "_state" / "shards").glob("*.json")
    written = json.JSONDecoder().raw_decode(report.read_text())[0]["written"]
    said = {video["video_id"]: (video["damaged"], video["remark"]) for video in written}
    assert said["Jump/truncated_60_percent"] == (True, "390 of 720 frames are there")
    assert said["Jump/joined"] == (False, "times jump back by 1.96 s after 50 frames: joined")
    assert said["Jump/one"] == (False, "a single picture")
    assert "390 of 720 frames are there" in (output / "preview.html").read_text()
    check_like_the_example("remarks.jsonl", (output / "remarks.jsonl").read_text())
    remarks = [json.loads(line) for line in (output / "remarks.jsonl").read_text().splitlines()]
    assert {line["video_id"]: line["remark"] for line in remarks} == {name: text for name, (_, text) in said.items()}
    notes = json.loads((output / "dataset_info.json").read_text())["notes"]
    assert any(note.startswith("2 videos are damaged: ") for note in notes)
    assert any(note.startswith("1 video has corrected times: Jump/joined") for note in notes)
    assert any(note.startswith("WARNING: 1 video is a single picture: Jump/one") for note in notes)
    assert "1 video is a single picture" in done.stdout


def test_records_of_most_videos_have_no_remark() -> None:
    record = Example([b"x"], 1, "A", "a", "g", [0.0], [0], 9)
    assert b"remark" not in encode(record) and decode(encode(record)) == record
    damaged = Example([b"x"], 1, "A", "a", "g", [0.0], [0], 9, "1 of 2 frames is there")
    assert decode(encode(damaged)) == damaged
