"""What claims to be a video can't read other files, and what isn't a regular file is never opened."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.format import ContainerFormat

from pipelines.core.spec import ClipSpec
from pipelines.video.clip import read_clip
from pipelines.video.demuxers import DEMUXERS
from pipelines.video.errors import VideoOpenError, VideoReadError
from pipelines.video.frames import open_video
from tests.conftest import write_video

SPEC = ClipSpec(3, 16, 16)
WRITTEN = (
    *("3g2:mpeg4", "3gp:mpeg4", "apng:apng", "asf:wmv2", "avi:mpeg4", "avi:huffyuv", "dv:dvvideo", "dvd:mpeg2video"),
    *("f4v:libx264", "flv:flv1", "gif:gif", "h261:h261", "h263:h263", "h264:libx264", "hevc:libx265", "ivf:libvpx"),
    *("m4v:mpeg4", "matroska:ffv1", "mjpeg:mjpeg", "mov:prores", "mp4:libx264", "mpeg:mpeg1video", "nut:mpeg4"),
    *("mpeg1video:mpeg1video", "mpeg2video:mpeg2video", "mpegts:libx264", "mpjpeg:mjpeg", "mxf:mpeg2video"),
    *("mxf_opatom:mpeg2video", "rm:rv10", "smjpeg:mjpeg", "svcd:mpeg2video", "swf:flv1", "vob:mpeg2video"),
    *("webm:libvpx", "wtv:mpeg2video", "yuv4mpegpipe:rawvideo"),
)
SIZES = {"dvvideo": (720, 576), "h261": (176, 144), "h263": (176, 144)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two videos and some pictures to which other files may refer."""
    folder = tmp_path_factory.mktemp("attacks")
    write_video(folder / "victim.mp4", 10)
    write_video(folder / "victim.ts", 10)
    for i in range(3):
        with av.open(str(folder / f"pic{i:03d}.png"), "w", format="image2", options={"update": "1"}) as container:
            stream = container.add_stream("png", rate=25)
            stream.width, stream.height, stream.pix_fmt = 32, 32, "rgb24"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")))
            container.mux(stream.encode())
    shutil.copy(folder / "pic000.png", folder / "pic%03d.png")
    return folder


PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.0,\n{}\n#EXT-X-ENDLIST\n"
SDP = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
MPD = (
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S" '
    'profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet mimeType="video/mp4"><Representation '
    'id="0" bandwidth="1"><BaseURL>victim.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>'
)
NAMING_OTHERS = {
    "script.avi": "ffconcat version 1.0\nfile victim.mp4\n",
    "absolute.mp4": "ffconcat version 1.0\nfile {folder}/victim.mp4\n",
    "list.m3u8": PLAYLIST.format("victim.ts"),
    "list.mp4": PLAYLIST.format("victim.ts"),
    "crypt.m3u8": PLAYLIST.format("crypto:victim.ts"),
    "master.m3u8": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlist.m3u8\n",
    "session.sdp": SDP,
    "session.mkv": SDP,
    "manifest.mpd": MPD,
    "index.idx": "# VobSub index file, v7 (do not modify this line!)\nid: en, index: 0\n",
    "text.avi": "no video\n" * 100,
}


@pytest.mark.parametrize("name", NAMING_OTHERS)
def test_a_file_that_names_others_is_refused(name: str, folder: Path, tmp_path: Path) -> None:
    for victim in ("victim.mp4", "victim.ts"):
        shutil.copy(folder / victim, tmp_path)
    (tmp_path / "list.m3u8").write_text(NAMING_OTHERS["list.m3u8"])
    (tmp_path / name).write_text(NAMING_OTHERS[name].format(folder=folder))
    with pytest.raises(VideoOpenError):
        read_clip(str(tmp_path / name), SPEC)


@pytest.mark.parametrize("name", ["pic%03d.png", "pic001.png"])
def test_a_picture_is_no_video_and_no_pattern(name: str, folder: Path) -> None:
    with pytest.raises(VideoOpenError, match="^not a video but a PNG picture$"):
        read_clip(str(folder / name), SPEC)


@pytest.mark.parametrize(("suffix", "kind"), [("jpg", "JPEG"), ("webp", "WebP"), ("tiff", "TIFF"), ("png", "PNG")])
def test_a_renamed_picture_is_called_one(suffix: str, kind: str, tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_bytes(cv2.imencode(f".{suffix}", np.zeros((32, 32, 3), np.uint8))[1].tobytes())
    with pytest.raises(VideoOpenError, match=f"^not a video but a {kind} picture$"):
        read_clip(str(tmp_path / "v.mp4"), SPEC)


def test_a_pattern_of_pictures_is_no_file(folder: Path) -> None:
    with pytest.raises(VideoReadError, match="No such file"):
        read_clip(str(folder / "pic%02d.png"), SPEC)


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Path]:
    os.mkfifo(tmp_path / "pipe.mp4")
    yield tmp_path / "pipe.mp4"


def test_what_is_no_regular_file_is_not_opened(pipe: Path, folder: Path, tmp_path: Path) -> None:
    """Opening this pipe would block for ever."""
    (tmp_path / "link.mp4").symlink_to(pipe)
    (tmp_path / "good.mp4").symlink_to(folder / "victim.mp4")
    for path, kind in ((pipe, "a pipe"), (tmp_path / "link.mp4", "a pipe"), (tmp_path, "a folder"),
                       (Path("/dev/zero"), "a device"), (Path("/dev/null"), "a device")):  # fmt: skip
        with pytest.raises(VideoReadError, match=f"^not a regular file but {kind}$"):
            read_clip(str(path), SPEC)
    assert read_clip(str(tmp_path / "good.mp4"), SPEC).num_source_frames == 10


@pytest.mark.parametrize("form", WRITTEN)
def test_formats_that_are_read(form: str, tmp_path: Path) -> None:
    """They are recognised by their content, whatever the name says."""
    name, codec = form.split(":")
    path = tmp_path / "video"
    with av.open(str(path), "w", format=name) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = SIZES.get(codec, (128, 96))
        formats = [item.name for item in stream.codec_context.codec.video_formats or ()]
        wanted = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.pix_fmt = wanted if not formats or wanted in formats else formats[0]
        for value in range(0, 250, 25):
            picture = np.full((stream.height, stream.width, 3), value, np.uint8)
            container.mux(
                stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=stream.pix_fmt))
            )
        container.mux(stream.encode())
    with open_video(str(path)) as (opened, video):
        assert next(opened.decode(video)).width == stream.width


def test_all_demuxers_of_the_list_exist() -> None:
    assert all(ContainerFormat(name, "r").is_input for name in DEMUXERS.split(","))
    assert not {"concat", "hls", "image2", "dash", "sdp", "rtsp", "lavfi", "data"} & set(DEMUXERS.split(","))
