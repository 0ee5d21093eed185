"""Datasets of parts of videos: the same bytes as of parts that were cut out, and an account of each row."""

import hashlib
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.clip_ids import clip_id
from tests.conftest import preprocess, run_here
from tests.support.cutting import cut
from tests.support.films import write_film
from tests.support.long_videos import moving_pictures, x264

pytestmark = pytest.mark.process

SIZE = ("--num-frames", 6, "--size", 32, "--shards", 3)
NTSC = Fraction(30000, 1001)
VIDEOS = [
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


def rows() -> list[Row]:
    return [
        (name, round(a * group_s, 3), round(b * group_s, 3), ("Jump", "Run")[number % 2], f"g{place}")
        for place, (name, _, _, _, group_s) in enumerate(VIDEOS)
        for number, (a, b) in enumerate(PARTS)
    ]


def write_rows(path: Path, found: list[Row]) -> Path:
    lines = [f"{name},{start_s:g},{end_s:g},{label},{group}\n" for name, start_s, end_s, label, group in found]
    path.write_text("path,start,end,label,group\n" + "".join(lines))
    return path


def test_parts_give_the_bytes_of_files_cut_out_beforehand(videos: Path, tmp_path: Path) -> None:
    one_label = [(name, a, b, "Jump" if place % 2 else "Run", g) for place, (name, a, b, _, g) in enumerate(rows())]
    same = [(name, a, b, {"a": "Jump", "b": "Run", "c": "Run"}[name[0]], g) for name, a, b, _, g in one_label]
    manifest = write_rows(videos / "parts.csv", same)
    preprocess("--input", manifest, "--output", tmp_path / "parts", *SIZE, code=0)

    lines = ["path,label,group\n"]
    for name, start_s, end_s, label, group in same:
        stem, suffix = name.rsplit(".", 1)
        target = f"{clip_id(stem, start_s, end_s)}.{suffix}"
        cut(videos / name, tmp_path / "cut" / target, start_s, end_s)
        lines.append(f"{target},{label},{group}\n")
    (tmp_path / "cut" / "all.csv").write_text("".join(lines))
    preprocess("--input", tmp_path / "cut" / "all.csv", "--output", tmp_path / "whole", *SIZE, code=0)

    assert shards(tmp_path / "parts") == shards(tmp_path / "whole")
    found = info(tmp_path / "parts")
    assert found["counts"]["written"] == len(same) == 25
    assert found["durations_s"] == pytest.approx(info(tmp_path / "whole")["durations_s"], abs=1e-3)
    assert run_here("pipelines.verify", tmp_path / "parts").returncode == 0
