"""VP9: what is left out changes no frame, and the headers that tell what can be."""

import random
from pathlib import Path

import av
import numpy as np
import pytest

from pipelines.video.skipping import drop_plan, vp9
from pipelines.video.skipping.bits import NoPlan
from pipelines.video.skipping.vp9 import Frame
from tests.support.bit_strings import packed, packets_of
from tests.support.films import write_film
from tests.support.long_videos import moving_pictures
from tests.support.plan_checks import check_every_frame, plan_of

NUM_FRAMES = 31
REALTIME = {"deadline": "realtime", "cpu-used": "8", "g": "12"}
LAYERS = "ts_number_layers=2:ts_target_bitrate=300,600:ts_rate_decimator=2,1:ts_periodicity=2:ts_layer_id=0,1"
RESILIENT = {**REALTIME, "error-resilient": "1", "ts-parameters": f"{LAYERS}:ts_layering_mode=2"}
LAGGED = {"cpu-used": "5", "auto-alt-ref": "1", "lag-in-frames": "10", "g": "12"}


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return moving_pictures()[:NUM_FRAMES]


@pytest.mark.parametrize(
    ("name", "options", "num_kept"),
    [
        ("realtime.webm", REALTIME, 11),
        ("lagged.mkv", LAGGED, 11),
        ("lagged.mp4", LAGGED, 11),
        ("lagged.ivf", LAGGED, 11),
        ("resilient.webm", RESILIENT, 6),
        ("segments.webm", {**REALTIME, "aq-mode": "3"}, 11),
    ],
)
def test_every_frame(
    name: str, options: dict[str, str], num_kept: int, pictures: list[np.ndarray], tmp_path: Path
) -> None:
    path = write_film(tmp_path / name, pictures, "libvpx-vp9", options, bit_rate=300_000)
    plan = check_every_frame(path)
    assert len(plan.keep({22})) == num_kept


@pytest.mark.parametrize("options", [RESILIENT, LAGGED])
def test_frames_that_are_shown_again(options: dict[str, str], pictures: list[np.ndarray], tmp_path: Path) -> None:
    path = write_film(tmp_path / "plain.webm", pictures, "libvpx-vp9", options, bit_rate=300_000)
    again = tmp_path / "again.webm"
    with av.open(str(path)) as container, av.open(str(again), "w") as output:
        stream = output.add_stream_from_template(container.streams.video[0])
        contents = [bytes(packet) for packet in container.demux(video=0) if packet.size]
        contents[20:20] = [packed(f"10 00 1 {slot:03b}") for slot in (0, 2, 7)]
        for place, content in enumerate(contents):
            packet = av.Packet(content)
            packet.stream, packet.pts, packet.dts = stream, 40 * place, 40 * place
            packet.is_keyframe = vp9.is_start(content)
            output.mux(packet)
    plan = check_every_frame(again)
    assert plan.num_shown == NUM_FRAMES + 3
    assert (len(plan.keep({22})) == 2) == (options is RESILIENT)  # in the first, slot 7 holds the key frame


SYNC = f"{0x498342:024b}"


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        (f"10 00 0 0 1 0 {SYNC}", Frame(True, True, True, (), 0xFF)),
        (f"10 11 0 0 0 0 1 {SYNC}", Frame(True, False, True, (), 0xFF)),
        ("10 00 1 101", Frame(False, True, True, (5,), 0, repeats=5)),
        ("10 00 0 1 1 0 00 00000101 001 0 010 1 111 0", Frame(False, True, False, (1, 2, 7), 5)),
        ("10 00 0 1 1 1 00000000 000 0 000 0 001 0", Frame(False, True, True, (0, 0, 1), 0)),
        ("10 00 0 1 0 0 0 11 10000000 011 0 100 0 101 0", Frame(False, False, False, (3, 4, 5), 128)),
        (f"10 00 0 1 0 0 1 11 {SYNC} 00001111", Frame(False, False, False, (), 15)),
        (f"10 00 0 1 0 1 1 {SYNC} 10001111", Frame(False, False, True, (), 143)),
        (f"10 10 0 1 0 1 1 {SYNC} 010 1 110 10001111", Frame(False, False, True, (), 143)),
        (f"10 01 0 1 0 1 1 {SYNC} 1 010 1 10001111", Frame(False, False, True, (), 143)),
        (f"10 01 0 1 0 1 1 {SYNC} 1 111 10001111", "RGB"),
        (f"10 11 0 0 1 0 1 1 {SYNC} 0 111 0 10001111", Frame(False, False, True, (), 143)),
        ("01 00 0 0 1 0", "marker"),
        ("10 11 1 0 0 1 0", "profile"),
        (f"10 00 0 0 1 0 {SYNC[:-1]}1", "sync"),
        (f"10 00 0 1 0 1 1 1{SYNC[1:]} 00001111", "sync"),
        ("10 00 0 1 1 0 00 000", "too early"),
    ],
)
def test_headers(bits: str, expected: Frame | str) -> None:
    if isinstance(expected, str):
        with pytest.raises(NoPlan, match=expected):
            vp9.parse_frame(packed(bits))
    else:
        assert vp9.parse_frame(packed(bits)) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("82 49 83 42", ["82498342"]),
        ("82 86 01 c0 01 c0", "don't fill"),
        ("82 86 c0 02 c0", ["8286"]),
        ("82 86 01 c1 02 01 c1", ["8286", "01"]),
        ("82 86 01 c9 0200 0100 c9", ["8286", "01"]),
        ("82 86 01 c9 0200 0200 c9", "don't fill"),
        ("82 86 01 c1 03 00 c1", "don't fill"),
        ("82 86 01 c1 02 01 c9", "looks like"),
        ("c7", "looks like"),
    ],
)
def test_superframes(data: str, expected: list[str] | str) -> None:
    if isinstance(expected, str):
        with pytest.raises(NoPlan, match=expected):
            vp9.split_superframe(bytes.fromhex(data))
    else:
        assert vp9.split_superframe(bytes.fromhex(data)) == [bytes.fromhex(frame) for frame in expected]


def frame(text: str) -> bytes:
    """A key frame `K`, or one that refers to slots and refreshes others, such as `P012>3`.

    `E` instead of `P` survives losses, and `S3` shows slot 3 again. In lower case, a frame is hidden.
    """
    kind, shown = text[0].upper(), int(text[0].isupper())
    if kind == "K":
        return packed(f"10 00 0 0 {shown} 0 {SYNC}")
    if kind == "S":
        return packed(f"10 00 1 {int(text[1]):03b}")
    references, _, refreshed = text[1:].partition(">")
    flags = f"{int(kind == 'E')} {'' if shown else '0'} {'' if kind == 'E' else '00'}"
    mask = sum(1 << int(slot) for slot in refreshed)
    slots = " ".join(f"{int(slot):03b} 0" for slot in references)
    return packed(f"10 00 0 1 {shown} {flags} {mask:08b} {slots}") + b"\1"


def packets(text: str) -> list[av.Packet]:
    """Packets such as `K p012>0+P000`."""
    contents = []
    for packet in text.split():
        frames = [frame(part) for part in packet.split("+")]
        index = bytes([0xC0 + len(frames) - 1])
        if len(frames) > 1:
            frames += [index, bytes(map(len, frames)), index]
        contents.append(b"".join(frames))
    return packets_of(contents)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("K P012>0 P012 P012>1", [(), (0,), (0, 1), (0, 1, 2)]),  # the last two frames of a chain, and the slots
        ("K E012>0 E012 E012>1", [(), (0,), (0, 1), (0, 1)]),
        ("K E000>0 E000 K E111 E111", [(), (0,), (1,), (), (3,), (3,)]),
        ("K E000>0 P111 K E111 E111", [(), (0,), (0, 1), (), (3,), (3,)]),
        ("K e000>0+E000>1 E111 E000 E222 S1 S3", [(), (0,), (1,), (1,), (0,), (1,), (0,)]),
        ("K p000>0+P000>1 P111 K", [(), (0,), (1,), ()]),
        ("k+P000 P111", [(), (0,)]),
        ("P000", "isn't a key frame"),
        ("K P000 p000>0", "not one shown"),
        ("K P000+P000", "not one shown"),
        ("K p000+K", "not the first frame of its packet"),
    ],
)
def test_what_frames_need(text: str, expected: list[tuple[int, ...]] | str) -> None:
    if isinstance(expected, str):
        with pytest.raises(NoPlan, match=expected):
            vp9.pictures(b"", packets(text))
        return
    shown, coded = vp9.pictures(b"", packets(text))
    assert [picture.needs for picture in coded] == expected
    assert shown == list(range(len(expected)))


def test_the_container_has_the_same_order() -> None:
    some = packets("K P000 P000")
    some[2].pts = 1
    assert drop_plan.plan("vp9", b"", some) is None
    some[2].pts = None
    assert drop_plan.plan("vp9", b"", some) is None


def test_key_frames() -> None:
    starts = {"K": True, "k+P000": True, "P000": False, "e000>0+E000": False, "S1": False}
    assert {text: vp9.is_start(bytes(packets(text)[0])) for text in starts} == starts


def test_parsers_take_anything(pictures: list[np.ndarray], tmp_path: Path) -> None:
    path = write_film(tmp_path / "v.webm", pictures[:12], "libvpx-vp9", LAGGED)
    with av.open(str(path)) as container:
        contents = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    for number in range(500):
        draw = random.Random(number)
        changed = [bytearray(content[: draw.choice((1, 4, 12, 1 << 20))]) for content in contents]
        for content in draw.sample(changed, 3):
            content[draw.choice((0, 1, 2, -1)) % len(content)] = draw.randrange(256)
        drop_plan.plan("vp9", b"", packets_of(map(bytes, changed)))


def test_no_plan_without_a_key_frame(pictures: list[np.ndarray], tmp_path: Path) -> None:
    path = write_film(tmp_path / "v.webm", pictures, "libvpx-vp9", REALTIME)
    assert plan_of(path) is not None
    with av.open(str(path)) as container:
        assert drop_plan.plan("vp9", b"", [packet for packet in container.demux(video=0) if packet.size][3:]) is None
