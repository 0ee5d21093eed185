"""Files modelled on public problem reports (`tests/data/field`): which pictures are shown, and when.

The expected values are those on which FFmpeg's command line, ffprobe and OpenCV agree. The top quarter of the test
picture shows the frame's number in 8 binary blocks, most significant first.
"""

import struct
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition

from pipelines.core.spec import ClipSpec
from pipelines.video.clip import read_clip
from pipelines.video.errors import NoVideoStreamError
from pipelines.video.long_video import read_windows
from pipelines.video.survey import survey
from pipelines.video.windows import WindowSpec, default_windows
from tests import ROOT
from tests.conftest import paint, read_index, write_video
from tests.support.films import write_film
from tests.support.sweep_videos import number

FIELD = ROOT / "tests" / "data" / "field"
SPEC = ClipSpec(8, 48, 64)


@pytest.mark.parametrize(
    ("name", "num_frames", "last_s", "duration_s", "remarks"),
    [
        ("wmv_thumb.wmv", 50, 1.96, 2.0, 0),  # the film, not the thumbnail that is stored before it
        ("two_streams.mp4", 50, 1.96, 2.0, 0),  # the larger one, which is the default
        ("nullframes.avi", 50, 16.36, 16.4, 0),
        ("joined.ts", 100, 3.96, 4.0, 1),
        ("cut_editlist.mp4", 37, 1.44, 1.5, 0),
        ("trim_8_to_9.5.mp4", 40, 1.68, 1.72, 0),
        ("screen_vfr_bframes.mp4", 60, 22.32, 22.36, 0),
        ("png_2frames_100years.mp4", 2, 1.0, 2.0, 1),
    ],
)
def test_frames_and_times(name: str, num_frames: int, last_s: float, duration_s: float, remarks: int) -> None:
    path = str(FIELD / name)
    clip = read_clip(path, ClipSpec(num_frames, 48, 64))
    assert (clip.num_source_frames, clip.damaged, len(clip.remarks)) == (num_frames, False, remarks)
    assert clip.frame_indices == tuple(range(num_frames))
    assert clip.timestamps_s[0] == 0 and list(clip.timestamps_s) == sorted(clip.timestamps_s)
    assert (clip.timestamps_s[-1], clip.duration_s) == pytest.approx((last_s, duration_s), abs=0.001)
    video = survey(path)
    assert video.times_s.tolist() == pytest.approx(clip.timestamps_s, abs=2e-6)
    assert (video.duration_s, video.remarks) == (clip.duration_s, clip.remarks)


def test_two_streams_gives_the_frames_of_the_second() -> None:
    clip = read_clip(str(FIELD / "two_streams.mp4"), ClipSpec(50, 144, 192))
    assert [number(frame) for frame in clip.frames] == list(range(50))


def test_a_podcast_is_no_video() -> None:
    for read in (lambda path: read_clip(path, SPEC), survey):
        with pytest.raises(NoVideoStreamError, match="only an attached picture"):
            read(str(FIELD / "podcast.mp4"))


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
@pytest.mark.parametrize("cover_first", [True, False])
def test_a_cover_is_never_the_video(tmp_path: Path, suffix: str, cover_first: bool) -> None:
    """However large the cover is, and wherever it is stored."""
    path = tmp_path / f"v.{suffix}"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream(codec, rate=25) for codec in ("mjpeg", "mpeg4")[:: 1 if cover_first else -1]]
        cover, film = streams if cover_first else streams[::-1]
        cover.width, cover.height, cover.pix_fmt = 640, 480, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        film.width, film.height, film.pix_fmt = 160, 96, "yuv420p"
        container.mux(cover.encode(av.VideoFrame.from_ndarray(paint(999, 640, 480), format="rgb24")))
        container.mux(cover.encode())
        for index in range(20):
            container.mux(film.encode(av.VideoFrame.from_ndarray(paint(index), format="rgb24")))
        container.mux(film.encode())
    clip = read_clip(str(path), ClipSpec(20, 48, 80))
    assert [read_index(frame) for frame in clip.frames] == list(range(20))


@pytest.mark.parametrize(
    ("sizes", "default", "expected"),
    [
        ([(160, 96), (320, 192)], None, 1),
        ([(320, 192), (160, 96)], None, 0),
        ([(160, 96), (160, 96)], None, 0),
        ([(320, 192), (160, 96)], 1, 1),
    ],
)
def test_of_several_streams_the_one_that_ffmpeg_picks(
    tmp_path: Path, sizes: list[tuple[int, int]], default: int | None, expected: int
) -> None:
    path = tmp_path / "v.mkv"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("mpeg4", rate=25) for _ in sizes]
        for place, (stream, (width, height)) in enumerate(zip(streams, sizes, strict=True)):
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.disposition = Disposition.default if place == default else Disposition.original
        for index in range(5):
            for place, (stream, size) in enumerate(zip(streams, sizes, strict=True)):
                picture = paint(index + 100 * place, *size)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        for stream in streams:
            container.mux(stream.encode())
    clip = read_clip(str(path), ClipSpec(5, 48, 80))
    assert [read_index(frame) - 100 * expected for frame in clip.frames] == list(range(5))


def test_the_still_picture_of_an_image_sequence_is_not_picked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SVT_LOG", "1")  # errors only
    options = {"preset": "12"}
    path = write_film(tmp_path / "v.avif", [paint(index) for index in range(5)], "libsvtav1", options, bit_rate=0)
    clip = read_clip(str(path), ClipSpec(5, 48, 80))
    assert [read_index(frame) for frame in clip.frames] == list(range(5))
    assert (clip.num_source_frames, clip.duration_s) == (5, pytest.approx(0.2))


@pytest.mark.parametrize("suffix", ["mkv", "nut"])
@pytest.mark.parametrize("empty_first", [True, False])
def test_a_stream_without_packets_is_not_picked(tmp_path: Path, suffix: str, empty_first: bool) -> None:
    """However large it says to be, and whatever its flags are."""
    path = tmp_path / f"v.{suffix}"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("mpeg4", rate=25) for _ in range(2)]
        empty, film = streams if empty_first else streams[::-1]
        for stream, width in ((empty, 320), (film, 160)):
            stream.width, stream.height, stream.pix_fmt = width, 96, "yuv420p"
        empty.disposition, film.disposition = Disposition.default, Disposition.original
        for index in range(5):
            container.mux(film.encode(av.VideoFrame.from_ndarray(paint(index), format="rgb24")))
        container.mux(film.encode())
    clip = read_clip(str(path), ClipSpec(5, 48, 80))
    assert [read_index(frame) for frame in clip.frames] == list(range(5))
    assert survey(str(path)).num_frames == 5


def test_an_edit_list_with_several_parts(tmp_path: Path) -> None:
    """Hidden packets lie between the parts, with times of frames that are shown."""
    source = write_video(tmp_path / "whole.mp4", 100, "libx264", options={"bf": "3", "g": "20", "sc_threshold": "0"})
    data = source.read_bytes()
    place = data.index(b"edts") - 4
    begin = struct.unpack(">I", data[place + 28 : place + 32])[0]  # media time of the first frame
    frame = struct.unpack(">I", data[data.index(b"stts") + 16 :][:4])[0]
    edits = [(1000, begin), (1000, begin + 50 * frame)]  # milliseconds, media time: frames 0 to 24, and 50 to 74
    table = struct.pack(">4sII", b"elst", 0, len(edits)) + b"".join(struct.pack(">IIHH", *edit, 1, 0) for edit in edits)
    box = struct.pack(">I4sI", 12 + len(table), b"edts", 4 + len(table)) + table
    grown = bytearray(data[:place] + box + data[place + struct.unpack(">I", data[place : place + 4])[0] :])
    for name in (b"moov", b"trak"):  # the tables lie behind the pictures, whose places don't change
        at = grown.index(name) - 4
        grown[at : at + 4] = struct.pack(">I", struct.unpack(">I", grown[at : at + 4])[0] + len(grown) - len(data))
    path = str(tmp_path / "v.mp4")
    Path(path).write_bytes(grown)
    expected = [*range(25), *range(50, 75)]
    clip = read_clip(path, ClipSpec(50, 48, 80))
    assert [read_index(picture) for picture in clip.frames] == expected
    assert (clip.damaged, clip.remarks, clip.duration_s) == (False, (), pytest.approx(2.0))
    spec = ClipSpec(5, 48, 80)
    for piece in survey(path).pieces(WindowSpec(0.4, 0.2, 0.4, 0.4)):
        for planned, window in zip(piece.windows, read_windows(path, spec, piece), strict=True):
            assert window.failure is None
            chosen = [expected[planned.first + index] for index in spec.sample(planned.end - planned.first)]
            assert [read_index(picture) for picture in window.frames] == chosen


@pytest.mark.parametrize("b_frames", ["0", "2"])
def test_empty_slots_keep_the_clock_running(tmp_path: Path, b_frames: str) -> None:
    """From a recorder that stores nothing while nothing moves: windows follow the clock, as the clip does."""
    pts = [40 * i for i in [*range(10), *range(60, 71)]]
    path = str(write_video(tmp_path / "v.avi", 21, options={"bf": b_frames}, pts=pts))
    clip = read_clip(path, ClipSpec(21, 48, 80))
    assert clip.timestamps_s == pytest.approx([time / 1000 for time in pts])
    assert clip.duration_s == pytest.approx(2.84)
    video = survey(path)
    (piece,) = video.pieces(WindowSpec(1.0, 1.0, 1.0))
    shown = [
        [read_index(frame) for frame in window.frames]
        for window in read_windows(path, ClipSpec(4, 48, 80), piece)
        if window.failure is None
    ]
    assert shown == [[1, 3, 6, 8], [9, 9, 9, 9], [11, 14, 16, 19]]


def test_uniform_time_goes_by_the_clock(tmp_path: Path) -> None:
    pts = [*range(0, 400, 40), 2000, 2040, 2080]  # ten frames, a still of 1.6 s, three frames
    for name in ("v.mp4", "v.mkv", "v.avi"):
        path = str(write_video(tmp_path / name, 13, "mpeg4", options={"bf": "0"}, pts=pts))
        clip = read_clip(path, ClipSpec(4, 48, 80, "uniform-time"))
        assert clip.duration_s == pytest.approx(2.12)
        assert clip.frame_indices == (6, 9, 9, 9)  # at 0.265, 0.795, 1.325 and 1.855 s
        assert [read_index(frame) for frame in clip.frames] == list(clip.frame_indices)
        (piece,) = survey(path).pieces(WindowSpec(1.0, 1.0, 1.0), by_time=True)
        windows = [
            [read_index(frame) for frame in window.frames]
            for window in read_windows(path, ClipSpec(4, 48, 80, "uniform-time"), piece)
            if window.failure is None
        ]
        assert windows == [[3, 9, 9, 9], [9, 9, 9, 9], [9, 9, 9, 9]]


def test_uniform_time_is_uniform_where_all_frames_last_equally_long(tmp_path: Path) -> None:
    for name, count in (("v.mp4", 50), ("v.avi", 37), ("v.mkv", 120)):
        path = str(write_video(tmp_path / name, count, options={"bf": "2"}))
        one, other = (read_clip(path, ClipSpec(16, 32, 32, rule)) for rule in ("uniform", "uniform-time"))
        assert one.frame_indices == other.frame_indices == ClipSpec(16, sampling="uniform-time").sample(count)
        np.testing.assert_array_equal(one.frames, other.frames)


@pytest.mark.parametrize("rule", ["uniform", "uniform-time"])
@pytest.mark.parametrize(
    "name", ["joined.ts", "nullframes.avi", "screen_vfr_bframes.mp4", "packed_b_windows_differ.mkv"]
)
def test_windows_show_the_frames_that_plain_decoding_shows(name: str, rule: str) -> None:
    path = str(FIELD / name)
    with av.open(path) as container:
        plain = list(container.decode(video=0))
    spec = ClipSpec(6, 48, 64, rule)
    video = survey(path)
    everything = read_clip(path, ClipSpec(len(plain), 48, 64))
    windows = [
        (planned, clip)
        for piece in video.pieces(WindowSpec(1.0, 0.5, 1.0, 1.0), spec.by_time)
        for planned, clip in zip(piece.windows, read_windows(path, spec, piece), strict=True)
    ]
    assert len(everything.frames) == len(plain) == video.num_frames and len(windows) > 4
    for planned, clip in windows:
        assert clip.failure is None and not clip.damaged
        if rule == "uniform":
            indices = [planned.first + index for index in spec.sample(planned.end - planned.first)]
        else:
            place = planned.window
            indices = list(spec.sample_times(video.times_s.tolist(), place.start_s, place.end_s))
        np.testing.assert_array_equal(clip.frames, everything.frames[indices])


def test_one_mad_video_does_not_set_the_windows_of_a_model() -> None:
    usual = default_windows({"min": 1.0, "median": 4.0, "max": 9.0})
    assert (usual.window_s, usual.whole_up_to_s) == (4.0, 13.5)
    assert default_windows({"min": 1.0, "median": 4.0, "max": 3600.0}).whole_up_to_s == 60.0


def cut_at(source: Path, target: Path, first: int | None) -> Path:
    """Copies a video's packets from one on (default: the second key frame), like recordings that start midway."""
    with av.open(str(source)) as container, av.open(str(target), "w") as output:
        stream = container.streams.video[0]
        copy = output.add_stream_from_template(stream)
        packets = list(container.demux(stream))
        first = first or [position for position, packet in enumerate(packets) if packet.is_keyframe][1]
        for packet in packets[first:]:
            if packet.size:
                packet.stream = copy
                output.mux(packet)
    return target


@pytest.mark.parametrize(
    ("name", "codec", "options", "first"),
    [
        ("v.ts", "mpeg2video", {"g": "12", "bf": "2"}, None),  # at a key frame before which others are shown
        ("v.mkv", "libx264", {"bf": "3", "x264-params": "open-gop=1:keyint=20:scenecut=0:b-adapt=0:bframes=3"}, None),
        ("v.mkv", "libx264", {"bf": "0", "g": "25"}, 10),  # within a group
    ],
)
def test_a_recording_that_begins_in_the_middle(
    tmp_path: Path, name: str, codec: str, options: dict[str, str], first: int | None
) -> None:
    """Packets at the beginning give no frame: frames and times are counted from the first one that is shown."""
    path = str(cut_at(write_video(tmp_path / "whole.mkv", 90, codec, options=options), tmp_path / name, first))
    with av.open(path) as container:
        plain = [read_index(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    assert 60 < len(plain) < 90
    video = survey(path)
    for count in (5, 20, 200):
        clip = read_clip(path, ClipSpec(count, 48, 80))
        assert (clip.num_source_frames, clip.damaged) == (len(plain), False)
        assert [read_index(frame) for frame in clip.frames] == [plain[index] for index in clip.frame_indices]
        assert (video.num_frames, video.duration_s) == (len(plain), clip.duration_s)
    spec = ClipSpec(5, 48, 80)
    for piece in video.pieces(WindowSpec(1.0, 0.5, 1.0, 1.0)):
        for planned, window in zip(piece.windows, read_windows(path, spec, piece), strict=True):
            assert window.failure is None and not window.damaged
            expected = [plain[planned.first + index] for index in spec.sample(planned.end - planned.first)]
            assert [read_index(frame) for frame in window.frames] == expected
