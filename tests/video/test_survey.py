"""Packets at which decoding can start, and videos that claim to be endless."""

import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from pipelines.core.spec import ClipSpec
from pipelines.video import frames
from pipelines.video import survey as core_survey
from pipelines.video.demuxers import demux
from pipelines.video.errors import VideoDecodeError
from pipelines.video.frames import open_video, scan
from pipelines.video.skipping.entry_points import IsStart, start_test
from pipelines.video.streams import shows_picture
from pipelines.video.survey import Survey, clip_or_survey, survey
from pipelines.video.windows import WindowSpec
from tests.conftest import write_video
from tests.support.films import write_film
from tests.support.packet_lines import line


@pytest.mark.parametrize(
    ("pts", "keys", "expected"),
    [
        ([0, 3, 1, 2, 4, 7, 5, 6], (0, 4), [0, 4]),
        ([0, 3, 1, 2, 6, 4, 5, 7], (0, 4), [0, 6]),  # 4 and 5 come before the key frame, and mustn't be used
        ([0, 3, 1, 2, 4, 7, 5, 6], (0, 2), [0]),  # 3 is stored before 1
        ([2, 0, 1, 3], (0,), [2]),
        ([0, 1, 2], (), []),
    ],
)
def test_key_frames_in_order_of_display(pts: list[int], keys: tuple[int, ...], expected: list[int]) -> None:
    entry_points = bytearray(position in keys for position in range(len(pts)))
    assert core_survey._timed(line(pts), entry_points, broken=False).key_frames.tolist() == expected


def test_a_file_that_ends_before_the_first_picture(tmp_path: Path) -> None:
    video = write_video(tmp_path / "cut.avi", 20).read_bytes()
    (tmp_path / "cut.avi").write_bytes(video[: video.index(b"movi") + 4])
    with pytest.raises(VideoDecodeError, match="ends before the first picture"):
        survey(str(tmp_path / "cut.avi"))


@pytest.mark.parametrize(
    ("duration_s", "num_frames", "stride_s", "fails"),
    [
        (72000.0, 4, 1.0, "4 frames can't last 72000 s"),
        (3600.0, 4, 1.0, ""),
        (7200.0, 7200, 1.0, ""),
        (1e12, 7200, 1.0, "7200 frames can't last"),
        (1.0, 25, 1e-5, "windows of 1e-05 s are too short for so few frames: 25"),  # of a plain video
    ],
)
def test_far_more_windows_than_frames(duration_s: float, num_frames: int, stride_s: float, fails: str) -> None:
    window_s = 2 * stride_s if stride_s == 1 else stride_s
    times_s = np.linspace(0, duration_s, num_frames, endpoint=False)
    video = Survey(times_s, None, duration_s, np.empty(0, np.int64), False)
    if fails:
        with pytest.raises(VideoDecodeError, match=fails):
            video.pieces(WindowSpec(window_s, stride_s, window_s))
    else:
        assert len(video.pieces(WindowSpec(2.0, 1.0, 2.0))) == 1


def test_hidden_pictures_of_vp8() -> None:
    """Bit 4 of the frame tag tells whether a picture is shown (RFC 6386, 9.1)."""
    shown, hidden = av.Packet(bytes([0b10000])), av.Packet(bytes([0b00001]))
    assert [shows_picture(packet, "vp8") for packet in (shown, hidden)] == [True, False]
    assert shows_picture(hidden, "vp9")


def test_streams_that_turn_up_late_do_not_matter() -> None:
    """PyAV flushes all streams at the end of a file, and fails on those it didn't know at the beginning."""
    packet, empty = av.Packet(b"1"), av.Packet()

    class Container:
        def demux(self, stream: Any) -> Any:
            yield packet
            yield empty
            raise IndexError("list index out of range")

    assert list(demux(Container(), None)) == [packet]  # type: ignore[arg-type]


@pytest.mark.parametrize("kept", [0, 1, 7, 20])
def test_packets_are_kept_or_watched(kept: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packets that outgrow the buffer don't change the survey."""
    path = str(write_video(tmp_path / "v.mp4", 20, options={"g": "6", "bf": "2"}))
    windows = WindowSpec(0.2, 0.1, 0.2, 0.2)
    expected = survey(path)
    with open_video(path) as (container, stream):
        sizes = [packet.size for packet in demux(container, stream)]
    watched: list[int] = []
    monkeypatch.setattr(frames, "_MAX_BUFFERED_BYTES", sum(sizes[:kept]) + kept * frames._PACKET_BYTES)
    with open_video(path) as (container, stream):
        packets = scan(container, stream, lambda some: watched.extend(packet.size for packet in some))
    assert (packets.count, watched) == (20, [] if kept == 20 else sizes)
    assert (packets.buffered is None) == (kept < 20)
    found = survey(path)
    assert found.key_frames.tolist() == expected.key_frames.tolist() and len(found.key_frames) > 2
    assert found.pieces(windows) == expected.pieces(windows)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system doesn't count what is read")
@pytest.mark.parametrize("buffer_bytes", [frames._MAX_BUFFERED_BYTES, 0])
def test_a_long_file_is_read_once(buffer_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = list(np.random.default_rng(0).integers(0, 256, (40, 120, 160, 3), np.uint8))
    path = write_film(tmp_path / "v.mov", noise, "mjpeg", {"qmin": "1", "qmax": "1"})
    size_bytes = path.stat().st_size
    monkeypatch.setattr(frames, "_MAX_BUFFERED_BYTES", buffer_bytes)
    before = bytes_read()
    steps = clip_or_survey(str(path), None, ClipSpec(4, 16, 16), whole_up_to_s=1.5)
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert isinstance(end.value.value, Survey)
    assert size_bytes > 800_000 and bytes_read() - before < 1.3 * size_bytes


def bytes_read() -> int:
    """How many bytes this process has read so far, from anywhere."""
    return int(Path("/proc/self/io").read_text().split()[1])


IDR, I_SLICE, P_SLICE = "65 88", "41 b0", "41 9a"
AT_ONCE, LATER, OTHER = "06 06 01 c0", "06 06 01 2c", "06 05 01 c0"


def h264_test(extradata: bytes) -> IsStart:
    context = av.CodecContext.create("h264", "r")
    context.extradata = extradata
    return start_test(context)


@pytest.mark.parametrize(
    ("nals", "expected"),
    [
        ([IDR], True),
        ([IDR, IDR], True),
        ([P_SLICE], False),
        ([I_SLICE], False),
        ([AT_ONCE, I_SLICE], True),
        ([AT_ONCE, I_SLICE, P_SLICE], False),
        ([AT_ONCE, P_SLICE], False),
        ([LATER, I_SLICE], False),
        ([OTHER, I_SLICE], False),
        (["06 ff 03 01 c0 06 01 c0", I_SLICE], True),  # after SEI of type 258
        (["06 05 ff 01" + 256 * "00" + "06 01 c0", I_SLICE], True),  # after 256 bytes of other SEI
        (["06 ff ff", I_SLICE], False),
        ([], False),
    ],
)
def test_h264_pictures_to_start_from(nals: list[str], expected: bool) -> None:
    units = [bytes.fromhex(nal) for nal in nals]
    packet = av.Packet(b"".join(b"\x00\x00\x01" + unit for unit in units))
    assert not h264_test(b"")(packet)  # the container doesn't say so
    packet.is_keyframe = True
    assert h264_test(b"")(packet) == expected
    sized = av.Packet(b"".join(len(unit).to_bytes(2, "big") + unit for unit in units))
    sized.is_keyframe = True
    avcc = bytes.fromhex("01 64001e fd e0 00")  # lengths of two bytes, no parameter sets
    assert h264_test(avcc)(sized) == expected
    assert not h264_test(avcc[:5])(sized)
