"""Datasets of parts of videos: the same bytes as of parts that were cut out, and an account of each row."""

import hashlib
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pipelines
from pipelines.core.clip_ids import clip_id
from pipelines.core.stored.sealed import unseal
from pipelines.dataset.config import PreprocessConfig
from pipelines.dataset.info import ShardReport
from pipelines.dataset.plan import make_plan
from pipelines.inputs.catalog import Catalog, VideoRecord
from pipelines.video.long_video import read_windows
from pipelines.video.survey import survey
from pipelines.video.windows import default_windows
from tests.conftest import make_tree, preprocess, run_here
from tests.support.cutting import cut
from tests.support.films import write_film
from tests.support.long_videos import moving_pictures, x264

pytestmark = pytest.mark.process

SIZE = ("--num-frames", 6, "--size", 32, "--shards", 3)
NTSC = Fraction(30000, 1001)
VIDEOS: list[tuple[str, str, dict[str, str], int | Fraction, float]] = [
    # name, codec, options, rate, seconds of a group of pictures
    ("a/mpeg4.avi", "mpeg4", {"g": "25", "bf": "0"}, 25, 1.0),
    ("a/ntsc.avi", "mpeg4", {"g": "30", "bf": "0"}, NTSC, 1.001),
    ("b/h264.mp4", "libx264", x264("bframes=2:keyint=25:min-keyint=25:scenecut=0:open-gop=0"), 25, 1.0),
    ("b/intra.mov", "mjpeg", {}, NTSC, 1.001),
    ("c/h264.mkv", "libx264", x264("bframes=0:keyint=25:min-keyint=25:scenecut=0"), 25, 1.0),
]
PARTS = [(0, 2), (2, 4), (1, 3), (0, 4), (3, 4)]
"""In groups of pictures; they overlap and lie within each other."""
Row = tuple[str, float, float, str, str]


def shards(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.tfrecord"))}


def info(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "dataset_info.json").read_text())
    return found


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of videos of 120 or more frames. Not to be changed."""
    folder, pictures = tmp_path_factory.mktemp("ranges"), moving_pictures()[:130]
    for name, codec, options, rate, _ in VIDEOS:
        write_film(folder / name, pictures, codec, options, rate=rate)
    return folder


LABEL_OF = {"a": "Jump", "b": "Run", "c": "Run"}


def rows() -> list[Row]:
    found = [
        (name, round(a * group_s, 3), round(b * group_s, 3), LABEL_OF[name[0]], f"g{place}")
        for place, (name, _, _, _, group_s) in enumerate(VIDEOS)
        for a, b in PARTS
    ]
    # Its first frame is at no whole number of microseconds, and it can be cut there as each frame is a key frame.
    return [*found, ("b/intra.mov", 0.05, 2.05, "Run", "g3")]


def write_rows(path: Path, found: list[Row]) -> Path:
    lines = [f"{name},{start_s:g},{end_s:g},{label},{group}\n" for name, start_s, end_s, label, group in found]
    path.write_text("path,start,end,label,group\n" + "".join(lines))
    return path


def test_parts_give_the_bytes_of_files_cut_out_beforehand(videos: Path, tmp_path: Path) -> None:
    manifest = write_rows(videos / "parts.csv", rows())
    preprocess("--input", manifest, "--output", tmp_path / "parts", *SIZE, code=0)

    lines = ["path,label,group\n"]
    for name, start_s, end_s, label, group in rows():
        stem, suffix = name.rsplit(".", 1)
        target = f"{clip_id(stem, start_s, end_s)}.{suffix}"
        cut(videos / name, tmp_path / "cut" / target, start_s, end_s)
        lines.append(f"{target},{label},{group}\n")
    (tmp_path / "cut" / "all.csv").write_text("".join(lines))
    preprocess("--input", tmp_path / "cut" / "all.csv", "--output", tmp_path / "whole", *SIZE, code=0)

    assert shards(tmp_path / "parts") == shards(tmp_path / "whole")
    found = info(tmp_path / "parts")
    assert found["counts"]["written"] == len(rows()) == 26
    assert found["durations_s"] == pytest.approx(info(tmp_path / "whole")["durations_s"], abs=0.01)
    assert run_here("pipelines.verify", tmp_path / "parts").returncode == 0


def test_each_row_that_gives_no_clip_is_a_failure(videos: Path, tmp_path: Path) -> None:
    (videos / "c" / "text.avi").write_text("not a video")
    bad = [
        ("a/mpeg4.avi", 4.0, 5.3, "Jump", "g0"),  # 5.2 s long
        ("a/mpeg4.avi", 7.0, 8.0, "Jump", "g0"),
        ("a/mpeg4.avi", 1.005, 1.035, "Jump", "g0"),
        ("c/text.avi", 0.0, 1.0, "Run", "g5"),
        ("c/text.avi", 1.0, 2.0, "Run", "g5"),
        ("gone.avi", 1.0, 2.0, "Run", "g6"),
    ]
    good = [("a/mpeg4.avi", 1.0, 2.0, "Jump", "g0"), ("a/mpeg4.avi", 4.0, 5.22, "Jump", "g0"), *rows()[5:8]]
    manifest = write_rows(videos / "bad.csv", [*good, *bad])
    preprocess("--input", manifest, "--output", tmp_path / "out", *SIZE, "--max-failure-rate", 1, code=0)
    failures = {line["video_id"]: line for line in map(json.loads, (tmp_path / "out" / "failures.jsonl").open())}
    assert {name: (line["stage"], line["type"]) for name, line in failures.items()} == {
        "a/mpeg4@4-5.3": ("decode", "RangeError"),
        "a/mpeg4@7-8": ("decode", "RangeError"),
        "a/mpeg4@1.005-1.035": ("decode", "RangeError"),
        "c/text@0-1": ("decode", "VideoOpenError"),
        "c/text@1-2": ("decode", "VideoOpenError"),
        "gone@1-2": ("read", "VideoReadError"),
    }
    assert "the range 4 to 5.3 s ends after the video, which is 5.2 s long" in failures["a/mpeg4@4-5.3"]["message"]
    assert "no frame is first shown" in failures["a/mpeg4@1.005-1.035"]["message"]
    counts = info(tmp_path / "out")["counts"]
    assert (counts["written"], counts["failed"], counts["listed"]) == (len(good), len(bad), len(good) + len(bad))


def test_dense_windows_are_several_clips_of_a_row(videos: Path, tmp_path: Path) -> None:
    whole = [("a/mpeg4.avi", 0.0, 0.0, "Jump", "g0"), ("b/h264.mp4", 0.0, 0.0, "Run", "g2")]
    parts = [("c/h264.mkv", 1.0, 4.0, "Run", "g4"), ("c/h264.mkv", 4.0, 5.0, "Run", "g4")]
    lines = [f"{name},{a:g},{b:g},{label},{group}\n" for name, a, b, label, group in parts]
    lines += [f"{name},,,{label},{group}\n" for name, _, _, label, group in whole]
    (videos / "dense.csv").write_text("path,start,end,label,group\n" + "".join(lines))
    words = ("--input", videos / "dense.csv", "--clip-s", 2, "--stride-s", 1)
    preprocess(*words, "--output", tmp_path / "all", *SIZE, code=0)
    data = pipelines.open_dataset(str(tmp_path / "all"))
    found = {clip.video_id: clip for split in data.info.splits for clip in data.clips(split)}
    windows = ["0-2", "1-3", "2-4", "3-5", "3.2-5.2"]
    expected = [f"{name}@{w}" for name in ("a/mpeg4", "b/h264") for w in windows]
    assert sorted(found) == sorted([*expected, "c/h264@1-3", "c/h264@2-4", "c/h264@4-5"])
    # The frames are those of the windows that labelling reads.
    path, spec = str(videos / "b" / "h264.mp4"), data.info.clip_spec
    (piece,) = survey(path).pieces(default_windows(data.info.durations_s, stride_s=1))
    for name, window in zip(windows, read_windows(path, spec, piece), strict=True):
        np.testing.assert_array_equal(found[f"b/h264@{name}"].frames, window.frames)
    learnt = default_windows(data.info.durations_s)
    assert (learnt.window_s, learnt.whole_up_to_s, learnt.stride_s) == (2.0, 2.001, 1.0)
    assert {key: data.info.configuration[key] for key in ("clip_s", "stride_s")} == {"clip_s": 2, "stride_s": 1}
    assert dict(data.info.counts) == {
        "listed": 4, "extra": 9, "written": 13, "failed": 0, "filtered": 0, "ignored": 0, "damaged": 0,
    }  # fmt: skip
    assert run_here("pipelines.verify", tmp_path / "all").returncode == 0

    preprocess(*words, "--output", tmp_path / "few", "--clips-per-video", 1, *SIZE, code=0)
    data = pipelines.open_dataset(str(tmp_path / "few"))
    few = {clip.video_id: clip.frames for split in data.info.splits for clip in data.clips(split)}
    assert sorted(few) == ["a/mpeg4@2-4", "b/h264@2-4", "c/h264@2-4", "c/h264@4-5"]
    for name, frames in few.items():
        np.testing.assert_array_equal(frames, found[name].frames)


def test_a_clip_that_two_rows_give_is_written_once(videos: Path, tmp_path: Path) -> None:
    lines = ["a/mpeg4.avi,1,3,Jump,g0", "a/mpeg4.avi,0,4,Jump,g0", "a/mpeg4.avi,,,Jump,g0", "b/h264.mp4,0,2,Run,g2"]
    (videos / "twice.csv").write_text("path,start,end,label,group\n" + "\n".join(lines))
    words = ("--input", videos / "twice.csv", "--output", tmp_path / "out", "--clip-s", 2, "--stride-s", 1)
    preprocess(*words, *SIZE, code=0)
    found = info(tmp_path / "out")["counts"]
    assert (found["listed"], found["written"], found["filtered"], found["extra"]) == (4, 6, 2, 4)
    assert run_here("pipelines.verify", tmp_path / "out").returncode == 0


def test_clips_of_what_lies_between_annotated_parts(videos: Path, tmp_path: Path) -> None:
    """Rows of another class are annotated parts, too."""
    lines = [
        *("a/mpeg4.avi,2,3,Jump,g0", "a/mpeg4.avi,2.2,2.8,Other,g0"),
        *("b/h264.mp4,0.2,1,Run,g2", "b/h264.mp4,3,4,Run,g2", "b/h264.mp4,4.5,5,Other,g2"),
        *("c/h264.mkv,0,2.5,Run,g4", "c/h264.mkv,3,5,Run,g4", "b/intra.mov,,,Run,g3"),
    ]
    (videos / "between.csv").write_text("path,start,end,label,group\n" + "\n".join(lines))
    words = ("--input", videos / "between.csv", "--classes", "Jump,Run", *SIZE)
    between = ("--background-label", "nothing", "--background-margin-s", 0.5)
    preprocess(*words, *between, "--output", tmp_path / "out", code=0)
    data = pipelines.open_dataset(str(tmp_path / "out"))
    found = {clip.video_id: clip for split in data.info.splits for clip in data.clips(split)}
    # The median of the parts is 1 s long.
    ids = [f"a/mpeg4@{w}" for w in ("0-1", "0.5-1.5", "3.5-4.5", "4-5", "4.2-5.2")] + ["b/h264@1.5-2.5"]
    assert sorted(name for name, clip in found.items() if clip.label_name == "nothing") == ids
    assert {found[name].group for name in ids} == {"g0", "g2"}
    assert data.info.labels == ("Jump", "Run", "nothing")
    reports = (tmp_path / "out" / "_state" / "shards").glob("*.json")
    filtered = [one for path in reports for one in ShardReport.from_json(unseal(path.read_bytes())).filtered]
    assert [(one.video_id, one.reason) for one in filtered] == [
        ("c/h264@0-0", "too little lies between its annotated parts")
    ]
    assert dict(data.info.counts) | {"ignored": 0} == {
        "listed": 9, "extra": 4, "written": 12, "failed": 0, "filtered": 1, "ignored": 0, "damaged": 0,
    }  # fmt: skip
    assert run_here("pipelines.verify", tmp_path / "out").returncode == 0
    wide = ("--background-label", "nothing", "--clip-s", 1, "--clips-per-video", 1)
    preprocess(*words, *wide, "--output", tmp_path / "few", code=0)
    data = pipelines.open_dataset(str(tmp_path / "few"))
    few = [clip.video_id for split in data.info.splits for clip in data.clips(split) if clip.label_name == "nothing"]
    assert few == ["a/mpeg4@4-5"]
    whole = ("--input", make_tree(tmp_path / "tree"), "--output", tmp_path / "no", *between)
    assert "no row of the input names a part" in preprocess(*whole, code=2).stderr


def test_shards_are_made_again_if_their_windows_change() -> None:
    catalog = Catalog((VideoRecord("v", "/v.avi", "A", "v", "1"),))
    dense = [(0.0, 0.0, 0), (2.0, 0.0, 0), (2.0, 0.5, 0), (2.0, 0.5, 3), (3.0, 0.5, 3)]
    configs = [PreprocessConfig("/i", "/o", clip_s=a, stride_s=b, clips_per_video=n) for a, b, n in dense]
    marks = {shard.fingerprint for config in configs for shard in make_plan(catalog, config).shards}
    assert len(marks) == len(configs)
    assert configs[0].identity() == PreprocessConfig("/i", "/o").identity()
    assert configs[1].identity()["clip_s"] == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--stride-s", 1), "--stride-s needs --clip-s"),
        (("--clips-per-video", 3), "--clips-per-video needs --clip-s"),
        (("--clip-s", 2, "--stride-s", 3), "--stride-s must be at most --clip-s (2), not 3"),
        (("--jpeg-quality", 50), "--jpeg-quality needs --encoding jpeg"),
        (("--background-margin-s", 3), "--background-margin-s needs --background-label"),
        (("--clip-s", 1e-9), "--clip-s: window_s must be a positive number of seconds, not 1e-09"),
    ],
)
def test_settings_that_do_not_go_together(words: tuple[object, ...], said: str, tmp_path: Path) -> None:
    done = preprocess("--input", tmp_path, "--output", tmp_path / "out", *words, code=2)
    assert done.stderr.startswith(f"error: {said}") and done.stderr.count("\n") == 1
