"""Clips of large files, of which only the groups of pictures that hold wanted frames are read."""

import functools
from dataclasses import asdict
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from pipelines.core.spec import ClipSpec
from pipelines.video import clip as clips
from pipelines.video import survey as surveys
from pipelines.video.clip import Clip, clip_of_listed, read_clip
from pipelines.video.demuxers import demux
from pipelines.video.frames import open_video
from pipelines.video.sparse import starts
from pipelines.video.sparse.listing import MIN_BYTES, Listing, list_frames
from pipelines.video.sparse.runs import Run, plan_runs
from tests.support.films import write_film
from tests.support.long_files import CountedFile, repeat
from tests.support.long_videos import OPEN_265, read, x264
from tests.support.long_videos import same as same_window
from tests.support.long_videos import windows as windows_of

SPEC = ClipSpec(3, 32, 32)
GROUP, FRAMES, TIMES = 12, 48, 10
CODECS: dict[str, tuple[str, dict[str, str]]] = {
    "closed.mp4": ("libx264", x264("keyint=12:bframes=3")),
    "open.mov": ("libx264", x264("keyint=12:bframes=3:open-gop=1")),
    "hevc.mp4": ("libx265", OPEN_265),
}


@pytest.fixture(scope="module", params=CODECS)
def long_file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """480 frames, with sound."""
    folder = tmp_path_factory.mktemp("long")
    noise = np.random.default_rng(0).integers(0, 256, (96, 400, 3), np.uint8)
    pictures = [np.ascontiguousarray(noise[:, 4 * index : 4 * index + 128]) for index in range(FRAMES)]
    short = write_film(folder / f"short{request.param}", pictures, *CODECS[request.param])
    return repeat(short, folder / request.param, TIMES, sound=True)


def read_sparsely(path: Path, spec: ClipSpec = SPEC) -> Clip | None:
    with open_video(str(path)) as (container, stream):
        listing = list_frames(container, stream, min_bytes=0)
        return None if listing is None else clip_of_listed(container, stream, listing, spec)


def same(one: Clip | None, other: Clip) -> bool:
    assert one is not None
    first, second = asdict(one), asdict(other)
    return bool(np.array_equal(first.pop("frames"), second.pop("frames"))) and first == second


@pytest.mark.parametrize(
    ("pts", "keys", "wanted", "runs"),
    [
        pytest.param([0, 1, 2, 3, 4, 5], [0, 3], {1, 4, 5}, [Run(0, 2, (1,)), Run(3, 6, (4, 5))], id="closed groups"),
        pytest.param([0, 1, 2, 3, 4, 5], [0, 3], {3}, [Run(3, 4, (3,))], id="a key frame"),
        pytest.param([0, 2, 1, 5, 4, 3, 6], [0, 3], {3, 4}, [Run(0, 6, (4, 5))], id="shown before the key frame"),
        pytest.param([0, 2, 1, 5, 4, 3, 6], [0, 3], {3, 6}, [Run(0, 6, (5,)), Run(3, 7, (6,))], id="before and after"),
        pytest.param([0, 3, 1, 2, 4], [0, 2], {1, 4}, [Run(0, 5, (2, 4))], id="an earlier packet is shown later"),
        pytest.param([1, 0, 2], [0], {0}, None, id="no key frame before it"),
        pytest.param([0, 1, 2], [], {1}, None, id="no key frame at all"),
        pytest.param([0, 1, 2], [0], set(), [], id="nothing"),
    ],
)
def test_runs(pts: list[int], keys: list[int], wanted: set[int], runs: list[Run] | None) -> None:
    assert plan_runs(np.array(pts), np.isin(np.arange(len(pts)), keys), wanted) == runs


def test_few_bytes_are_read(long_file: Path) -> None:
    file = CountedFile(long_file)
    with av.open(file) as container:
        stream = container.streams.video[0]
        listing = list_frames(container, stream, min_bytes=0)
        assert listing is not None
        before = file.bytes_read
        clip = clip_of_listed(container, stream, listing, SPEC)
    assert same(clip, read_clip(str(long_file), SPEC))
    groups = 4 * long_file.stat().st_size * GROUP / (FRAMES * TIMES)  # one for each frame, and the first
    assert file.bytes_read - before < 2 * groups + 4 * 65536 < long_file.stat().st_size / 2


def test_which_files_are_large_enough(long_file: Path) -> None:
    assert long_file.stat().st_size < MIN_BYTES
    with open_video(str(long_file)) as (container, stream):
        assert list_frames(container, stream) is None
        assert list_frames(container, stream, container.size + 1) is None
        assert list_frames(container, stream, container.size) is not None


@pytest.mark.parametrize("spec", [ClipSpec(7, 32, 32), ClipSpec(50, 32, 32, "notebook")])
def test_clips_are_the_same(spec: ClipSpec, long_file: Path) -> None:
    assert same(read_sparsely(long_file, spec), read_clip(str(long_file), spec))


def damage(path: Path, target: Path, index: int) -> Path:
    """A copy in which the packet of a frame is nearly all zeros."""
    with open_video(str(path)) as (container, stream):
        packets = sorted(demux(container, stream), key=lambda packet: packet.pts or 0)
        pos, size = packets[index].pos, packets[index].size
    data = bytearray(path.read_bytes())
    assert pos is not None
    data[pos + 5 : pos + size] = bytes(size - 5)
    target.write_bytes(data)
    return target


def test_damage(long_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read is found damaged as ever; what isn't read doesn't matter."""
    intact = read_clip(str(long_file), SPEC)
    monkeypatch.setattr(clips, "list_frames", functools.partial(list_frames, min_bytes=0))
    assert same(read_clip(str(long_file), SPEC), intact)
    elsewhere = damage(long_file, tmp_path / long_file.name, 3 * GROUP + 2)
    assert same(read_clip(str(elsewhere), SPEC), intact)
    hit = damage(long_file, tmp_path / long_file.name, intact.frame_indices[1])
    assert read_sparsely(hit) is None
    found = read_clip(str(hit), SPEC)
    monkeypatch.undo()
    assert same(found, read_clip(str(hit), SPEC)) and not same(found, intact)
    monkeypatch.setattr(clips, "list_frames", functools.partial(list_frames, min_bytes=0))
    cut = tmp_path / f"cut{long_file.suffix}"
    repeat(long_file, cut, muxing={"movflags": "+faststart"})
    with open(cut, "r+b") as file:
        file.truncate(cut.stat().st_size * 9 // 10)
    assert read_sparsely(cut) is None
    assert "frames are there" in read_clip(str(cut), SPEC).damage


def test_a_listing_that_is_wrong_is_given_up(long_file: Path) -> None:
    with open_video(str(long_file)) as (container, stream):
        listing = list_frames(container, stream, min_bytes=0)
    assert listing is not None
    changes: dict[str, Any] = {"pts": 1, "dts": 1, "positions": 1, "sizes": 1, "keys": True}
    for name, change in changes.items():
        with open_video(str(long_file)) as (container, stream):
            wrong = list_frames(container, stream, min_bytes=0)
            assert wrong is not None
            values = getattr(wrong.samples, name)
            values[1] += change
            assert clip_of_listed(container, stream, wrong, ClipSpec(FRAMES * TIMES // 4, 32, 32)) is None, name


def test_surveys_are_the_same(long_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their key frames are some of those that are found when all packets are read."""
    whole, windows = surveys.survey(str(long_file)), read(long_file, range_s=4.0)
    monkeypatch.setattr(surveys, "list_frames", functools.partial(list_frames, min_bytes=0))
    monkeypatch.setattr(surveys, "scan", None)
    monkeypatch.setattr(starts, "_APART_S", 2.0)
    monkeypatch.setattr(starts, "_PARTS", 1)
    listed = surveys.survey(str(long_file))
    assert listed.pts is not None and whole.pts is not None
    assert listed.pts.tolist() == whole.pts.tolist() and listed.times_s.tolist() == whole.times_s.tolist()
    assert listed.duration_s == whole.duration_s
    assert set(listed.key_frames) < set(whole.key_frames)
    assert 7 <= len(listed.key_frames) <= 10 and np.diff(listed.times_s[listed.key_frames]).min() >= 2
    assert len(listed.pieces(windows_of(4.0))) > 2
    assert all(map(same_window, read(long_file, range_s=4.0), windows)) and len(windows) > 40


def test_a_survey_of_a_short_video_is_its_clip(long_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surveys, "list_frames", functools.partial(list_frames, min_bytes=0))
    monkeypatch.setattr(surveys, "scan", None)
    with pytest.raises(StopIteration) as end:
        next(surveys.clip_or_survey(str(long_file), None, SPEC, whole_up_to_s=30.0))
    assert same(end.value.value, read_clip(str(long_file), SPEC))


def test_a_survey_reads_all_where_tables_mislead(long_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = surveys.survey(str(long_file))

    def wrong(container: Any, stream: Any) -> Listing | None:
        listing = list_frames(container, stream, min_bytes=0)
        assert listing is not None
        listing.samples.positions[:] += 1
        return listing

    monkeypatch.setattr(surveys, "list_frames", wrong)
    found = surveys.survey(str(long_file))
    assert found.key_frames.tolist() == expected.key_frames.tolist()
