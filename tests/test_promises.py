"""What containers promise: files that are cut are told, and files that are whole never are."""

import io
import random
import struct
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from pipelines.core import asf, avi_parts, boxes, ebml
from pipelines.core.frames import VideoDecodeError, VideoError, open_video, scan
from pipelines.core.promises import Shortfall, counted
from pipelines.core.spec import ClipSpec
from pipelines.core.survey import survey
from pipelines.core.video import read_clip
from tests.long_videos import moving_pictures, x264
from tests.mutation import KINDS, mutate

FIELD = Path(__file__).parent / "data" / "field"
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


def write_video(path: Path, codec: str, options: dict[str, str], container_options: dict[str, str]) -> Path:
    with av.open(str(path), "w", options=container_options) as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 120, 64, "yuv420p"
        stream.codec_context.thread_count = 1
        stream.bit_rate = 600_000
        for picture in moving_pictures()[:NUM_FRAMES]:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("sources")
    options = {name: {"movflags": flags} for name, flags in FLAGS.items()}
    return {
        name: write_video(folder / name, codec, choices, options.get(name, {})).read_bytes()
        for name, (codec, choices) in SOURCES.items()
    }


def missing(path: Path) -> Shortfall | None:
    with open_video(str(path)) as (container, stream):
        return scan(container, stream).missing


def frames_of(path: Path) -> int:
    """What plain decoding gives, without what is cut off."""
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
        if name in ("fragments.mp4", "late.mp4"):  # nothing tells how many more fragments there were
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
    [("x.mkv", "can't be followed from byte"), ("m.avi", " of 100 frames"), ("fragments.mp4", "of at least")],
)
def test_holes_in_the_structure(name: str, message: str, sources: dict[str, bytes], tmp_path: Path) -> None:
    data, path = sources[name], tmp_path / name
    middle = len(data) // 2
    path.write_bytes(data[:middle] + bytes(4000) + data[middle + 4000 :])
    found = missing(path)
    assert found is not None and message in found.message
    assert read_clip(str(path), SPEC).damaged


def without_sizes(data: bytes) -> bytes:
    """An AVI file as from a program that never came to write its sizes, counts and index."""
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
def test_headers_of_avi_files_that_lie(
    change: Callable[[bytes], bytes], sources: dict[str, bytes], tmp_path: Path
) -> None:
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
    assert ebml.look(io.BytesIO(path.read_bytes()), path.stat().st_size).end == path.stat().st_size
    assert missing(path) is None
    assert not read_clip(str(path), SPEC).damaged


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
    """A file of several RIFFs with so many frames of 10 bytes each, of which the last ones are lost."""
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
def test_open_dml(lost: int) -> None:
    data = open_dml([50, 60, 70], lost)
    found = avi_parts.look(io.BytesIO(data), len(data), 0)
    assert found.is_cut == (lost > 0) and found.announced_frames == 180
    assert (found.promised_bytes > found.bytes_there) == (lost > 0)
    assert not avi_parts.look(io.BytesIO(data), len(data), 1).is_cut  # nothing is known of this stream


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
    """No error, no endless loop, whatever is in a file."""
    for number in range(600):
        draw = random.Random(number)
        name = draw.choice(sorted(sources))
        data = mutate(sources[name], sources["x.mkv"], draw.choice(KINDS), draw)
        if number % 3 == 0:
            data = data[: draw.randrange(200)] + np.random.default_rng(number).bytes(200)
        file = io.BytesIO(data)
        avi_parts.look(file, len(data), 0)
        avi_parts.count_empty(file, len(data), 0)
        ebml.look(file, len(data))
        boxes.look(file, len(data), 1)
        asf.look(file)


def test_mutated_files_are_read_or_refused(sources: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "v"
    for number in range(120):
        draw = random.Random(number)
        path.write_bytes(mutate(sources[draw.choice(sorted(sources))], b"", draw.choice(("bits", "header")), draw))
        try:
            missing(path)
        except (VideoError, MemoryError):
            continue
