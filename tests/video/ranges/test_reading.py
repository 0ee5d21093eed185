"""Clips of ranges are those that decoding everything and choosing by time would give."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.failure import Failure
from pipelines.core.spec import ClipSpec
from pipelines.video.clip import Clip, read_clip
from pipelines.video.errors import RangeError
from pipelines.video.frames import open_video
from pipelines.video.long_video import WindowClip, read_windows
from pipelines.video.pieces import Piece
from pipelines.video.ranges import reading
from pipelines.video.ranges.planning import TimeRange
from pipelines.video.ranges.reading import range_clips, times_of
from pipelines.video.resize import Resizer
from pipelines.video.survey import Survey, survey
from tests.conftest import write_video
from tests.support.films import write_film
from tests.support.long_videos import OPEN_265, QUICK, moving_pictures, x264

FIELD = Path(__file__).parents[2] / "data" / "field"
SPEC = ClipSpec(num_frames=5, height=32, width=48)
COUNT = 90
VARIABLE_MS = [40 * i + 300 * (i // 10) + 7 * (i % 3) for i in range(COUNT)]
NTSC = Fraction(30000, 1001)
FILMS: list[tuple[str, str, dict[str, str], Any]] = [
    ("closed.mp4", "libx264", x264("bframes=3:keyint=12"), 25),
    ("open.ts", "libx264", x264("bframes=3:keyint=12:open-gop=1"), NTSC),
    ("variable.mkv", "libx264", x264("bframes=2:keyint=12:open-gop=1"), VARIABLE_MS),
    ("mpeg4.avi", "mpeg4", {"bf": "2", "g": "12"}, NTSC),
    ("hevc.mp4", "libx265", OPEN_265, 25),
    ("vp9.webm", "libvpx-vp9", QUICK, 25),
    ("mjpeg.mov", "mjpeg", {}, VARIABLE_MS),
]


@dataclass(frozen=True)
class Film:
    """A video, its survey, and what decoding all of it gives."""

    path: str
    survey: Survey
    pictures: list[np.ndarray]
    times_us: list[int]

    @classmethod
    def of(cls, path: Path, times_us: Sequence[int] = ()) -> "Film":
        resize = Resizer(SPEC)
        with open_video(str(path)) as (container, stream):
            frames = list(container.decode(stream))
            tick_us = float(stream.time_base or 0) * 1e6
        first = frames[0].pts or 0
        times = times_us or [round(((frame.pts or 0) - first) * tick_us) for frame in frames]
        return cls(str(path), survey(str(path)), [resize(frame) for frame in frames], list(times))


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Film]:
    folder, pictures, made = tmp_path_factory.mktemp("films"), moving_pictures()[:COUNT], []
    for name, codec, options, times in FILMS:
        pts, rate = (times, 25) if isinstance(times, list) else (None, times)
        path = write_film(folder / name, pictures, codec, options, pts, rate)
        known = [1000 * (t - pts[0]) for t in pts] if pts else [round(i * 1_000_000 / rate) for i in range(COUNT)]
        made.append(Film.of(path, known))
    return [*made, *(Film.of(FIELD / name) for name in ("cut_editlist.mp4", "screen_vfr_bframes.mp4"))]


def clips(film: Film, ranges: Sequence[TimeRange], spec: ClipSpec = SPEC, held: int = 50) -> list[Clip | Failure]:
    times = times_of(film.survey, spec)
    return list(range_clips(film.path, spec, film.survey, list(map(times.frames_of, ranges)), held))


def naive(film: Film, wanted: TimeRange) -> tuple[list[int], list[int]] | None:
    """The first frame and the number of frames in the range, and the frames of its clip; None where there is none."""
    start_us, end_us = round(wanted.start_s * 1e6), round(wanted.end_s * 1e6)
    duration_us = round(film.survey.duration_s * 1e6)
    if not 0 <= start_us < end_us or end_us - duration_us > max(1000, duration_us // len(film.times_us) / 2):
        return None
    # Films' own times may be a rounding apart from those that were written.
    shown = [k for k, t in enumerate(film.times_us) if start_us <= t < end_us]
    return ([shown[0], len(shown)], [shown[k] for k in SPEC.sample(len(shown))]) if shown else None


MS = st.integers(0, 4000) | st.sampled_from([40 * k for k in range(100)])
SPANS = st.lists(st.tuples(MS, MS).map(sorted), min_size=1, max_size=8)


@settings(max_examples=60)
@given(spans=SPANS, number=st.integers(0, len(FILMS) + 1), in_order=st.booleans(), held=st.integers(2, 9))
def test_clips_of_ranges_are_those_of_decoding_everything(
    films: list[Film], spans: list[list[int]], number: int, in_order: bool, held: int
) -> None:
    film = films[number]
    length_ms = film.survey.duration_s * 1000 / 4000
    asked = [TimeRange(round(a * length_ms) / 1000, round(b * length_ms) / 1000) for a, b in spans]
    ranges = sorted(asked, key=lambda one: (one.start_s, one.end_s)) if in_order else asked
    expected = [(wanted, found) for wanted in ranges if (found := naive(film, wanted))]
    for wanted in ranges:
        if naive(film, wanted) is None:
            with pytest.raises(RangeError):
                clips(film, [wanted])
    results = clips(film, [wanted for wanted, _ in expected], held=held)
    assert len(results) == len(expected)
    for clip, (wanted, ((first, count), indices)) in zip(results, expected, strict=True):
        assert isinstance(clip, Clip)
        assert clip.num_source_frames == count
        assert clip.frame_indices == tuple(index - first for index in indices), (film.path, wanted)
        since_us = [film.times_us[index] - film.times_us[first] for index in indices]
        assert clip.timestamps_s == pytest.approx([us / 1e6 for us in since_us], abs=2e-6)
        assert clip.duration_s == pytest.approx(min(wanted.end_s, film.survey.duration_s) - wanted.start_s, abs=2e-6)
        assert not clip.damaged
        np.testing.assert_array_equal(clip.frames, np.stack([film.pictures[index] for index in indices]))


def test_a_range_of_the_whole_video_is_its_clip(films: list[Film]) -> None:
    for spec in (SPEC, ClipSpec(5, 32, 48, "uniform-time"), ClipSpec(120, 32, 48, "notebook")):
        for film in films:
            (clip,) = clips(film, [TimeRange(0, film.survey.duration_s)], spec)
            whole = read_clip(film.path, spec)
            assert isinstance(clip, Clip)
            np.testing.assert_array_equal(clip.frames, whole.frames)
            assert clip.timestamps_s == pytest.approx(whole.timestamps_s, abs=1e-9)
            facts = [(c.frame_indices, c.num_source_frames, c.damaged, c.remarks) for c in (clip, whole)]
            assert facts[0] == facts[1], film.path
            assert clip.duration_s == pytest.approx(whole.duration_s, abs=1e-6)


def test_each_frame_is_decoded_once_however_the_ranges_overlap(films: list[Film], monkeypatch: Any) -> None:
    resized = []

    class Watched(Resizer):
        def __call__(self, frame: Any) -> np.ndarray:
            resized.append(frame.pts)
            return super().__call__(frame)

    monkeypatch.setattr("pipelines.video.long_video.Resizer", Watched)
    ranges = [TimeRange(0, 3), TimeRange(0, 1), TimeRange(0.2, 2.8), TimeRange(0.4, 0.8), TimeRange(1, 2)]
    found = [clip for clip in clips(films[0], ranges) if isinstance(clip, Clip)]
    starts = [round(25 * wanted.start_s) for wanted in ranges]
    needed = {start + index for start, clip in zip(starts, found, strict=True) for index in clip.frame_indices}
    assert len(resized) == len(set(resized)) == len(needed)


def test_long_gaps_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(write_video(tmp_path / "v.mp4", 1200, options={"g": "25"}))
    opened: list[Piece] = []

    def watched(path: str, spec: ClipSpec, piece: Piece) -> Iterator[WindowClip]:
        opened.append(piece)
        return read_windows(path, spec, piece)

    monkeypatch.setattr(reading, "read_windows", watched)
    video = survey(path)
    times = times_of(video, SPEC)
    planned = [times.frames_of(TimeRange(a, a + 1)) for a in (0, 2, 40)]
    first, second, third = range_clips(path, SPEC, video, planned, 9)
    assert all(isinstance(clip, Clip) for clip in (first, second, third))
    assert [piece.start_pts is None for piece in opened] == [True, False]


def test_damage_costs_only_the_ranges_that_have_it(tmp_path: Path) -> None:
    """A range with less than half of its frames is a failure; one that misses some is damaged, and says so."""
    path = write_film(tmp_path / "v.mkv", moving_pictures(), "mjpeg", {})
    whole = Film.of(path)
    with open_video(str(path)) as (container, stream):
        packets = [packet for packet in container.demux(stream) if packet.size]
    data = bytearray(path.read_bytes())
    for number in [*range(50, 75), 110]:
        start = data.index(bytes(packets[number]))
        data[start : start + packets[number].size] = bytes(packets[number].size)
    path.write_bytes(data)
    film = Film(str(path), survey(str(path)), whole.pictures, whole.times_us)
    all_frames = ClipSpec(25, 32, 48)
    ranges = [TimeRange(0, 1), TimeRange(1.6, 3), TimeRange(2, 3), TimeRange(4, 5), TimeRange(5, 6)]
    before, some, lost, one, after = clips(film, ranges, all_frames)
    assert isinstance(before, Clip) and isinstance(after, Clip) and not before.damaged and not after.damaged
    assert isinstance(one, Clip) and one.damaged and one.damage == "some of its pictures are damaged"
    assert isinstance(lost, Failure) and (lost.start_s, lost.end_s) == (2, 3)
    assert lost.message == "only 0 of 25 frames could be decoded"
    assert isinstance(some, Failure) or some.damaged
