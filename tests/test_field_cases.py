"""Inputs modelled on public problem reports: whole trees, lists and a labelling job.

Those that are a matter of single files are in `tests/video/test_field_videos.py` and `test_damage.py`, manifests and
split files in `tests/inputs`.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from pipelines.core.spec import ClipSpec
from pipelines.dataset.listing import read_catalog
from pipelines.labelling.listing import list_videos
from pipelines.video.clip import read_clip
from pipelines.video.errors import VideoDecodeError, VideoOpenError
from pipelines.video.long_video import read_windows
from pipelines.video.survey import survey
from pipelines.video.windows import WindowSpec
from tests.support.label_model import make_model
from tests.support.store_tools import run_label


@pytest.fixture(scope="module")
def field(real_data: Path) -> Path:
    return real_data / "field"


@pytest.mark.parametrize(
    ("tree", "videos"),
    [
        ("gif", ["Swing/1", "Swing/2", "Walk/1", "Walk/2"]),
        ("same_stem", ["x/a.avi", "x/a.mp4"]),
        (
            "kinetics",
            [
                *("abseiling/__NrybzYzUg_000415_000425", "abseiling/__lt03EF4ao_000010_000020"),
                *(f"abseiling/a{number}" for number in (1, 2, 3)),
                *(f"air drumming/b{number}" for number in (1, 2, 3)),
            ],
        ),
    ],
)
def test_trees(field: Path, tree: str, videos: list[str]) -> None:
    catalog = read_catalog(str(field / "trees" / tree))
    assert [video.video_id for video in catalog.videos] == videos
    assert not catalog.ignored and {video.label for video in catalog.videos} == {name.split("/")[0] for name in videos}


def test_the_list_of_hmdb51_has_names_that_begin_like_comments(field: Path) -> None:
    videos = list_videos(str(field / "trees" / "hmdb51" / "pick" / "list.txt")).videos
    assert [video.video_id[:4] for video in videos] == ["#122", "#122", "RATR", "show"]
    assert all(video.version != "missing" for video in videos)


def test_mirrored_pictures(field: Path) -> None:
    """In the test picture, the numbers of frames are above red and green, these above blue and yellow."""

    def corners(name: str) -> list[str]:
        frame = read_clip(str(field / "preprocess" / "x" / name), ClipSpec(1, 48, 64)).frames[0].astype(int)
        names = {(200, 40, 40): "red", (40, 180, 40): "green", (40, 60, 200): "blue", (200, 190, 50): "yellow"}
        places = [(y, x) for y in (3, 20, 44) for x in (4, 60)]
        colours = [min(names, key=lambda known: np.abs(frame[place] - known).sum()) for place in places]
        return [names[found] for found, place in zip(colours, places, strict=True) if frame[place].std() > 30]

    assert corners("hflip.mp4") == ["green", "red", "yellow", "blue"]
    assert corners("vflip.mp4") == ["blue", "yellow", "red", "green"]


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("preprocess/x/trunc_10_percent.mp4", VideoDecodeError, "only 50 of 720 frames are there"),
        ("preprocess/x/trunc55.mp4", VideoDecodeError, "only 6 of 50 frames are there"),
        ("attacks/cat_same_g09.avi", VideoOpenError, "not a video format, or one that reads other files"),
        ("attacks/play.m3u8", VideoOpenError, "not a video format, or one that reads other files"),
    ],
)
def test_what_is_no_video_or_less_than_half_of_one(field: Path, name: str, error: type, message: str) -> None:
    for read in (lambda path: read_clip(path, ClipSpec(2, 48, 64)), survey):
        with pytest.raises(error, match=message):
            read(str(field / name))


def test_empty_slots_of_an_avi_leave_the_windows_where_they_are(field: Path) -> None:
    windows = []
    for name in ("control_28.8s.mp4", "nullframes_28.8s.avi"):
        path = str(field / "label" / name)
        video = survey(path)
        assert video.duration_s == pytest.approx(28.8)
        (piece,) = video.pieces(WindowSpec(4.0, 4.0, 4.0))
        windows.append([window.frames for window in read_windows(path, ClipSpec(4, 32, 32), piece)])
    assert len(windows[0]) == len(windows[1])
    for whole, sparse in zip(*windows, strict=True):
        assert np.abs(whole.astype(int) - sparse).mean() < 12


@pytest.mark.process
def test_labels_end_when_the_videos_do(field: Path, tmp_path: Path) -> None:
    make_model(tmp_path / "model")
    for source in ("label", "attacks/list.txt"):
        run_label(tmp_path / "model", field / source, tmp_path / source, "--window-s", 4, "--stride-s", 4)
    rows = [json.loads(line) for file in tmp_path.rglob("labels-*.jsonl") for line in file.read_text().splitlines()]
    assert {row["video"]: row["end_s"] for row in sorted(rows, key=lambda row: row["end_s"])} == {
        "control_28.8s.mp4": 28.8,
        "nullframes_28.8s.avi": 28.8,
        "truncated_60_percent.mp4": 15.64,
        "screen_vfr_bframes.mp4": 22.36,
        "trim_8_to_9.5.mp4": 1.72,
        "cut_editlist.mp4": 1.5,
        "wmv_thumb.wmv": 2.0,
        "victim_g07.mp4": 1.0,
    }
    failures = [json.loads(line) for file in tmp_path.rglob("failures.jsonl") for line in file.read_text().splitlines()]
    assert sorted((item["video"], item["type"], item["start_s"], item["end_s"]) for item in failures) == [
        ("/dev/stdin", "VideoReadError", None, None),
        ("pic%03d.png", "VideoReadError", None, None),
        ("play.m3u8", "VideoOpenError", None, None),
        ("podcast.mp4", "NoVideoStreamError", None, None),
        ("truncated_60_percent.mp4", "VideoDecodeError", 15.64, 28.8),
    ]
