"""Windows decode only what their frames depend on, and are those of plain decoding all the same."""

import random
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from pipelines.core.spec import SAMPLING_RULES, ClipSpec
from pipelines.video import taint
from pipelines.video.demuxers import demux
from pipelines.video.frames import decode_packets, open_video
from pipelines.video.long_video import WindowClip, read_windows
from pipelines.video.resize import Resizer
from pipelines.video.skipping import drop_plan, planned, stretches
from pipelines.video.skipping.unreferenced import unreferenced_test
from pipelines.video.survey import survey
from pipelines.video.windows import PlannedWindow, WindowSpec, plan_windows
from tests.support.films import write_film
from tests.support.long_videos import NUM_FRAMES, OPEN_265, QUICK, moving_pictures, same, x264

CLOSED = {"sc_threshold": "1000000000", "flags": "+cgop"}
FILMS: dict[str, tuple[str, dict[str, str]]] = {
    "closed.mp4": ("libx264", x264("bframes=3:keyint=25:scenecut=0:b-pyramid=normal")),
    "rare.mkv": ("libx264", x264("bframes=2:keyint=250:scenecut=0")),
    "open.ts": ("libx264", x264("bframes=3:keyint=12:open-gop=1")),
    "open-mpeg4.mp4": ("mpeg4", {"bf": "2", "g": "12", "sc_threshold": "1000000000"}),
    "open-mpeg4.avi": ("mpeg4", {"bf": "2", "g": "12", "sc_threshold": "1000000000"}),
    "closed-mpeg4.avi": ("mpeg4", {"bf": "1", "g": "30", **CLOSED}),
    "simple.avi": ("libx264", x264("bframes=0:keyint=25:scenecut=0")),
    "hevc.mp4": ("libx265", OPEN_265),
    "vp9.webm": ("libvpx-vp9", QUICK),
    "mpeg2.ts": ("mpeg2video", {"bf": "2", "g": "12"}),
}
SPARSE = ClipSpec(2, 24, 32)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files of `FILMS`. Tests must not change them."""
    folder, pictures = tmp_path_factory.mktemp("films"), moving_pictures()
    return {name: write_film(folder / name, pictures, *how) for name, how in FILMS.items()}


def every(seconds: float, range_s: float = 1e6) -> WindowSpec:
    return WindowSpec(seconds, seconds, seconds, range_s)


def planned_windows(path: Path, spec: WindowSpec, by_time: bool = False) -> list[PlannedWindow]:
    video = survey(str(path))
    return plan_windows(video.times_s, video.duration_s, spec, by_time)


def results(path: Path, spec: ClipSpec, windows: WindowSpec) -> list[WindowClip]:
    pieces = survey(str(path)).pieces(windows, spec.by_time)
    return [result for piece in pieces for result in read_windows(str(path), spec, piece)]


def indices_of(window: PlannedWindow, spec: ClipSpec) -> list[int]:
    return [window.first + index for index in spec.sample(window.end - window.first)]


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """The times of all packets that are given to decoders from now on, by pieces of videos."""
    times: list[int | None] = []

    def watched(context: Any, packets: Iterable[av.Packet], *arguments: Any) -> Iterator[av.VideoFrame]:
        def noted() -> Iterator[av.Packet]:
            for packet in packets:
                times.append(packet.pts)
                yield packet

        yield from decode_packets(context, noted(), *arguments)

    for module in (planned, taint):
        monkeypatch.setattr(module, "decode_packets", watched)
    return times


def stored_packets(path: Path) -> tuple[str, bytes, list[av.Packet]]:
    """The codec, its parameters, and all packets of a video; numbered in AVI, where they have no times."""
    with open_video(str(path)) as (container, stream):
        packets = list(demux(container, stream))
        if path.suffix == ".avi":
            for number, packet in enumerate(packets):
                packet.pts = number
        return stream.codec_context.name, stream.codec_context.extradata or b"", packets


@pytest.mark.parametrize(
    ("name", "share"),
    [("closed.mp4", 0.5), ("rare.mkv", 0.7), ("open-mpeg4.mp4", 0.35), ("open-mpeg4.avi", 0.35),
     ("closed-mpeg4.avi", 0.5), ("simple.avi", 0.7)],
)  # fmt: skip
def test_what_is_given_to_the_decoder(name: str, share: float, films: dict[str, Path], given: list[int | None]) -> None:
    """Exactly the packets that a plan of the whole video names; twice those starts before which others are shown."""
    path, windows = films[name], every(2.0)
    plan = drop_plan.plan(*stored_packets(path))
    assert plan is not None
    wanted = {index for window in planned_windows(path, windows) for index in indices_of(window, SPARSE)}
    kept = plan.keep(wanted)
    survey(str(path))
    results(path, SPARSE, windows)
    assert set(given) == {plan.pictures[position].pts for position in kept}
    starts = [position for position, picture in enumerate(plan.pictures) if not picture.needs]
    leading = {plan.pictures[i].shown: max(start for start in starts if start < i) for i in kept if i not in starts}
    again = {start for shown, start in leading.items() if shown in wanted and shown < plan.pictures[start].shown}
    assert {time for time in given if given.count(time) > 1} == {plan.pictures[position].pts for position in again}
    assert len(given) < share * NUM_FRAMES


@pytest.mark.parametrize("name", ["open.ts", "hevc.mp4", "vp9.webm", "mpeg2.ts"])
def test_groups_that_nobody_needs(name: str, films: dict[str, Path], given: list[int | None]) -> None:
    results(films[name], ClipSpec(1, 24, 32), every(4.0))
    assert 0 < len(given) < 0.3 * NUM_FRAMES


def test_random_windows(films: dict[str, Path]) -> None:
    chance = random.Random(5)
    for name, path in films.items():
        with open_video(str(path)) as (container, stream):
            resize = Resizer(SPARSE)
            plain = [resize(frame) for frame in container.decode(stream)]
        for _ in range(4):
            spec = ClipSpec(chance.choice((1, 2, 3, 5, 12)), 24, 32, chance.choice(sorted(SAMPLING_RULES)))
            window_s = chance.uniform(0.3, 4)
            windows = WindowSpec(window_s, window_s * chance.uniform(0.2, 1), window_s, window_s * chance.uniform(1, 9))
            found = results(path, spec, windows)
            video = survey(str(path))
            expected = planned_windows(path, windows, spec.by_time)
            for window, clip in zip(expected, found, strict=True):
                if spec.by_time:
                    times_s = video.times_s[window.first : window.end].tolist()
                    chosen = spec.sample_times(times_s, window.window.start_s, window.window.end_s)
                    indices = [window.first + index for index in chosen]
                else:
                    indices = indices_of(window, spec)
                assert (clip.window, clip.damaged, clip.failure) == (window.window, False, None), (name, spec, windows)
                np.testing.assert_array_equal(clip.frames, np.stack([plain[i] for i in indices]), f"{name} {spec}")


def test_a_group_too_long_to_be_kept(films: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("closed.mp4", "open.ts", "open-mpeg4.avi"):
        sound = results(films[name], SPARSE, every(0.7))
        with monkeypatch.context() as patch:
            patch.setattr(stretches, "_MAX_BYTES", 7000)
            assert all(map(same, results(films[name], SPARSE, every(0.7)), sound))
            assert all(map(same, results(films[name], SPARSE, every(0.7, 2.0)), sound))


# --- Damage -------------------------------------------------------------------------------------------------------


def overwritten(path: Path, target: Path, packet: av.Packet) -> Path:
    """A copy in which the second half of a packet is damaged, so that its headers can still be read."""
    data, half = path.read_bytes(), packet.size // 2
    begin = data.index(bytes(packet)) + packet.size - half
    target.write_bytes(data[:begin] + b"\x5a" * half + data[begin + half :])
    return target


def is_noticed(path: Path, time: int | None) -> bool:
    """Whether plain decoding finds that the picture with this time is damaged."""
    _, _, packets = stored_packets(path)
    with open_video(str(path)) as (_, stream):
        for packet in packets:
            errors: list[str] = []
            try:
                frames = stream.codec_context.decode(packet)
            except av.FFmpegError as error:
                frames, errors = [], [str(error)]
            if any(frame.is_corrupt and frame.pts == time for frame in frames) or (errors and packet.pts == time):
                return True
        return any(frame.is_corrupt and frame.pts == time for frame in stream.codec_context.decode(None))


@pytest.mark.parametrize("name", ["closed.mp4", "open-mpeg4.mp4", "open-mpeg4.avi"])
def test_damage_reaches_what_depends_on_it_and_nothing_else(name: str, films: dict[str, Path], tmp_path: Path) -> None:
    path, windows, spec = films[name], WindowSpec(1.2, 0.16, 1.2, 1e6), ClipSpec(1, 24, 32)
    codec, extradata, packets = stored_packets(path)
    plan = drop_plan.plan(codec, extradata, packets)
    assert plan is not None
    sound = results(path, spec, windows)
    seen = set()
    for position in range(52, 76, 2):
        damaged = overwritten(path, tmp_path / path.name, packets[position])
        found = results(damaged, spec, windows)
        noticed = is_noticed(damaged, packets[position].pts)
        for window, result, whole in zip(planned_windows(path, windows), found, sound, strict=True):
            (index,) = indices_of(window, spec)
            if position not in plan.keep({index}):
                assert same(result, whole), (position, window)
            elif noticed:
                assert result.damaged or result.failure, (position, window)
                seen.add("shown later" if plan.pictures[position].shown > index else "shown before or itself")
        for range_s in (4.0, 1.2):
            cut = results(damaged, spec, WindowSpec(1.2, 0.16, 1.2, range_s))
            assert all(map(same, cut, found)) and len(cut) == len(found), (position, range_s)
    assert seen == {"shown later", "shown before or itself"}


@pytest.mark.parametrize("name", ["closed.mp4", "open-mpeg4.mp4"])
def test_a_picture_that_gets_lost_in_the_decoder(
    name: str, films: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Decoders don't always say that they can't decode a picture."""
    spec, windows = ClipSpec(1, 24, 32), WindowSpec(1.2, 0.16, 1.2, 1e6)
    plan = drop_plan.plan(*stored_packets(films[name]))
    assert plan is not None
    lost = next(i for i in range(60, 90) if any(i in picture.needs for picture in plan.pictures[i:]))

    def losing(*arguments: Any) -> Iterator[av.VideoFrame]:
        return (frame for frame in decode_packets(*arguments) if frame.pts != plan.pictures[lost].pts)

    monkeypatch.setattr(planned, "decode_packets", losing)
    for window, clip in zip(planned_windows(films[name], windows), results(films[name], spec, windows), strict=True):
        (index,) = indices_of(window, spec)
        assert (clip.damaged or clip.failure is not None) == (lost in plan.keep({index}))


@pytest.mark.parametrize("name", ["closed.mp4", "open-mpeg4.avi"])
def test_damage_that_no_frame_depends_on(name: str, films: dict[str, Path], tmp_path: Path) -> None:
    path, windows = films[name], every(2.0)
    plan = drop_plan.plan(*stored_packets(path))
    assert plan is not None
    wanted = {index for window in planned_windows(path, windows) for index in indices_of(window, SPARSE)}
    unneeded = sorted(set(range(NUM_FRAMES)) - set(plan.keep(wanted)))
    damaged = path
    for position in unneeded[::5]:
        damaged = overwritten(damaged, tmp_path / f"{position}{path.suffix}", stored_packets(path)[2][position])
    sound = results(path, SPARSE, windows)
    assert not any(clip.damaged or clip.failure for clip in sound)
    for range_s in (1e6, 2.0):
        assert all(map(same, results(damaged, SPARSE, every(2.0, range_s)), sound))


def test_damage_where_there_is_no_plan(films: dict[str, Path], tmp_path: Path) -> None:
    """Damage in a picture to which no other refers reaches nothing else, and may not, as it may not be decoded."""
    path = write_film(tmp_path / "fields.mkv", moving_pictures()[:75], "libx264", x264("bframes=3:keyint=75:tff=1"))
    codec, extradata, packets = stored_packets(path)
    assert drop_plan.plan(codec, extradata, packets) is None
    with open_video(str(path)) as (_, stream):
        is_alone = unreferenced_test(stream.codec_context)
    spec, windows = ClipSpec(1, 24, 32), WindowSpec(1.2, 0.04, 1.2, 1e6)
    sound, planned_ones = results(path, spec, windows), planned_windows(path, windows)
    order = sorted(packet.pts or 0 for packet in packets)
    count = 0
    for packet in packets[40:60]:
        if is_alone(packet):
            damaged = overwritten(path, tmp_path / "damaged.mkv", packet)
            found = results(damaged, spec, windows)
            differ = [i for i, pair in enumerate(zip(found, sound, strict=True)) if not same(*pair)]
            assert {indices_of(planned_ones[i], spec)[0] for i in differ} <= {order.index(packet.pts or 0)}
            count += bool(differ)
    assert count > 3


def test_parameters_that_change(tmp_path: Path) -> None:
    """A group that is left out may bring parameters that later groups need: here, another way of coding numbers."""
    pictures = moving_pictures()
    parts = []
    for number, params in enumerate(("bframes=0:keyint=20:cabac=1", "bframes=0:keyint=20:cabac=0")):
        part = write_film(tmp_path / f"{number}.h264", pictures[100 * number :][:100], "libx264", x264(params))
        parts.append(part.read_bytes())
    head, *groups = parts[1].split(b"\0\0\0\1\x67")[1:]
    for group in groups:
        rest = group.partition(b"\0\0\1\x65")
        assert rest[1]
        parts.append(rest[1] + rest[2])
    parts[1] = b"\0\0\0\1\x67" + head
    joined, path = tmp_path / "joined.h264", tmp_path / "joined.mkv"
    joined.write_bytes(b"".join(parts))
    with av.open(str(joined)) as raw, av.open(str(path), "w") as container:
        stream = container.add_stream_from_template(raw.streams.video[0])
        for number, packet in enumerate(packet for packet in raw.demux() if packet.size):
            packet.pts = packet.dts = number
            packet.time_base, packet.stream = Fraction(1, 25), stream
            container.mux(packet)
    assert survey(str(path)).pts is not None
    with open_video(str(path)) as (container, stream):
        resize = Resizer(SPARSE)
        plain = [resize(frame) for frame in container.decode(stream)]
    assert len(plain) == NUM_FRAMES
    spec = ClipSpec(1, 24, 32)
    for window, clip in zip(planned_windows(path, every(3.3)), results(path, spec, every(3.3)), strict=True):
        np.testing.assert_array_equal(clip.frames[0], plain[indices_of(window, spec)[0]])
