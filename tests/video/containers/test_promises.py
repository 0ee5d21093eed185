"""What containers promise: truncated files are reported, and complete files never are."""

import io
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from pipelines.core.spec import ClipSpec
from pipelines.video.clip import read_clip
from pipelines.video.containers import asf, avi, file_ends, matroska, mp4, mpegts, ogg
from pipelines.video.containers.promises import MIN_SHARE
from pipelines.video.containers.shortfalls import counted
from pipelines.video.errors import NoVideoStreamError, VideoDecodeError, VideoError, VideoOpenError
from pipelines.video.frames import open_video, scan
from pipelines.video.remarks import Shortfall
from pipelines.video.survey import survey
from tests import ROOT
from tests.support.films import write_film
from tests.support.long_videos import moving_pictures, x264
from tests.support.mutation import KINDS, mutate

FIELD = ROOT / "tests" / "data" / "field"
NUM_FRAMES = 100
SPEC = ClipSpec(5, 32, 32)
X264 = ("libx264", x264("bframes=3:keyint=25"))
FLAGS = {
    "fast.mp4": "faststart",
    "fragments.mp4": "frag_keyframe+empty_moov",
    "late.mp4": "frag_keyframe",
    "indexed.mp4": "dash+frag_keyframe+empty_moov+global_sidx",
}
SOURCES: dict[str, tuple[str, dict[str, str]]] = {
    **dict.fromkeys(FLAGS, X264),
    "x.mkv": X264,
    "m.avi": ("mpeg4", {"bf": "2", "g": "12"}),
    "v.webm": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "g": "12"}),
    "w.wmv": ("wmv2", {"g": "12"}),
    "f.flv": ("flv", {"g": "12"}),
    "x.ts": X264,
    "m.mpg": ("mpeg2video", {"g": "12"}),
}
STRUCTURED = {
    "m.mxf": ("mpeg2video", {"g": "12"}),
    "g.gif": ("gif", {}),
    "v.ogv": ("libvpx", {"deadline": "realtime", "cpu-used": "8", "g": "12"}),
}
"""Further formats, which are searched for holes."""


def write_video(path: Path, codec: str, options: dict[str, str], container_options: dict[str, str]) -> Path:
    return write_film(path, moving_pictures()[:NUM_FRAMES], codec, options, bit_rate=600_000, muxing=container_options)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("sources")
    options = {name: {"movflags": flags} for name, flags in FLAGS.items()}
    return {
        name: write_video(folder / name, codec, choices, options.get(name, {})).read_bytes()
        for name, (codec, choices) in {**SOURCES, **STRUCTURED}.items()
    }


def missing(path: Path) -> Shortfall | None:
    with open_video(str(path)) as (container, stream):
        return scan(container, stream).missing


def frames_of(path: Path) -> int:
    """The frames that plain decoding gives, without those that are cut off."""
    with av.open(str(path)) as container:
        return sum(1 for packet in container.demux(video=0) if packet.size and not packet.is_corrupt)


@pytest.mark.parametrize("name", SOURCES)
def test_whole_and_cut(name: str, sources: dict[str, bytes], tmp_path: Path) -> None:
    path, data = tmp_path / name, sources[name]
    path.write_bytes(data)
    assert missing(path) is None
    path.write_bytes(data + b"trailing bytes")
    assert missing(path) is None
    for share in (0.35, 0.62, 0.8, 0.93):
        path.write_bytes(data[: int(share * len(data))])
        found = missing(path)
        if name.endswith((".ts", ".mpg")):
            assert found is None
            continue
        assert found is not None
        there = frames_of(path)
        assert f"{there} of" in found.message or f"{there + 1} of" in found.message
        if name in ("fragments.mp4", "late.mp4"):  # nothing says how many more fragments there were
            assert "of at least" in found.message and 0.5 < found.share < 1
            continue
        assert f" of {NUM_FRAMES} frames are there" in found.message
        assert found.share == pytest.approx(there / NUM_FRAMES, abs=0.011) and found.end_s == pytest.approx(4, abs=0.02)
        if found.share < 0.5:
            for read in (lambda: read_clip(str(path), SPEC), lambda: survey(str(path))):
                with pytest.raises(VideoDecodeError, match=f"^only {found.message}$"):
                    read()
        else:
            clip = read_clip(str(path), SPEC)
            assert clip.damaged and found.message in clip.damage and clip.missing == found
            assert clip.duration_s == pytest.approx(there / 25, abs=0.2)  # the last one may be shown late


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x.mkv", " of 100 frames"),
        ("m.avi", " of 100 frames"),
        ("fragments.mp4", "of at least"),
        ("w.wmv", " of 100 frames"),
        ("m.mxf", " of 100 frames"),
        ("g.gif", "can't be followed from byte"),
        ("v.ogv", "the page at byte"),
        ("x.ts", "packets between them are lost"),
    ],
)
@pytest.mark.parametrize("filling", [b"\0", b"\xff"])
def test_holes_in_the_structure(
    name: str, message: str, filling: bytes, sources: dict[str, bytes], tmp_path: Path
) -> None:
    data, path = sources[name], tmp_path / name
    path.write_bytes(data)
    assert missing(path) is None
    middle = len(data) // 2
    if name == "g.gif" and filling != b"\0":
        pytest.skip("these bytes also announce blocks of 255 bytes, which happen to lead on to others")
    path.write_bytes(data[:middle] + 8000 * filling + data[middle + 8000 :])
    found = missing(path)
    assert found is not None and message in found.message
    assert name != "m.avi" or (found.share < 1 and found.end_s == pytest.approx(4)), "the hole is not behind it"
    assert read_clip(str(path), SPEC).damaged


@pytest.mark.parametrize(
    ("name", "length", "message"),
    [("m.avi", None, " of 100 frames are there"), ("v.ogv", 64, "is damaged")],  # to the end; within a page
)
def test_other_bytes_that_keep_the_length(
    name: str, length: int | None, message: str, sources: dict[str, bytes], tmp_path: Path
) -> None:
    data, path = bytearray(sources[name]), tmp_path / name
    begin = 6 * len(data) // 10
    end = len(data) if length is None else begin + length
    data[begin:end] = bytes([0xFF]) * (end - begin)
    path.write_bytes(data)
    found = missing(path)
    assert found is not None and message in found.message and MIN_SHARE < found.share < 1


@pytest.mark.parametrize(("name", "taken"), [("g.gif", -9000), ("v.ogv", -9000), ("g.gif", 9000), ("v.ogv", 9000)])
def test_blocks_that_are_left_out_or_repeated(name: str, taken: int, sources: dict[str, bytes], tmp_path: Path) -> None:
    data, path = sources[name], tmp_path / name
    middle = len(data) // 2
    path.write_bytes(data[:middle] + data[middle - taken :])
    found = missing(path)
    assert found is not None and MIN_SHARE < found.share < 1


def ts_packet(number: int, pid: int = 256, begins: bool = False, flags: int = 0, control: int = 1) -> bytes:
    """A packet of a transport stream; `control` is 1 with a payload, 2 with an adaptation field, 3 with both."""
    head = (0x47, pid >> 8 | begins << 6 | flags, pid & 255, control << 4 | number % 16)
    return bytes((*head, 1, 0x80)).ljust(188, b"\xff")


FOLLOWING = [ts_packet(number) for number in range(14, 24)]
NEW_START = [ts_packet(3, pid=0), *(ts_packet(number, begins=not number) for number in range(10))]


@pytest.mark.parametrize(
    ("packets", "lost"),
    [
        ([*FOLLOWING, ts_packet(24)], False),
        ([*FOLLOWING, ts_packet(25)], True),
        ([*FOLLOWING, ts_packet(25, begins=True)], True),
        ([*FOLLOWING, ts_packet(25, pid=257), ts_packet(24)], False),
        ([*FOLLOWING, ts_packet(23), ts_packet(24)], False),  # sent twice
        ([*FOLLOWING, ts_packet(23, control=2), ts_packet(24)], False),
        ([*FOLLOWING, ts_packet(9, control=3)], False),  # the mark for a new start
        ([*FOLLOWING, ts_packet(24, flags=0x80)], True),
        ([*FOLLOWING, *NEW_START], False),
        ([*FOLLOWING, NEW_START[0], *NEW_START[2:]], True),
        ([bytes(100), *FOLLOWING, b"\x47 junk", *FOLLOWING[2:]], True),
    ],
)
@pytest.mark.parametrize("around", [(0, 0), (4, 0), (0, 16)])
@pytest.mark.parametrize("block_bytes", [500, 1 << 20])
def test_lost_packets(
    packets: list[bytes], lost: bool, around: tuple[int, int], block_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mpegts, "_BLOCK_BYTES", block_bytes)
    others = [ts_packet(0, pid=8191)] * 6
    data = b"".join(bytes(around[0]) + packet + bytes(around[1]) for packet in (*packets, *others))
    assert mpegts.has_lost_packets(io.BytesIO(data), 256) == lost


def test_joined_segments_are_whole(sources: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "x.ts"
    path.write_bytes(2 * sources["x.ts"])
    clip = read_clip(str(path), SPEC)
    assert (clip.num_source_frames, clip.damaged, clip.missing) == (2 * NUM_FRAMES, False, None)


@pytest.mark.parametrize("name", ["x.ts", "m.mpg", "live.mkv", "live.flv"])
def test_zeros_at_the_end_of_what_promises_no_length(name: str, sources: dict[str, bytes], tmp_path: Path) -> None:
    path, data = tmp_path / name, bytearray(sources.get(name, b""))
    if name == "live.mkv":
        data += write_video(path, *SOURCES["x.mkv"], {"live": "1"}).read_bytes()
    elif name == "live.flv":
        data += sources["f.flv"]
        place = data.index(b"duration\0") + 9
        data[place : place + 8] = bytes(8)
    path.write_bytes(data)
    assert missing(path) is None
    path.write_bytes(data + bytes(70_000))
    found = missing(path)  # a transport stream breaks off before its last frame
    assert found is not None and found.message.endswith(
        " frames are there, and 70,000 zeros take the place of what follows"
    )
    assert found.share >= 0.99 and read_clip(str(path), SPEC).damaged


def test_tables_that_are_cut_off(tmp_path: Path) -> None:
    path = write_with_sound(tmp_path / "v.mov", {})
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"stco") + 12 + 30 * 4])
    found = missing(path)
    assert found is not None and found.message == "30 of 50 frames are there" and found.end_s == pytest.approx(2)
    with pytest.raises(VideoOpenError, match=r"^the file breaks off before the tables \(moov\)"):
        path.write_bytes(data[: data.index(b"moov") - 100])
        read_clip(str(path), SPEC)
    with pytest.raises(VideoDecodeError, match="^only 12 of 50 frames are there$"):
        path.write_bytes(data[: data.index(b"stco") + 12 + 12 * 4])
        read_clip(str(path), SPEC)


def test_fragments_after_a_first_part_of_which_none_is_whole(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", *X264, {"frag_duration": "1000000"})
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"moof") + 20])
    found = missing(path)
    assert found is not None and found.message == "25 of at least 26 frames are there"


def test_what_is_cut_off_behind_all_pictures(sources: dict[str, bytes], tmp_path: Path) -> None:
    """By its index, the last fragment holds sound only."""
    path = tmp_path / "v.mp4"
    path.write_bytes(sources["indexed.mp4"] + struct.pack(">I4s", 5000, b"mdat") + bytes(100))
    assert missing(path) is None


@pytest.mark.parametrize("name", ["v.avi", "v.mov"])
def test_zeros_in_place_of_pictures_and_silence(name: str, tmp_path: Path) -> None:
    path = write_with_sound(tmp_path / name, {"movflags": "faststart"} if name == "v.mov" else {})
    data = path.read_bytes()
    assert missing(path) is None
    path.write_bytes(data[: int(0.7 * len(data))] + bytes(len(data) - int(0.7 * len(data))))
    found = missing(path)
    assert found is not None and found.message.endswith(" of 50 frames are there") and 0.6 < found.share < 0.8


@pytest.mark.parametrize(("name", "codec", "sound"), [("v.flv", "flv", "libmp3lame"), ("v.wmv", "wmv2", "wmav2")])
def test_sound_that_breaks_off_behind_all_pictures(name: str, codec: str, sound: str, tmp_path: Path) -> None:
    """The length of the file is that of its sound."""
    path = write_with_sound(tmp_path / name, {}, codec, sound, rest_s=4.0)
    data = path.read_bytes()
    path.write_bytes(data[:-3000])
    clip = read_clip(str(path), SPEC)
    assert clip.num_source_frames == 50
    assert clip.missing is None or "about 50 of 5" in clip.damage  # sizes only tell that not much is missing


def write_with_sound(
    path: Path, options: dict[str, str], codec: str = "mjpeg", sound_codec: str = "pcm_s16le", rest_s: float = 0.1
) -> Path:
    """Writes 50 pictures and silence, which is longer."""
    with av.open(str(path), "w", options=options) as container:
        film: Any = container.add_stream(codec, rate=25)
        film.width, film.height, film.pix_fmt = 160, 96, "yuvj420p" if codec == "mjpeg" else "yuv420p"
        sound: Any = container.add_stream(sound_codec, rate=44_100, layout="mono")
        sound.bit_rate = 32_000
        for number, picture in enumerate(moving_pictures()[:50]):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(film.encode(frame.reformat(160, 96, film.pix_fmt)))
            samples = np.zeros((1, 1764 + int(44_100 * rest_s) * (number == 49)), np.int16)
            quiet = av.AudioFrame.from_ndarray(samples, layout="mono")
            quiet.sample_rate = 44_100
            container.mux(sound.encode(quiet))
        container.mux(film.encode())
        container.mux(sound.encode())
    return path


@pytest.mark.parametrize("name", ["fast.mp4", "f.flv", "w.wmv"])
def test_a_file_that_was_joined_to_another_is_said(name: str, sources: dict[str, bytes], tmp_path: Path) -> None:
    """Decoders read only the first one."""
    path = tmp_path / name
    path.write_bytes(sources[name] * 2)
    clip = read_clip(str(path), SPEC)
    begins = f"another video that begins at byte {len(sources[name]):,} isn't read"
    assert clip.num_source_frames == NUM_FRAMES and clip.damaged and begins in clip.damage


@pytest.mark.parametrize("name", ["fast.mp4", "indexed.mp4", "x.mkv", "m.avi", "v.webm", "w.wmv", "f.flv"])
def test_zeros_where_a_download_has_not_come(name: str, sources: dict[str, bytes], tmp_path: Path) -> None:
    data, path = sources[name], tmp_path / name
    for share in (0.35, 0.75):
        there = int(share * len(data))
        path.write_bytes(data[:there] + bytes(len(data) - there))
        found = missing(path)
        assert found is not None and f" of {NUM_FRAMES} frames are there" in found.message
        assert found.share == pytest.approx(share, abs=0.17) and found.end_s == pytest.approx(4, abs=0.02)
        if share > 0.5:
            clip = read_clip(str(path), SPEC)
            assert clip.damaged and found.message in clip.damage
            # The tables of a plain MP4 file give the times of all frames, so nothing is missing after them.
            assert name == "fast.mp4" or found.seconds_behind(clip.duration_s) > 0.3
        else:
            with pytest.raises(VideoDecodeError, match=f"^only {found.message}$"):
                read_clip(str(path), SPEC)
    path.write_bytes(data + bytes(10_000))
    assert missing(path) is None


def test_end_of_data() -> None:
    for data, end in ((b"a" + bytes(4096), 1), (b"a" + bytes(4095), 4096), (b"", 0), (bytes(5000), 0)):
        assert file_ends.data_end(io.BytesIO(data), len(data)) == end
    data = b"a" * 7 + bytes(3 << 20)
    assert file_ends.data_end(io.BytesIO(data), len(data)) == 7


def test_black_pictures_and_silence_may_be_zeros(tmp_path: Path) -> None:
    path = tmp_path / "v.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("rawvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "bgr24"
        for level in [200] * 10 + [0] * 10:
            picture = np.full((48, 64, 3), level, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"idx1")].rstrip(b"\0") + bytes(10 * 64 * 48 * 3))
    assert missing(path) is None


def cut_at(mark: bytes, offset: int = 0) -> Callable[[bytes], bytes]:
    return lambda data: data[: data.rindex(mark) + offset]


def longer_segment(data: bytes) -> bytes:
    place = data.index(b"\x18\x53\x80\x67") + 4
    size = int.from_bytes(data[place + 1 : place + 8], "big") + 100_000
    return data[: place + 1] + size.to_bytes(7, "big") + data[place + 8 :]


def longer_asf(data: bytes) -> bytes:
    place = data.index(bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")) + 16
    return data[:place] + struct.pack("<Q", 10_000_000) + data[place + 8 :]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("x.mkv", cut_at(b"\x1c\x53\xbb\x6b")),  # right before the cues
        ("v.webm", cut_at(b"\x1c\x53\xbb\x6b", 9)),
        ("x.mkv", longer_segment),
        ("w.wmv", longer_asf),
        ("f.flv", lambda data: data[:-4]),
        ("fragments.mp4", cut_at(b"mfra", 16)),
        ("fragments.mp4", lambda data: data + struct.pack(">I4s", 1000, b"free") + bytes(10)),
    ],
)
def test_all_are_there(name: str, change: Callable[[bytes], bytes], sources: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(change(sources[name]))
    clip = read_clip(str(path), SPEC)
    assert (clip.num_source_frames, clip.damaged, clip.missing) == (NUM_FRAMES, False, None)


def test_flv_with_b_frames(tmp_path: Path) -> None:
    """The file's duration counts from 0, although the first frame is shown later."""
    path = write_video(tmp_path / "v.flv", *X264, {})
    path.write_bytes(path.read_bytes()[:-4])
    assert missing(path) is None


@pytest.mark.parametrize(
    ("name", "codec", "message"),
    [
        ("v.mxf", "mpeg2video", f" of {NUM_FRAMES} frames are there"),
        ("v.ivf", "libvpx", f" of {NUM_FRAMES} frames are there"),
        ("v.gif", "gif", " frames are there, and the file ends without its end mark"),
    ],
)
def test_other_containers(name: str, codec: str, message: str, tmp_path: Path) -> None:
    path = write_video(tmp_path / name, codec, {}, {})
    data = path.read_bytes()
    for more in (b"", bytes(5000), b"trailing bytes"):
        if name == "v.ivf" and b"trailing" in more:
            continue  # counted as another frame
        path.write_bytes(data + more)
        assert missing(path) is None
    path.write_bytes(data[: 7 * len(data) // 10])
    found = missing(path)
    assert found is not None and message in found.message
    assert read_clip(str(path), SPEC).damaged
    path.write_bytes(data[: 3 * len(data) // 10])
    if name != "v.gif":
        with pytest.raises(VideoDecodeError, match="^only "):
            read_clip(str(path), SPEC)
    path.write_bytes(data[: 7 * len(data) // 10] + bytes(3 * len(data) // 10))
    assert missing(path) is not None or name == "v.ivf"


@pytest.mark.parametrize(
    ("kind", "codec"),
    [("mp3", "libmp3lame"), ("flac", "flac"), ("adts", "aac"), ("wav", "pcm_s16le"), ("aiff", "pcm_s16be")],
)
def test_sound_with_the_name_of_a_video(kind: str, codec: str, tmp_path: Path) -> None:
    with av.open(str(tmp_path / "v.mp4"), "w", format=kind) as container:
        stream = container.add_stream(codec, rate=44100)
        stream.layout = "stereo"
        sound = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 44100)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(sound, format="fltp", layout="stereo")
        frame.sample_rate = 44100
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    with pytest.raises(NoVideoStreamError, match="no video stream"):
        missing(tmp_path / "v.mp4")


@pytest.mark.parametrize("cut", [False, True])
def test_edit_list_that_shows_nothing(sources: dict[str, bytes], tmp_path: Path, cut: bool) -> None:
    """Unless what it shows is missing: then the file is to blame, not its edit list."""
    data = bytearray(sources["fast.mp4"])
    path = tmp_path / "v.mp4"
    path.write_bytes(data)
    with av.open(str(path)) as container:
        keys = [packet for packet in container.demux(video=0) if packet.is_keyframe and packet.size]
        end, later = (keys[1].pos or 0) + keys[1].size, (keys[1].pts or 0) + 4 * (keys[1].duration or 0)
    place = data.index(b"elst") + 8
    length, start, rate = struct.unpack_from(">Iii", data, place + 4)
    struct.pack_into(">Iii", data, place + 4, length, start + (later if cut else 1 << 24), rate)
    path.write_bytes(data[:end] if cut else data)
    message = "only 0 of [0-9]+ frames are there" if cut else "edit list shows no frame"
    for read in (lambda: read_clip(str(path), SPEC), lambda: survey(str(path))):
        with pytest.raises(VideoDecodeError, match=message):
            read()


def without_sizes(data: bytes) -> bytes:
    """An AVI file from a program that ended before it wrote sizes, counts and index."""
    changed = bytearray(data[: data.index(b"idx1")])
    movi = changed.index(b"movi") - 4
    for place in (4, movi, changed.index(b"avih") + 8 + 16, changed.index(b"strh") + 8 + 32):
        changed[place : place + 4] = bytes(4)
    return bytes(changed)


def with_count(count: int) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        changed = bytearray(data)
        for place in (changed.index(b"avih") + 8 + 16, changed.index(b"strh") + 8 + 32):
            changed[place : place + 4] = struct.pack("<I", count)
        return bytes(changed)

    return change


CHANGES = [without_sizes, with_count(0), with_count(5), with_count(110), with_count(1 << 31)]


@pytest.mark.parametrize("change", CHANGES)
def test_avi_headers_that_lie(change: Callable[[bytes], bytes], sources: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "v.avi"
    path.write_bytes(change(sources["m.avi"]))
    assert missing(path) is None
    clip = read_clip(str(path), SPEC)
    assert not clip.damaged and clip.num_source_frames == NUM_FRAMES
    cut = change(sources["m.avi"])
    path.write_bytes(cut[: int(0.7 * len(cut))])
    if change is not CHANGES[0]:
        found = missing(path)
        assert found is not None and 0.55 < found.share < 0.85


@pytest.mark.parametrize(("name", "options"), [("x.mkv", {"live": "1"}), ("v.webm", {"live": "1"})])
def test_recorded_live(name: str, options: dict[str, str], tmp_path: Path) -> None:
    path = write_video(tmp_path / name, *SOURCES[name], options)
    assert matroska.look(io.BytesIO(path.read_bytes()), path.stat().st_size).end == path.stat().st_size
    assert missing(path) is None
    assert not read_clip(str(path), SPEC).damaged
    path.write_bytes(path.read_bytes() + np.random.default_rng(0).bytes(100_000))
    found = missing(path)
    assert found is None or "can't be followed" in found.message  # others than frames may be missing: no failure
    assert read_clip(str(path), SPEC).num_source_frames == NUM_FRAMES


@pytest.mark.parametrize(
    "name", ["nullframes.avi", "cut_editlist.mp4", "screen_vfr_bframes.mp4", "joined.ts", "trim_8_to_9.5.mp4"]
)
def test_odd_but_whole(name: str) -> None:
    assert missing(FIELD / name) is None
    assert not read_clip(str(FIELD / name), SPEC).damaged


def test_empty_slots_of_a_cut_avi_are_there(tmp_path: Path) -> None:
    data, path = (FIELD / "nullframes.avi").read_bytes(), tmp_path / "v.avi"
    movi = data.index(b"movi")
    path.write_bytes(data[: movi + 7 * (data.index(b"idx1") - movi) // 10])
    found = missing(path)
    assert found is not None and found.message.endswith(" of 410 frames are there") and 0.5 < found.share < 0.9


def test_real_clips_are_whole(real_data: Path) -> None:
    folders = [real_data / name for name in ("ucf-clips", "fight-surv", "ut-interaction", "gmdcsa24")]
    videos = [path for folder in folders for path in sorted(folder.rglob("*")) if path.suffix in (".avi", ".mp4")]
    assert len(videos) > 200
    assert [path.name for path in videos if missing(path)] == []


def chunk(name: bytes, data: bytes, size: int | None = None) -> bytes:
    return name + struct.pack("<I", len(data) if size is None else size) + data + bytes(len(data) % 2)


def open_dml(parts: list[int], lost: int) -> bytes:
    """A file of several RIFFs, each with this many frames of 10 bytes, of which the last are lost."""
    frame = chunk(b"00dc", bytes(10))
    sizes = [(24 if number else 12) + count * len(frame) for number, count in enumerate(parts)]
    header_size = 12 + 12 + 12 + 8 + 24 + 16 * len(parts)
    places = [header_size + sum(sizes[:i]) for i in range(len(parts))]
    entries = b"".join(
        struct.pack("<QII", place, size, count) for place, size, count in zip(places, sizes, parts, strict=True)
    )
    index = chunk(b"indx", struct.pack("<HBBI4s12x", 4, 0, 0, len(parts), b"00dc") + entries)
    header = chunk(b"LIST", b"hdrl" + chunk(b"LIST", b"strl" + index))
    movies = [chunk(b"LIST", b"movi" + count * frame) for count in parts]
    first = chunk(b"RIFF", b"AVI " + header + movies[0])
    return first + b"".join(chunk(b"RIFF", b"AVIX" + movie) for movie in movies[1 : len(parts) - lost])


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_open_dml(lost: int, tmp_path: Path) -> None:
    data = open_dml([50, 60, 70], lost)
    (tmp_path / "v.avi").write_bytes(data)
    assert avi.count_slots(str(tmp_path / "v.avi"), 0, shown=40) == (40 if lost else 180)
    found = avi.look(io.BytesIO(data), len(data), 0)
    assert found.is_cut == (lost > 0) and found.announced_frames == 180
    assert (found.promised_bytes > found.bytes_there) == (lost > 0)
    assert not avi.look(io.BytesIO(data), len(data), 1).is_cut  # nothing is known of this stream


@pytest.mark.parametrize(
    ("there", "promised", "about", "expected"),
    [
        (390, 720, False, "390 of 720 frames are there"),
        (1234, 5678, True, "about 1,234 of 5,678 frames are there"),
        (0, 1, False, "0 of 1 frame is there"),
        (5, 5, False, None),
        (6, 5, True, None),
    ],
)
def test_counted(there: int, promised: int, about: bool, expected: str | None) -> None:
    found = counted(there, promised, 2.0, about)
    assert (found and found.message) == expected


@pytest.mark.parametrize(("end_s", "expected"), [(10.0, 4.0), (6.0, 0.0), (6.001, 0.0), (5.0, 0.0)])
def test_seconds_behind(end_s: float, expected: float) -> None:
    assert Shortfall("", 0.9, end_s).seconds_behind(6.0) == expected


def test_parsers_take_anything(sources: dict[str, bytes]) -> None:
    """No content of a file causes an error or an endless loop."""
    for number in range(600):
        draw = random.Random(number)
        name = draw.choice(sorted(sources))
        data = mutate(sources[name], sources["x.mkv"], draw.choice(KINDS), draw)
        if number % 3 == 0:
            data = data[: draw.randrange(200)] + np.random.default_rng(number).bytes(200)
        file = io.BytesIO(data)
        avi.look(file, len(data), 0)
        avi.count_empty(file, len(data), 0)
        matroska.look(file, len(data))
        mp4.look(file, len(data), 1)
        asf.look(file)
        ogg.fault(file, len(data))
        mpegts.has_lost_packets(file, 256)
        mp4.listed_pictures(file, len(data), 1)
        mp4.lacks_tables(file, len(data))
        file_ends.mxf_footer(file)
        file_ends.ivf_frames(file)
        file_ends.gif_break(io.BytesIO(b"GIF89a" + data[:5000]))


def test_mutated_files_are_read_or_refused(sources: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "v"
    for number in range(120):
        draw = random.Random(number)
        path.write_bytes(mutate(sources[draw.choice(sorted(sources))], b"", draw.choice(("bits", "header")), draw))
        try:
            missing(path)
        except (VideoError, MemoryError):
            continue
