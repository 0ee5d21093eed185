"""HEVC: what can be left out, and where decoding can begin."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from pipelines.core.spec import ClipSpec
from pipelines.video import clip as video
from pipelines.video.clip import read_clip
from pipelines.video.errors import VideoError
from pipelines.video.skipping import drop_plan, hevc, hevc_headers
from pipelines.video.skipping.bits import Bits, NoPlan
from pipelines.video.skipping.entry_points import start_test
from pipelines.video.skipping.hevc_headers import Pps, Slice, Sps
from tests.support.bit_strings import packed, ue
from tests.support.films import write_film
from tests.support.long_videos import moving_pictures
from tests.support.mutation import mutate
from tests.support.plan_checks import check_every_frame, other_frames, plan_of, raw_frame

NUM_FRAMES = 40
BASE = "log-level=none:pools=1:frame-threads=1:ctu=16:rc-lookahead=20:keyint=12:min-keyint=4"


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return moving_pictures()[:NUM_FRAMES]


def write(path: Path, pictures: list[np.ndarray], params: str, pix_fmt: str = "") -> Path:
    options = {"preset": "ultrafast", "x265-params": f"{BASE}:{params}"}
    return write_film(path, pictures, "libx265", options, bit_rate=0, pix_fmt=pix_fmt)


@pytest.mark.parametrize(
    ("name", "params", "most"),  # most: share of the pictures that a frame needs, on average
    [
        ("open.mp4", "bframes=4:b-adapt=0", 0.12),
        ("closed.mkv", "bframes=8:b-adapt=0:open-gop=0:ref=4", 0.12),
        ("no-b.ts", "bframes=0:ref=1", 0.2),
        ("layers.mp4", "bframes=7:b-adapt=0:temporal-layers=3", 0.12),
        ("radl.mov", "bframes=4:b-adapt=0:open-gop=0:radl=2", 0.12),
        ("long.mp4", "bframes=3:keyint=250:slices=3:weightp=1:weightb=1", 0.4),
        ("refresh.mkv", "bframes=0:intra-refresh=1", 0.6),
        ("intra.mp4", "keyint=1", 0.03),
        ("headers.ts", "bframes=3:repeat-headers=1:aud=1:hrd=1:vbv-maxrate=500:vbv-bufsize=500", 0.12),
        ("interlaced.mp4", "interlace=tff:bframes=3", 0.2),
        ("cuts.mkv", "bframes=3:scenecut=100:wpp=1:lossless=1", 0.2),
    ],
)
def test_every_frame(name: str, params: str, most: float, pictures: list[np.ndarray], tmp_path: Path) -> None:
    plan = check_every_frame(write(tmp_path / name, pictures, params), step=3, num_sets=8)
    kept = [len(plan.keep({picture.shown})) for picture in plan.pictures]
    assert np.mean(kept) <= most * len(kept)


def test_many_bits_a_colour(pictures: list[np.ndarray], tmp_path: Path) -> None:
    check_every_frame(write(tmp_path / "a.mkv", pictures, "bframes=3", "yuv422p10le"), step=5, num_sets=3)


def copy(source: Path, target: Path, first: int = 0, until: int | None = None, times: int = 1) -> Path:
    """Copies some of a video's packets, several times in a row."""
    with av.open(str(source)) as container, av.open(str(target), "w") as output:
        [stream] = container.streams.video
        packets: list[Any] = [packet for packet in container.demux(stream) if packet.size][first:until]
        new = output.add_stream_from_template(stream)
        length = max(packet.pts for packet in packets) + packets[0].duration
        for number in range(times):
            for packet in packets:
                part: Any = av.Packet(bytes(packet))
                part.pts, part.dts = packet.pts + number * length, packet.dts + number * length
                part.time_base, part.stream, part.is_keyframe = packet.time_base, new, packet.is_keyframe
                output.mux(part)
    return target


def test_recordings_that_begin_within_a_video(pictures: list[np.ndarray], tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", pictures, "bframes=4:b-adapt=0")
    plan = plan_of(path)
    assert plan is not None
    [_, second, *_] = [position for position, picture in enumerate(plan.pictures) if picture.restarts]
    assert plan_of(copy(path, tmp_path / "cra.mkv", second)) is None  # its first pictures can't be decoded
    check_every_frame(copy(path, tmp_path / "short.mkv", 0, 3), num_sets=2)
    check_every_frame(copy(path, tmp_path / "twice.mkv", times=2), step=7, num_sets=6)


def test_windows_begin_where_decoding_can(pictures: list[np.ndarray], tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", pictures, "bframes=4:b-adapt=0")
    with av.open(str(path)) as container:
        everything: dict[Any, bytes] = dict(raw_frame(frame) for frame in container.decode(video=0))
        is_start = start_test(container.streams.video[0].codec_context)
        container.seek(0)
        packets: list[Any] = [packet for packet in container.demux(video=0) if packet.size]
        begins = [position for position, packet in enumerate(packets) if is_start(packet)]
        assert len(begins) == 4
        for begin in begins:
            context = container.streams.video[0].codec_context
            context.flush_buffers()
            frames = [raw_frame(frame) for packet in [*packets[begin:], None] for frame in context.decode(packet)]
            # Those that are shown before it are skipped.
            assert frames == [(pts, data) for pts, data in everything.items() if pts >= packets[begin].pts]


def test_mutated_videos(pictures: list[np.ndarray], tmp_path: Path) -> None:
    """Undamaged clips of damaged files show what plain decoding shows."""
    names = {"a.mp4": "bframes=4:b-adapt=0", "b.mkv": "keyint=250:bframes=3:slices=2", "c.ts": "bframes=3"}
    sources = [write(tmp_path / name, pictures, params) for name, params in names.items()]
    spec = ClipSpec(6, 32, 32)
    compared = 0
    for number in range(45):
        source = sources[number % len(sources)]
        path = tmp_path / f"{number}-{source.name}"
        path.write_bytes(
            mutate(source.read_bytes(), b"", ("bits", "removed", "noise")[number // 3 % 3], random.Random(number))
        )
        try:
            clip = read_clip(str(path), spec)
        except VideoError:
            continue
        if not clip.damaged:
            wrong, unknown = other_frames(path, clip, spec)
            assert not wrong, path.name
            compared += unknown < len(clip.frames)
    assert compared > 5


def test_without_a_plan_a_video_is_decoded_once(
    pictures: list[np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although, once the last needed frame is there, further ones come out of order."""
    path = write(tmp_path / "a.mp4", pictures, "bframes=8:b-adapt=0:keyint=40")
    specs = [ClipSpec(count, 32, 32) for count in range(1, 12)]
    expected = [read_clip(str(path), spec).frames.tobytes() for spec in specs]
    monkeypatch.setattr(drop_plan, "plan", lambda *_: None)
    monkeypatch.setattr(video, "decode_again", lambda *_: pytest.fail("decoded again"))
    assert [read_clip(str(path), spec).frames.tobytes() for spec in specs] == expected


def test_broken_slices_give_up_a_plan(
    pictures: list[np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The decoder leaves old pixels where it can't decode a slice, which depend on what was decoded before."""
    path = write(tmp_path / "a.mp4", pictures, "bframes=0:slices=2:keyint=10")
    spec = ClipSpec(3, 64, 120)
    whole = read_clip(str(path), spec)
    wanted = whole.frame_indices[1]
    with av.open(str(path)) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][wanted]
        assert packet.pos is not None and packet.is_keyframe
        place = packet.pos + 4 + int.from_bytes(bytes(packet)[:4], "big") + 4  # of the second slice
    data = bytearray(path.read_bytes())
    data[place + 2] &= 0b11011111  # it now names a picture parameter set that there isn't
    path.write_bytes(data)
    assert plan_of(path) is not None
    clip = read_clip(str(path), spec)
    monkeypatch.setattr(drop_plan, "plan", lambda *_: None)
    plain = read_clip(str(path), spec)
    assert clip.frames.tobytes() == plain.frames.tobytes() != whole.frames.tobytes()


# --- Headers ------------------------------------------------------------------------------------------------------

SPS = Sps(8, False, ((-1, -2), (-1, 2, 4)), False, 0)
PROFILE = 88 * "1" + 8 * "0"


def sps_bits(
    order: str = ue(4), sets: str = ue(0), after: str = "0", scaling: str = "0", sub_layers: str = "000 1"
) -> str:
    """A sequence parameter set with the id 3; `sub_layers` is what precedes the profile, and after it for layers."""
    size = f"{ue(1)}{ue(120)}{ue(64)} 1 {ue(0)}{ue(0)}{ue(2)}{ue(1)} {ue(0)}{ue(0)}"
    return f"0000 {sub_layers} {PROFILE} {ue(3)} {size} {order} 1 {3 * ue(5)} {6 * ue(1)} {scaling} 11 0 {sets} {after}"


def ue_signed(count: int) -> str:
    return count * ue(7)


LISTS = "1" + "".join(
    ("1" + ue_signed((size > 1) + min(64, 16 << 2 * size))) * (2 if size == 3 else 6) for size in range(4)
)


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        (sps_bits(), Sps(8, False, (), False, 0)),
        (sps_bits(ue(12)), Sps(16, False, (), False, 0)),
        (sps_bits(scaling="1 0"), Sps(8, False, (), False, 0)),
        (sps_bits(scaling=f"1 {LISTS}"), Sps(8, False, (), False, 0)),
        (sps_bits(scaling="1 1" + 20 * f"0{ue(0)}"), Sps(8, False, (), False, 0)),
        (sps_bits(sets=f"{ue(1)} {ue(2)}{ue(1)} {ue(0)}1{ue(1)}0 {ue(3)}1"), Sps(8, False, ((-1, -3, 4),), False, 0)),
        (sps_bits(after=f"1{ue(0)}"), Sps(8, False, (), True, 0)),
        (sps_bits(after=f"1{ue(2)}"), Sps(8, False, (), True, 2)),
        (sps_bits(ue(13)), "more than 16 bits"),
        (sps_bits(sets=ue(65)), "64"),
        (sps_bits(sets=f"{ue(1)} {ue(16)}{ue(1)}"), "too many"),
        (sps_bits()[:90], "too early"),
    ],
)
def test_sps(bits: str, expected: Sps | str) -> None:
    if isinstance(expected, str):
        with pytest.raises(NoPlan, match=expected):
            hevc_headers.parse_sps(b"\x42\x01" + packed(bits))
    else:
        assert hevc_headers.parse_sps(b"\x42\x01" + packed(bits)) == (3, expected)


def test_sps_of_several_temporal_layers() -> None:
    layers = f"010 1 {PROFILE} 11 01 {6 * '00'} {88 * '0'} {8 * '1'} {8 * '1'}"
    bits = sps_bits().replace(f"000 1 {PROFILE}", layers).replace(3 * ue(5), 9 * ue(5))
    assert hevc_headers.parse_sps(b"\x42\x01" + packed(bits)) == (3, Sps(8, False, (), False, 0))
    separate = sps_bits().replace(f"{ue(3)} {ue(1)}", f"{ue(3)} {ue(3)}1")
    assert hevc_headers.parse_sps(b"\x42\x01" + packed(separate)) == (3, Sps(8, True, (), False, 0))


@pytest.mark.parametrize(
    ("bits", "is_slice", "expected"),
    [
        (f"0 {ue(2)}{ue(0)} {ue(0)}1{ue(0)}0", True, (-1, -2)),
        (f"0 {ue(1)}{ue(2)} {ue(2)}1 {ue(0)}1{ue(1)}1", True, (-3, 1, 3)),
        # Relative to (-1, 2, 4), the last, by -1: -2, 1 and 3, and -1 for the one itself.
        (f"1 {ue(0)} 1{ue(0)} 1 1 1 1", True, (-1, -2, 1, 3)),
        (f"1 1{ue(0)} 1 1 1 1", False, (-1, -2, 1, 3)),
        (f"1 {ue(0)} 1{ue(0)} 00 01 1 00", True, (1, 3)),
        (f"1 {ue(1)} 0{ue(3)} 1 1 1", True, (2, 3, 4)),  # relative to (-1, -2) by 4
        (f"1 {ue(2)} 0{ue(3)} 1 1 1", True, "refers to none"),
        (f"1 {ue(0)} 0{ue(0)} 1 1 1 1", True, "strange"),  # -1 + 1 is the picture itself
        (f"0 {ue(16)}{ue(0)}", True, "too many"),
        ("0 1", True, "too early"),
    ],
)
def test_reference_picture_sets(bits: str, is_slice: bool, expected: tuple[int, ...] | str) -> None:
    if isinstance(expected, str):
        with pytest.raises(NoPlan, match=expected):
            hevc_headers.parse_reference_set(Bits(packed(bits)), SPS.reference_sets, is_slice)
    else:
        assert hevc_headers.parse_reference_set(Bits(packed(bits)), SPS.reference_sets, is_slice) == expected


PARAMETERS = {
    0: (Pps(0, False, 0), SPS),
    1: (Pps(0, True, 2), SPS._replace(separate_planes=True, reference_sets=())),
    2: (Pps(0, False, 0), SPS._replace(has_long_term=True)),
    3: (Pps(0, False, 0), SPS._replace(has_long_term=True, num_long_term=2)),
}
TRAIL, IDR, CRA = "02 01", "26 01", "2a 01"


@pytest.mark.parametrize(
    ("header", "bits", "expected"),
    [
        (TRAIL, f"1 {ue(0)}{ue(1)} 00000111 1 0", Slice(0, 7, (-1, -2))),
        (TRAIL, f"1 {ue(0)}{ue(1)} 10000111 1 1", Slice(0, 135, (-1, 2, 4))),
        (TRAIL, f"1 {ue(0)}{ue(1)} 00000111 0 0{ue(1)}{ue(0)}{ue(8)}1", Slice(0, 7, (-9,))),
        (TRAIL, f"1 {ue(1)} 11 {ue(1)} 1 10 00000111 0 {ue(1)}{ue(0)}{ue(8)}1", Slice(1, 7, (-9,))),
        (CRA, f"1 0 {ue(0)}{ue(2)} 00000111 1 0", Slice(0, 7, (-1, -2))),
        (IDR, f"1 0 {ue(0)}{ue(2)}", Slice(0, 0, ())),
        (TRAIL, f"1 {ue(2)}{ue(1)} 00000111 1 0 {ue(0)}", Slice(2, 7, (-1, -2))),
        (TRAIL, f"1 {ue(3)}{ue(1)} 00000111 1 0 {ue(0)}{ue(0)}", Slice(3, 7, (-1, -2))),
        (TRAIL, f"1 {ue(2)}{ue(1)} 00000111 1 0 {ue(1)}", "long-term"),
        (TRAIL, f"1 {ue(3)}{ue(1)} 00000111 1 0 {ue(1)}{ue(0)}", "long-term"),
        (TRAIL, f"1 {ue(3)}{ue(1)} 00000111 1 0 {ue(0)}{ue(1)}", "long-term"),
        (TRAIL, f"1 {ue(1)} 11 {ue(1)} 0 10", "isn't shown"),
        (TRAIL, f"1 {ue(1)} 11 {ue(1)} 1 10 00000111 1", "isn't there"),
        (TRAIL, f"1 {ue(4)}", "unknown"),
        (IDR, f"1 1 {ue(0)}{ue(2)}", "dropped"),
    ],
)
def test_slices(header: str, bits: str, expected: Slice | str) -> None:
    nal = bytes.fromhex(header) + packed(bits)
    if isinstance(expected, str):
        with pytest.raises(NoPlan, match=expected):
            hevc_headers.parse_slice(nal, PARAMETERS)
    else:
        assert hevc_headers.parse_slice(nal, PARAMETERS) == expected


def test_pps() -> None:
    assert hevc_headers.parse_pps(b"\x44\x01" + packed(f"{ue(5)}{ue(2)} 1 0 011")) == (5, Pps(2, False, 3))
    assert hevc_headers.parse_pps(b"\x44\x01" + packed(f"{ue(0)}{ue(0)} 0 1 000")) == (0, Pps(0, True, 0))


def test_extradata() -> None:
    vps, sps, pps = (bytes.fromhex(text) for text in ("40 01 0c", "42 01 01", "44 01 c1"))
    arrays = "03 a0 0001 0003 40010c 21 0001 0003 420101 a2 0001 0003 4401c1"
    hvcc = bytes.fromhex("01" + 20 * "00" + "fd" + arrays)
    assert hevc_headers.parse_extradata(hvcc) == (2, {vps, sps, pps})
    annex_b = b"".join(b"\x00\x00\x00\x01" + nal for nal in (vps, sps, pps, b"\x4e\x01\x05"))
    assert hevc_headers.parse_extradata(annex_b) == (None, {vps, sps, pps})
    assert hevc_headers.parse_extradata(b"") == (None, set())
    with pytest.raises(NoPlan, match="too early"):
        hevc_headers.parse_extradata(hvcc[:-1])


def unit(kind: int, layer: int = 0, temporal: int = 0, content: str = "80") -> bytes:
    return bytes((kind << 1 | layer >> 5, (layer & 31) << 3 | temporal + 1)) + bytes.fromhex(content)


@pytest.mark.parametrize(
    ("nals", "expected"),
    [
        ([unit(19, content="ac 80")], False),
        (
            [unit(35), unit(39, content="05 01 aa 80"), unit(19, content="ac 80"), unit(19, content="2b"), unit(40)],
            False,
        ),
        ([unit(19, content="ac 80"), unit(62), unit(63), unit(38)], False),
        ([unit(19, content="ac 80"), unit(36, content="")], True),
        ([unit(33, content="0102"), unit(19, content="ac 80")], False),
        ([unit(33, content="0103"), unit(19, content="ac 80")], "parameters"),
        ([unit(19, content="ac 80"), unit(19, content="ac 80")], "one picture"),
        ([unit(19, content="2b 80")], "one picture"),
        ([unit(35)], "one picture"),
        ([unit(19, content="ac 80"), unit(20, content="2b")], "rare kind of picture"),
        ([unit(22, content="ac 80")], "rare kind of picture"),
        ([unit(10, content="ac 80")], "rare kind of picture"),
        ([unit(19, content="ac 80"), unit(48)], "rare kind of NAL"),
        ([unit(19, content="ac 80"), unit(1, layer=1)], "layers"),
        ([unit(33, layer=40), unit(19, content="ac 80")], "layers"),
        ([unit(36, content=""), unit(19, content="ac 80")], "sequences"),
        ([unit(39, content="13 01 aa 80"), unit(19, content="ac 80")], "message"),  # grain
        ([unit(39, content="ff 02 01 aa 80"), unit(19, content="ac 80")], "message"),
        ([unit(39, content="05 01 aa 2f 01 aa 80"), unit(19, content="ac 80")], "message"),  # the second one turns
        ([unit(39, content="04 04 b5 58 90 00 80"), unit(19, content="ac 80")], "message"),
        ([unit(39, content="04 04 b5 00 3c 00 80"), unit(19, content="ac 80")], False),
        ([b"\x26\x01"], "cut off"),
    ],
)
def test_packets(nals: list[bytes], expected: bool | str) -> None:
    known = {unit(33, content="0102")}
    data = b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals)
    if isinstance(expected, str):
        with pytest.raises(NoPlan, match=expected):
            hevc._parse_packet(data, 4, known, PARAMETERS)
    else:
        picture, ended = hevc._parse_packet(data, 4, known, PARAMETERS)
        assert (picture.kind, picture.temporal_layer, ended) == (19, 0, expected)


KINDS = {"n": 0, "r": 1, "l": 6, "L": 7, "s": 8, "S": 9, "B": 16, "I": 19, "C": 21}


def follow(text: str, order_bits: int = 4) -> Iterator[tuple[int, tuple[int, ...]]]:
    """The order count of each picture and what it needs; `r4-1-4` refers to those whose counts are 1 and 4 less."""
    sequence = hevc._Sequence()
    for word in text.split():
        kind, rest = KINDS[word[0]], word[1:]
        temporal, rest = (1, rest[1:]) if rest[:1] == "'" else (0, rest)
        count, *deltas = rest.replace("-", " -").replace("+", " +").split()
        low = int(count) % (1 << order_bits)
        picture = hevc._Picture(kind, temporal, Slice(0, low, tuple(int(delta) for delta in deltas)))
        needs = sequence.add(picture, order_bits)
        yield sequence.orders[-1][1], needs


@pytest.mark.parametrize(
    ("text", "orders", "needs"),
    [
        ("I0 r4-4 n2-2+2", [0, 4, 2], [(), (0,), (0, 1)]),
        ("I0 r4-4 r8-4 r12-4 r16-4 r20-4", [0, 4, 8, 12, 16, 20], [(), (0,), (0, 1), (0, 2), (0, 3), (0, 4)]),
        ("I0 r4-4 I0 r2-2", [0, 4, 0, 2], [(), (0,), (), (2,)]),
        ("I0 r4-4 C8-4 S6-2+2 s5-1+1+3 r12-4", [0, 4, 8, 6, 5, 12], [(), (0,), (), (1, 2), (1, 2, 3), (2,)]),
        ("I0 r4-4 C8 L6+2 l5+1+3 r12-4", [0, 4, 8, 6, 5, 12], [(), (0,), (), (2,), (2, 3), (2,)]),
        ("I0 r4-4 C8 S6+2", [0, 4, 8, 6], [(), (0,), (), (1, 2)]),  # needs what is before, or it would be skipped
        ("C5 r8-3", [5, 8], [(), (0,)]),
        ("B5 r8-3", [5, 8], [(), (0,)]),
        ("I0 r4-4 r5", [0, 4, 5], [(), (0,), (0,)]),  # refers to nothing, yet isn't one at which decoding may begin
    ],
)
def test_sequences(text: str, orders: list[int], needs: list[tuple[int, ...]]) -> None:
    found = list(follow(text))
    assert [order for order, _ in found] == orders
    assert [needed for _, needed in found] == needs


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("r0", "first picture"),
        ("I0 r4-3", "missing"),
        ("I0 r4-4 r8-4 r12-12", "missing"),  # the third one has dropped the first
        ("I0 r4-4 I0 r2-2 r4-4 r1-1+3+4", "missing"),
        ("I0 r4-4 B8", "broken link"),
        ("C0 s14+2", "isn't shown"),
        ("I0 r4-4 I0 s2-2", "isn't shown"),
        # Four bits tell counts apart that differ by up to 8. The last ones don't need all those in between.
        ("I0 r6-6 r12-6-12 r14-14", "can't be told"),
        ("I0 r2-2 r6-4-6 C12-10 S11-9+1", "can't be told"),
    ],
)
def test_sequences_without_a_plan(text: str, message: str) -> None:
    with pytest.raises(NoPlan, match=message):
        list(follow(text))


def test_pictures_that_set_no_order() -> None:
    """Order counts are coded relative to a reference picture of the lowest temporal layer that isn't leading."""
    for kind in ("n", "l", "L", "r'"):
        with pytest.raises(NoPlan, match="missing"):
            list(follow(f"I0 {kind}8-8 r12-4"))  # relative to 0, 12 means -4
    assert [order for order, _ in follow("I0 r8-8 r12-4")] == [0, 8, 12]


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ([19], True),
        ([20], True),
        ([21], True),
        ([16], True),
        ([1], False),
        ([9], False),
        ([21, 1], False),
        ([39], False),
    ],
)
def test_pictures_to_start_from(kinds: list[int], expected: bool) -> None:
    assert hevc_headers.is_start(unit(kind) for kind in [35, *kinds]) == expected
    assert hevc_headers.is_start([*(unit(kind) for kind in kinds), unit(1, layer=1)]) == expected


def test_no_plan_without_parameters_or_times() -> None:
    packet = av.Packet(b"\x00\x00\x01" + unit(19, content="ac 80"))
    packet.pts = 0
    assert drop_plan.plan("hevc", b"", [packet]) is None
