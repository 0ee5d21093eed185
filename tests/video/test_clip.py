"""The frames that are read are the intended ones, upright and in the right colours."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pipelines.core.spec import ClipSpec
from pipelines.video.clip import read_clip
from pipelines.video.errors import (
    NoVideoStreamError,
    VideoDecodeError,
    VideoError,
    VideoOpenError,
    VideoReadError,
    VideoTooShort,
)
from pipelines.video.long_video import read_windows
from pipelines.video.pieces import Piece
from pipelines.video.resize import scaled_size
from pipelines.video.survey import survey
from tests.conftest import HEIGHT, WIDTH, paint, read_index, write_video
from tests.support.films import write_sound

SPEC = ClipSpec(num_frames=16, height=HEIGHT // 2, width=WIDTH // 2)
NO_PIECE = Piece((), None, 0, ())
VARIABLE_PTS = [int(40 * i + 600 * (i // 10) + 7 * (i % 3)) for i in range(75)]


@pytest.mark.parametrize("rule", ["uniform", "notebook"])
@pytest.mark.parametrize(
    ("name", "codec", "rate", "options", "pts"),
    [
        ("plain.avi", "mpeg4", 25, {"bf": "0"}, None),
        ("b-frames.avi", "mpeg4", 25, {"bf": "2", "g": "30"}, None),
        ("ntsc.avi", "mpeg4", Fraction(30000, 1001), {"bf": "1"}, None),
        ("h264-b-frames.mp4", "libx264", 25, {"bf": "3", "g": "24"}, None),
        ("ntsc.mp4", "libx264", Fraction(30000, 1001), {"bf": "3"}, None),
        ("variable.mp4", "libx264", 25, {"bf": "2"}, VARIABLE_PTS),
        ("variable.mkv", "libx264", 25, {"bf": "0"}, VARIABLE_PTS),
        ("transport.ts", "libx264", 25, {"bf": "2", "g": "20"}, None),
        ("vp9.webm", "libvpx-vp9", 25, {"deadline": "realtime", "cpu-used": "8"}, None),
        ("motion.avi", "mjpeg", 25, {}, None),
    ],
)
def test_frame_read_is_the_frame_meant(
    tmp_path: Path,
    rule: str,
    name: str,
    codec: str,
    rate: Fraction | int,
    options: dict[str, str],
    pts: list[int] | None,
) -> None:
    path = write_video(tmp_path / name, 75, codec, rate, options, pts)
    spec = ClipSpec(SPEC.num_frames, SPEC.height, SPEC.width, rule)
    clip = read_clip(str(path), spec)
    assert [read_index(frame) for frame in clip.frames] == list(spec.sample(75)) == list(clip.frame_indices)
    assert (clip.num_source_frames, clip.damaged) == (75, False)
    expected = [(pts[i] - pts[0]) / 1000 if pts else float(i / rate) for i in clip.frame_indices]
    assert clip.timestamps_s == pytest.approx(expected, abs=0.002)


@pytest.mark.parametrize("num_frames", [1, 2, 7, 15, 16, 17, 33])
def test_short_videos_repeat_frames(tmp_path: Path, num_frames: int) -> None:
    path = write_video(tmp_path / "short.avi", num_frames, options={"bf": "2"})
    clip = read_clip(str(path), SPEC)
    assert [read_index(frame) for frame in clip.frames] == list(SPEC.sample(num_frames))
    assert clip.num_source_frames == num_frames


def test_colours_are_rgb_and_exact_averages(tmp_path: Path) -> None:
    picture = np.zeros((96, 160, 3), np.uint8)
    picture[:, :80] = (200, 40, 30)
    picture[:, 80:] = (20, 60, 210)
    with av.open(str(tmp_path / "c.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    frame = read_clip(str(tmp_path / "c.mkv"), ClipSpec(1, 32, 32)).frames[0]
    assert np.abs(frame[:, :15].astype(int) - (200, 40, 30)).max() <= 3
    assert np.abs(frame[:, 17:].astype(int) - (20, 60, 210)).max() <= 3


def test_scaled_size() -> None:
    sizes = {("stretch", 320, 240): (64, 48), ("crop", 320, 240): (64, 48), ("crop", 640, 240): (128, 48)}
    sizes |= {("crop", 240, 320): (64, 85), ("pad", 640, 240): (64, 24), ("pad", 240, 320): (36, 48)}
    sizes |= {("pad", 10_000, 8): (64, 1)}
    assert {key: scaled_size(ClipSpec(1, 48, 64, resize=key[0]), *key[1:]) for key in sizes} == sizes


def test_crop_and_pad_keep_the_shape_of_things(tmp_path: Path) -> None:
    path = str(write_video(tmp_path / "v.avi", 3))
    padded = read_clip(path, ClipSpec(1, WIDTH, WIDTH, resize="pad")).frames[0]
    band = (WIDTH - HEIGHT) // 2
    assert padded[:band].max() == 0 and padded[-band:].max() == 0
    assert np.abs(padded[band:-band].astype(int) - paint(1)).mean() < 12
    cropped = read_clip(path, ClipSpec(1, HEIGHT, HEIGHT, resize="crop")).frames[0]
    side = (WIDTH - HEIGHT) // 2
    assert np.abs(cropped.astype(int) - paint(1)[:, side:-side]).mean() < 12


def test_what_is_no_video(tmp_path: Path) -> None:
    (tmp_path / "text.avi").write_text("not a video")
    (tmp_path / "empty.avi").write_bytes(b"")
    (tmp_path / "list.mp4").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:9/x.ts\n")
    write_sound(tmp_path / "sound.mp4")
    for name, error in (
        ("text.avi", VideoOpenError),
        ("empty.avi", VideoOpenError),
        ("list.mp4", VideoOpenError),
        ("gone.avi", VideoReadError),
        (".", VideoReadError),
        ("sound.mp4", NoVideoStreamError),
    ):
        for read in (read_clip, lambda path, _: survey(path), lambda *source: list(read_windows(*source, NO_PIECE))):
            with pytest.raises(error) as caught:
                read(str(tmp_path / name), SPEC)
            assert str(tmp_path) not in str(caught.value)


def test_colon_in_a_name_is_no_protocol(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.avi", 5)
    strange = path.rename(tmp_path / "http:v 100%.avi")
    assert read_clip(str(strange), SPEC).num_source_frames == 5


def test_too_short_is_not_a_failure(tmp_path: Path) -> None:
    path = str(write_video(tmp_path / "v.avi", 9))
    assert read_clip(path, SPEC, min_frames=9).num_source_frames == 9
    with pytest.raises(VideoTooShort, match="9 frames, fewer than 10"):
        read_clip(path, SPEC, min_frames=10)


def test_truncated_file_gives_what_is_there_or_fails(tmp_path: Path) -> None:
    """A truncated AVI has no index at its end, but its packets tell how many frames are left."""
    whole = write_video(tmp_path / "v.avi", 60, options={"bf": "0", "g": "10"}).read_bytes()
    seen = set()
    for cut in range(1000, len(whole), len(whole) // 17):
        path = tmp_path / "cut.avi"
        path.write_bytes(whole[:cut])
        try:
            clip = read_clip(str(path), SPEC)
        except VideoError:
            seen.add("failed")
            continue
        seen.add("read")
        assert clip.num_source_frames <= 60
        shown = [read_index(frame) for frame in clip.frames]
        assert shown[:-2] == list(clip.frame_indices)[:-2]  # the very last frame may be truncated
    assert "read" in seen


def test_mostly_damaged_video_fails(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", 60, "libx264", options={"bf": "0", "g": "60"})
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    end = data.index(b"moov") if data.index(b"moov") > start else len(data)
    data[start + 200 : end - 4] = bytes(end - 4 - start - 200)
    path.write_bytes(data)
    with pytest.raises(VideoDecodeError, match="of 60 frames could be decoded"):
        read_clip(str(path), SPEC)


def test_odd_videos(real_data: Path) -> None:
    spec = ClipSpec(num_frames=4, height=64, width=64)
    odd = real_data / "odd-videos"
    turned = read_clip(str(odd / "video_90.mov"), ClipSpec(1, 142, 80)).frames[0]
    with av.open(str(odd / "video_90.mov")) as container:
        frame = next(container.decode(video=0))
        stored = frame.reformat(142, 80, "rgb24").to_ndarray()
    assert frame.rotation == -90
    upright = np.rot90(stored, -1)  # clockwise by the 90 degrees that its metadata asks for
    assert np.abs(turned.astype(int) - upright).mean() < 6
    assert np.abs(turned.astype(int) - upright[::-1, ::-1]).mean() > 12

    unordered = read_clip(str(odd / "unordered.mov"), spec)
    assert unordered.frame_indices == (0, 1, 2, 3)
    assert list(unordered.timestamps_s) == sorted(unordered.timestamps_s)
    assert unordered.timestamps_s == pytest.approx([0, 1 / 32, 2 / 32, 3 / 32], abs=1e-5)

    broken = read_clip(str(odd / "corrupted.mp4"), spec)
    assert (broken.damaged, broken.num_source_frames) == (True, 49)  # 49 of its 50 packets can be decoded


def test_real_clips_agree_with_plain_decoding(real_data: Path) -> None:
    """Compares with the simplest way: decode all frames in order, pick the sampled ones, average in full colour."""
    spec = ClipSpec(20, 48, 64)  # a fifth of 240x320, so the exact average covers whole pixels
    for path in sorted((real_data / "ucf-clips").rglob("*.avi")):
        clip = read_clip(str(path), spec)
        with av.open(str(path)) as container:
            decoded = list(container.decode(video=0))
            rate = container.streams.video[0].average_rate
        assert clip.num_source_frames == len(decoded)
        assert clip.timestamps_s == pytest.approx([float(index / rate) for index in clip.frame_indices])
        for index, picture in zip(clip.frame_indices, clip.frames, strict=True):
            large = decoded[index].to_ndarray(format="rgb24").astype(np.float32)
            simple = large.reshape(48, 5, 64, 5, 3).mean((1, 3))
            assert np.abs(simple - picture).mean() < 2, (path, index)
