"""Packets by the sample tables alone are those that FFmpeg's demuxer gives."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipelines.video.containers.mp4_samples import Samples, samples
from pipelines.video.demuxers import demux
from pipelines.video.frames import open_video
from tests.support.films import write_film
from tests.support.long_files import repeat
from tests.support.long_videos import OPEN_265, QUICK, x264

CODECS: dict[str, tuple[str, dict[str, str]]] = {
    "h264.mp4": ("libx264", x264("keyint=12:bframes=3:open-gop=1")),
    "baseline.mov": ("libx264", x264("keyint=12:bframes=0")),
    "hevc.mp4": ("libx265", OPEN_265),
    "mpeg4.mov": ("mpeg4", {"bf": "2", "g": "12"}),
    "vp9.mp4": ("libvpx-vp9", QUICK),
    "av1.mp4": ("libsvtav1", {"preset": "12", "g": "12", "svtav1-params": "lp=1"}),
    "mpeg2.mov": ("mpeg2video", {"bf": "2", "g": "12"}),
    "mjpeg.mov": ("mjpeg", {}),
}
MUXING = {
    "index first": {"movflags": "+faststart"},
    "negative offsets": {"movflags": "+negative_cts_offsets"},
    "negative offsets, no edits": {"movflags": "+negative_cts_offsets", "use_editlist": "0"},
    "no edits": {"use_editlist": "0"},
    "late": {"output_ts_offset": "3"},
    "other clock": {"video_track_timescale": "90000"},
    "written live": {"movflags": "+hybrid_fragmented+frag_keyframe"},
    "fragments": {"movflags": "+frag_keyframe+empty_moov"},
}
PARSED = ("vp9.mp4", "mpeg2.mov")
"""FFmpeg makes up the durations of their packets."""


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The short video of a name in `CODECS`, whose frame rate varies where the encoder allows that."""
    folder = tmp_path_factory.mktemp("films")
    noise = np.random.default_rng(0).integers(0, 256, (64, 300, 3), np.uint8)
    pictures = [np.ascontiguousarray(noise[:, 4 * index : 4 * index + 96]) for index in range(40)]
    times = np.cumsum(np.random.default_rng(1).integers(20, 70, len(pictures))).tolist()

    def film(name: str) -> Path:
        path = folder / name
        if not path.exists():
            write_film(path, pictures, *CODECS[name], pts=None if name in PARSED else times)
        return path

    return film


def read(path: Path) -> tuple[Samples | None, list[tuple[int | bool | None, ...]]]:
    """The packets of a video by its tables, and by reading them."""
    with open_video(str(path)) as (container, stream), open(path, "rb") as file:
        listed = samples(file, stream)
        return listed, [(p.dts, p.pts, p.duration, p.pos, p.size, p.is_keyframe) for p in demux(container, stream)]


@pytest.mark.parametrize("name", CODECS)
def test_tables_are_what_is_read(name: str, films: Callable[[str], Path], tmp_path: Path) -> None:
    for number, (title, muxing) in enumerate(MUXING.items()):
        path = repeat(films(name), tmp_path / name, muxing=muxing, sound=number % 3 == 1)
        listed, packets = read(path)
        if title == "fragments":
            assert listed is None
            continue
        assert listed is not None, title
        columns = (listed.dts, listed.pts, listed.durations, listed.positions, listed.sizes, listed.keys)
        rows = list(zip(*(column.tolist() for column in columns), strict=True))
        if name in PARSED:
            rows, packets = ([(*row[:2], *row[3:]) for row in given] for given in (rows, packets))
        assert rows == packets, title


def patched(path: Path, old: bytes, offset: int, new: bytes) -> Path:
    """Overwrites bytes at an offset from the last place of some others."""
    data = bytearray(path.read_bytes())
    place = data.rindex(old) + offset
    data[place : place + len(new)] = new
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("old", "offset", "new"),
    [
        pytest.param(b"stsd", 8, b"\0\0\0\2", id="two descriptions"),
        pytest.param(b"avc1", 0, b"encv", id="encrypted"),
        pytest.param(b"stts", 12, b"\0\0\0\7", id="intervals don't cover all packets"),
        pytest.param(b"stts", 16, b"\0\0\0\0", id="no time between packets"),
        pytest.param(b"ctts", 8, b"\0\0\0\3", id="offsets don't cover all packets"),
        pytest.param(b"ctts", 16, b"\x20\0\0\0", id="an offset of days"),
        pytest.param(b"ctts", 0, b"stts", id="two tables of intervals"),
        pytest.param(b"moov", 0, b"free", id="no tables"),
        pytest.param(b"trak", 0, b"free", id="no track"),
    ],
)
def test_what_isnt_plain_is_refused(
    old: bytes, offset: int, new: bytes, films: Callable[[str], Path], tmp_path: Path
) -> None:
    path = repeat(films("h264.mp4"), tmp_path / "a.mp4")
    assert read(path)[0] is not None
    intact = path.read_bytes()
    with open_video(str(path)) as (_, stream):  # FFmpeg's own index stays that of the intact file
        assert patched(path, old, offset, new).read_bytes() != intact
        with open(path, "rb") as file:
            assert samples(file, stream) is None


def test_an_edit_list_that_hides_packets_is_refused(films: Callable[[str], Path], tmp_path: Path) -> None:
    path = repeat(films("mpeg4.mov"), tmp_path / "a.mov", muxing={"output_ts_offset": "-0.5"})
    listed, packets = read(path)
    assert listed is None and packets
