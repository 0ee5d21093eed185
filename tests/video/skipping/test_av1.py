"""AV1: what is left out changes no frame, and the headers that tell what can be."""

import os
import random
from pathlib import Path

import av
import numpy as np
import pytest

from pipelines.video.skipping import av1, av1_headers, drop_plan
from pipelines.video.skipping.av1_headers import Frame, Sequence, Unit
from pipelines.video.skipping.bits import NoPlan
from tests.support.bit_strings import packed, packets_of
from tests.support.films import write_film
from tests.support.long_videos import moving_pictures
from tests.support.plan_checks import check_every_frame

NUM_FRAMES = 35
os.environ.setdefault("SVT_LOG", "1")  # errors only


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return moving_pictures()[:NUM_FRAMES]


def write(path: Path, pictures: list[np.ndarray], params: str, pix_fmt: str = "") -> Path:
    options = {"preset": "11", "svtav1-params": f"lp=1:{params}"}
    return write_film(path, pictures, "libsvtav1", options, bit_rate=300_000, pix_fmt=pix_fmt)


@pytest.mark.parametrize(
    ("name", "params", "num_kept"),
    [
        ("plain.mp4", "keyint=16", 5),
        ("levels.mkv", "keyint=250:hierarchical-levels=4", 7),
        ("low_delay.webm", "pred-struct=1:rc=2", 6),
        ("switch.ivf", "pred-struct=1:rc=2:keyint=32:sframe-dist=8:sframe-mode=1", 6),
        ("overlays.mp4", "keyint=250:enable-overlays=1", 7),
        ("grain.obu", "keyint=16:film-grain=20", 5),
    ],
)
def test_every_frame(name: str, params: str, num_kept: int, pictures: list[np.ndarray], tmp_path: Path) -> None:
    plan = check_every_frame(write(tmp_path / name, pictures, params))
    assert len(plan.keep({18})) == num_kept


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("12 00 0a 02 ffff", [Unit(2, 2, 2, 0), Unit(1, 4, 6, 0)]),
        ("32 81 00 aa 30 bb", [Unit(6, 3, 4, 0), Unit(6, 5, 6, 0)]),  # the size of the last one isn't needed
        ("36 29 01 aa", [Unit(6, 3, 4, 0b10_00000010)]),
        ("34 c8", [Unit(6, 2, 2, 0b10_01000000)]),
        ("32 02 aa", "cut off"),
        ("34", "cut off"),
        ("36", "doesn't end"),
        ("32 ff", "doesn't end"),
        ("32 8080808080808080 00", "doesn't end"),
        ("b2 00", "reserved"),
        ("33 00", "reserved"),
    ],
)
def test_units(data: str, expected: list[Unit] | str) -> None:
    if isinstance(expected, str):
        with pytest.raises(NoPlan, match=expected):
            list(av1_headers.units(bytes.fromhex(data)))
    else:
        assert list(av1_headers.units(bytes.fromhex(data))) == expected


POINT = "0 00000 000000000000 00000"
SIZE = f"0000 0001 {3 * '1'}"
TOOLS = "0 000 0000 1 00 1 1 110"
ORDINARY = Sequence(((0, False),), 0, 0, False, 0, 0, 2, 2, 7)
TIMED = f"1 {64 * '1'}"
MODEL = f"1 00010 {32 * '0'} 00011 00100"


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        (f"000 0 0 0 {POINT} {SIZE} {TOOLS}", ORDINARY),
        (f"000 0 0 {TIMED} 0 0 {POINT} {SIZE} {TOOLS}", ORDINARY),
        (f"000 0 0 {TIMED} 1 00101 0 {POINT} {SIZE} {TOOLS}", ORDINARY),
        (f"000 0 0 {TIMED} 0 {MODEL} {POINT} 0 {SIZE} {TOOLS}", ORDINARY._replace(
            has_decoder_model=True, removal_bits=4, time_bits=5)),
        (f"000 0 0 {TIMED} 1 1 {MODEL} {POINT} 1 000 000 0 {SIZE} {TOOLS}", ORDINARY._replace(
            has_decoder_model=True, removal_bits=4, points=((0, True),))),
        (f"000 0 0 0 1 00001 000100000011 01000 1 1 0101 000100000001 00111 0 {SIZE} {TOOLS}", ORDINARY._replace(
            points=((0x103, False), (0x101, False)))),
        (f"000 0 0 0 {POINT} {SIZE} 1 0011 010 000 0000 1 00 1 1 110", ORDINARY._replace(
            id_bits=8, id_difference_bits=5)),
        (f"000 0 0 0 {POINT} {SIZE} 0 000 0000 0 0 1 0 1", ORDINARY._replace(
            order_bits=0, screen_tools=1, whole_motion=1)),
        (f"000 0 0 0 {POINT} {SIZE} 0 000 0000 0 0 0", ORDINARY._replace(order_bits=0, screen_tools=0)),
        (f"000 0 0 0 0 00000 001100000011 00000 {SIZE} {TOOLS}", "spatial layers"),
        ("000 1 1 00000", "still picture"),
        (f"000 0 0 {TIMED} 1 {32 * '0'}", "too early"),
    ],
)  # fmt: skip
def test_sequence_headers(bits: str, expected: Sequence | str) -> None:
    if isinstance(expected, str):
        with pytest.raises(NoPlan, match=expected):
            av1_headers.parse_sequence(packed(bits))
    else:
        assert av1_headers.parse_sequence(packed(bits)) == expected


REFERENCES = "0 000 001 010 011 100 101 110"
SLOTS = (0, 1, 2, 3, 4, 5, 6)
IDS = ORDINARY._replace(id_bits=8, id_difference_bits=5)
WITH_MODEL = ORDINARY._replace(
    has_decoder_model=True, time_bits=5, removal_bits=4, points=((0x103, True), (0x101, True), (0x101, False))
)


@pytest.mark.parametrize(
    ("bits", "sequence", "layers", "expected"),
    [
        ("1 011", ORDINARY, 0, Frame(False, True, (3,), 0, repeats=3)),
        ("0 00 1 0 0 0 0000000", ORDINARY, 0, Frame(True, True, (), 0xFF)),
        ("0 00 0 1 0 0 0 0 0000000 00000011", ORDINARY, 0, Frame(True, False, (), 3)),
        (f"0 00 0 1 1 0 0 0 0000000 00000011 {56 * '1'}", ORDINARY, 0, Frame(True, False, (), 3)),
        ("0 10 1 0 0 1 1 0 0000000 00000110", ORDINARY, 0, Frame(False, True, (), 6)),
        (f"0 01 1 0 0 0 0 0000000 111 00000001 {REFERENCES}", ORDINARY, 0, Frame(False, True, SLOTS, 1)),
        (f"0 01 0 1 0 0 1 1 0 0000000 111 00000001 {REFERENCES}", ORDINARY, 0, Frame(False, False, SLOTS, 1)),
        (f"0 01 1 1 0 0 0 0000000 00000001 {56 * '0'} {REFERENCES}", ORDINARY, 0, Frame(False, True, SLOTS, 1)),
        (f"0 11 1 0 0 0000000 {56 * '0'} {REFERENCES}", ORDINARY, 0, Frame(False, True, SLOTS, 0xFF)),
        (f"0 01 1 0 0 0 111 00000001 {REFERENCES[1:]}", ORDINARY._replace(order_bits=0, screen_tools=0), 0,
         Frame(False, True, SLOTS, 1)),
        (f"0 01 1 0 0 1 0 0000000 111 00000001 {REFERENCES}", ORDINARY._replace(screen_tools=1), 0,
         Frame(False, True, SLOTS, 1)),
        (f"0 01 1 0 0 0 11111111 0 0000000 111 00000001 0{''.join(f'{n:03b}11111' for n in range(7))}", IDS, 0,
         Frame(False, True, SLOTS, 1)),
        (f"0 01 1 11111 0 0 0 0 0000000 111 1 1111 00000001 {REFERENCES}", WITH_MODEL, 0x102,
         Frame(False, True, SLOTS, 1)),
        (f"0 01 1 11111 0 0 0 0 0000000 111 1 11111111 00000001 {REFERENCES}", WITH_MODEL, 0x101,
         Frame(False, True, SLOTS, 1)),
        (f"0 01 1 11111 0 0 0 0 0000000 111 0 00000001 {REFERENCES}", WITH_MODEL, 0, Frame(False, True, SLOTS, 1)),
        ("1 011", WITH_MODEL, 0x104, "not decoded"),
        ("0 01 1 0 0 0 0 0000000 111 00000001 1", ORDINARY, 0, "order of frames"),
        ("0 01 1 0 0 0 0 0000000 111 00000001", ORDINARY, 0, "too early"),
    ],
)  # fmt: skip
def test_frame_headers(bits: str, sequence: Sequence, layers: int, expected: Frame | str) -> None:
    if isinstance(expected, str):
        with pytest.raises(NoPlan, match=expected):
            av1_headers.parse_frame(packed(bits), sequence, layers)
    else:
        assert av1_headers.parse_frame(packed(bits), sequence, layers) == expected


HEADER = packed(f"000 0 0 0 {POINT} {SIZE} {TOOLS}")


def unit(kind: int, content: bytes) -> bytes:
    return bytes([kind << 3 | 2, len(content)]) + content


def frame(text: str) -> bytes:
    """A unit: a key frame `K`, an intra frame `I>3`, or one that refers to slots and refreshes others, as `P01>3`.

    In lower case, frames are hidden. `S3` shows slot 3; `H` is a sequence header, `D` a delimiter, `M` metadata.
    """
    kind, shown = text[0].upper(), int(text[0].isupper())
    others = {"D": (2, b""), "H": (1, HEADER), "G": (1, HEADER[:-1] + b"\xff"), "M": (5, b"\1"), "T": (4, b"\1")}
    if kind in others:
        return unit(*others[kind])
    if kind == "S":
        return unit(3, packed(f"1 {int(text[1]):03b} 1"))
    references, _, refreshed = text[1:].partition(">")
    mask = f"{sum(1 << int(slot) for slot in refreshed):08b}"
    start = f"{'KPI'.index(kind):02b} {shown} {'' if shown else '1'}"
    if kind == "K":
        return unit(6, packed(f"0 {start} {'' if shown else '0'} 0 0 0 0000000 {'' if shown else mask} 0000"))
    if kind == "I":
        return unit(6, packed(f"0 {start} 0 0 0 0 0000000 {mask} 0000"))
    slots = "".join(f"{int(slot):03b}" for slot in (references * 7)[:7])
    return unit(6, packed(f"0 {start} 0 0 0 0 0000000 111 {mask} 0 {slots} 0000"))


def packets(text: str) -> list[av.Packet]:
    """Packets such as `D+H+K D+p0>1+P01`."""
    return packets_of(b"".join(frame(part) for part in packet.split("+")) for packet in text.split())


@pytest.mark.parametrize(
    ("text", "needs", "shown"),
    [
        ("D+H+K D+P0>1 P1 P0", [(), (0,), (1,), (0,)], [0, 1, 2, 3]),
        ("H+K p0>1+p01>2+P02 S2 S1 P1", [(), (0,), (0, 1), (0, 2), (2,), (1,), (1,)], [0, 3, 4, 5, 6]),
        ("H+K K P0 H+K P0", [(), (0,), (1,), (), (3,)], [0, 1, 2, 3, 4]),  # the second one's header is in the first
        ("H+K i>1+P1 I>2 P2", [(), (0,), (1,), (0,), (3,)], [0, 2, 3, 4]),
        ("H+K H+k>3+P0 P3 S3 P0", [(), (), (0,), (1,), (1,), (4,)], [0, 2, 3, 4, 5]),  # from there on, it is everywhere
        ("H+K H+k>3+P0 S3 P0>1 S5 P1", [(), (), (0,), (1,), (3,), (3,), (5,)], [0, 2, 3, 4, 5, 6]),
        ("H+K p0>1+P0 S1 P2", [(), (0,), (0,), (1,), (0,)], [0, 2, 3, 4]),  # not a key frame: slots stay
        ("D+K", "before the first sequence header", []),
        ("H+P0", "refers to nothing", []),
        ("H+k>0+P1", "refers to nothing", []),
        ("H+K G+P0", "parameters that change", []),
        ("H+K P0+T", "rare kind", []),
        ("H+K p0>1", "not one shown", []),
        ("H+K P0+P0", "not one shown", []),
    ],
)
def test_what_frames_need(text: str, needs: list[tuple[int, ...]] | str, shown: list[int]) -> None:
    if isinstance(needs, str):
        with pytest.raises(NoPlan, match=needs):
            av1.pictures(b"", packets(text))
        return
    positions, coded = av1.pictures(b"", packets(text))
    assert [picture.needs for picture in coded] == needs
    assert positions == shown


def test_a_header_and_its_tiles_are_one_unit() -> None:
    for kind, content in ((3, frame("P0")[2:]), (6, frame("S0")[2:])):
        with pytest.raises(NoPlan, match="several units"):
            av1.pictures(b"", packets_of([frame("H") + frame("K"), unit(kind, content)]))


def test_packets_are_cut() -> None:
    some = packets("D+H+K D+M+p0>1+M+P1 S1 D+P0+M")
    plan = drop_plan.plan("libdav1d", b"", some)
    assert plan is not None

    def selected(*indices: int) -> list[bytes]:
        return [bytes(packet) for packet in plan.select(some, plan.keep(indices))]

    key, pair, again, last = (bytes(packet) for packet in some)
    assert pair == frame("D") + frame("M") + frame("p0>1") + frame("M") + frame("P1")
    assert selected(1) == [key, pair]
    assert selected(2) == [key, frame("D") + frame("M") + frame("p0>1"), again]
    assert selected(3) == [key, last]
    assert selected(1, 3) == [key, pair, last]
    assert [cut.pts for cut in plan.select(some, plan.keep({2}))] == [0, 1, 2]
    some[1].pts = 5
    assert drop_plan.plan("libdav1d", b"", some) is None


def test_key_frames() -> None:
    starts = {"D+H+K": True, "H+K": True, "D+K": False, "H+k>1+P1": False, "H+I>1": False, "H+P0": False, "S1": False}
    assert {text: is_start(bytes(packets(text)[0])) for text in starts} == starts


def is_start(data: bytes) -> bool:
    try:
        return av1.is_start(data)
    except NoPlan:
        return False


def test_parsers_take_anything(pictures: list[np.ndarray], tmp_path: Path) -> None:
    with av.open(str(write(tmp_path / "v.ivf", pictures, "keyint=16"))) as container:
        contents = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    for number in range(500):
        draw = random.Random(number)
        changed = [bytearray(content[: draw.choice((1, 4, 12, 1 << 20))]) for content in contents]
        for content in draw.sample(changed, 3):
            content[draw.randrange(min(24, len(content)))] = draw.randrange(256)
        drop_plan.plan("libdav1d", b"", packets_of(map(bytes, changed)))
