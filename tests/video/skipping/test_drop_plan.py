"""Skipping packets changes nothing: clips are the same, byte for byte, as from decoding all of them."""

import itertools
import random
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pipelines.core.spec import SAMPLING_RULES, ClipSpec
from pipelines.video import clip as video
from pipelines.video import frames as core_frames
from pipelines.video.clip import Clip, read_clip
from pipelines.video.errors import VideoError, VideoTooShort
from pipelines.video.skipping import drop_plan, h264, mpeg4
from pipelines.video.skipping.bits import NoPlan, Part
from pipelines.video.skipping.drop_plan import DropPlan, Picture
from tests.conftest import read_index
from tests.support.bit_strings import packed, ue
from tests.support.films import write_film
from tests.support.long_videos import HEIGHT, WIDTH, moving_pictures
from tests.support.mutation import mutate
from tests.support.plan_checks import check_every_frame, plan_of

NUM_FRAMES = 43
SPECS = [ClipSpec(t, 16, 16, rule) for t, rule in itertools.product((1, 2, 5, 16, 40), SAMPLING_RULES)]


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return moving_pictures()[:NUM_FRAMES]


def write(path: Path, pictures: list[np.ndarray], codec: str, options: dict[str, str], variable: bool = False) -> Path:
    pts = [40 * index + 600 * (index // 10) + 7 * (index % 3) for index in range(len(pictures))] if variable else None
    return write_film(path, pictures, codec, options, pts, bit_rate=0)


def read_both(path: Path | str, spec: ClipSpec, monkeypatch: pytest.MonkeyPatch, strict: bool = True) -> Clip:
    """The clip, checked to be the same with a plan and without; if `strict`, the plan must not be abandoned."""
    with monkeypatch.context() as patch:
        if strict:
            patch.setattr(video, "decode_again", lambda *_: pytest.fail("the plan was given up"))
        clip = read_clip(str(path), spec)
    with monkeypatch.context() as patch:
        patch.setattr(drop_plan, "plan", lambda *_: None)
        plain = read_clip(str(path), spec)
    np.testing.assert_array_equal(clip.frames, plain.frames)
    assert clip.frames.tobytes() == plain.frames.tobytes()
    for field in ("frame_indices", "timestamps_s", "num_source_frames", "duration_s", "damaged"):
        assert getattr(clip, field) == getattr(plain, field), field
    return clip


MPEG4 = [
    pytest.param(name, {"g": "12", "b": "400k", **options}, id=f"{name}-{'-'.join(options.values())}")
    for name, options in [
        *((f"{b}.{kind}", {"bf": b, "g": g}) for b in "012" for g in ("7", "300") for kind in ("avi", "mp4")),
        ("closed.avi", {"bf": "2", "flags": "+cgop", "sc_threshold": "1000000000"}),
        ("tools.avi", {"bf": "2", "flags": "+mv4+qpel"}),
        ("partitioned.mkv", {"bf": "2", "data_partitioning": "1", "ps": "200"}),
        ("three.mkv", {"bf": "3"}),
        ("stream.ts", {"bf": "1"}),
        ("raw.m4v", {"bf": "0"}),
    ]
]


@pytest.mark.parametrize(("name", "options"), MPEG4)
def test_mpeg4(name: str, options: dict[str, str], pictures: list[np.ndarray], tmp_path: Path) -> None:
    path = write(tmp_path / name, pictures, "mpeg4", options)
    plan = check_every_frame(path)
    assert any(len(picture.needs) == 2 for picture in plan.pictures) == (options["bf"] != "0")


H264 = [
    *((f"{b}-{g}.mp4", f"bframes={b}:keyint={g}:b-adapt=0") for b in range(4) for g in (6, 250)),
    ("pyramid.mp4", "bframes=3:keyint=16:b-adapt=0:b-pyramid=normal:ref=4"),
    ("no-pyramid.mp4", "bframes=3:keyint=16:b-adapt=0:b-pyramid=none:ref=1"),
    ("strict.mkv", "bframes=3:keyint=250:b-pyramid=strict:b-adapt=2"),
    ("open.mp4", "bframes=2:keyint=9:open-gop=1:b-adapt=0"),
    ("open.ts", "bframes=3:keyint=12:open-gop=1:b-adapt=0:b-pyramid=normal"),
    ("annex-b.ts", "bframes=2:keyint=10:b-adapt=0"),
    ("slices.mkv", "bframes=1:keyint=10:slices=4:weightp=2"),
    ("refresh.mp4", "bframes=0:keyint=8:intra-refresh=1"),
    ("intra.mp4", "keyint=1"),
    ("matrices.mp4", "bframes=1:keyint=20:cqm=jvt"),
    ("scenes.flv", "bframes=2:keyint=20:min-keyint=1:scenecut=90"),
]


@pytest.mark.parametrize(
    ("name", "params", "variable"), [pytest.param(*case, place % 2 == 1, id=case[0]) for place, case in enumerate(H264)]
)
def test_h264(name: str, params: str, variable: bool, pictures: list[np.ndarray], tmp_path: Path) -> None:
    options = {"x264-params": f"{params}:threads=1", "preset": "veryfast", "crf": "30"}
    path = write(tmp_path / name, pictures, "libx264", options, variable)
    plan = check_every_frame(path)
    bidirectional = "bframes" in params and "bframes=0" not in params
    assert (len(plan.keep({0, NUM_FRAMES - 1})) < NUM_FRAMES) or not bidirectional


def test_baseline_profile_has_no_order_of_its_own(pictures: list[np.ndarray], tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", pictures, "libx264", {"profile": "baseline", "g": "10", "sc_threshold": "0"})
    assert len(check_every_frame(path).keep({35})) == 6


@pytest.mark.parametrize(
    ("spec", "max_buffered"), [*((spec, 1 << 25) for spec in SPECS), *((s, 0) for s in SPECS[::4])]
)
@pytest.mark.process
def test_clips(
    spec: ClipSpec, max_buffered: int, pictures: list[np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core_frames, "_MAX_BUFFERED_BYTES", max_buffered)
    avi = write(tmp_path / "a.avi", pictures, "mpeg4", {"bf": "2", "g": "9"})
    mp4 = write(tmp_path / "a.mp4", pictures, "libx264", {"bf": "3", "g": "9"}, variable=True)
    big = ClipSpec(spec.num_frames, HEIGHT, WIDTH, spec.sampling)
    for path in (avi, mp4):
        read_both(path, spec, monkeypatch)
        clip = read_both(path, big, monkeypatch)
        assert [read_index(frame) for frame in clip.frames] == list(clip.frame_indices)


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("other.flv", "flv", {"g": "12"}),
        ("other.mkv", "ffv1", {}),
        ("other.wmv", "wmv2", {"g": "12"}),
        ("interlaced.avi", "mpeg4", {"bf": "2", "flags": "+ildct+ilme"}),
        ("interlaced.mp4", "libx264", {"x264-params": "tff=1:bframes=2"}),
        ("no-times.avi", "libx264", {"bf": "2"}),
    ],
)
def test_no_plan(
    name: str,
    codec: str,
    options: dict[str, str],
    pictures: list[np.ndarray],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = write(tmp_path / name, pictures, codec, options)
    assert plan_of(path) is None
    assert read_both(path, SPECS[4], monkeypatch, strict=False).num_source_frames == NUM_FRAMES


def test_a_wrong_plan_is_given_up(pictures: list[np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.mp4", pictures, "libx264", {"bf": "2"})
    expected = read_clip(str(path), SPECS[5])
    real = plan_of(path)
    assert real is not None
    wrong_time = DropPlan(picture._replace(pts=7) for picture in real.pictures)
    wrong_needs = DropPlan(picture._replace(needs=()) for picture in real.pictures)
    too_short = DropPlan(real.pictures[:-1])
    for wrong in (wrong_time, wrong_needs, too_short):
        with monkeypatch.context() as patch:
            patch.setattr(drop_plan, "plan", lambda *_, wrong=wrong: wrong)
            clip = read_clip(str(path), SPECS[5])
        if wrong is not wrong_needs:
            assert clip.frames.tobytes() == expected.frames.tobytes()
            assert clip.timestamps_s == expected.timestamps_s


# --- Real videos --------------------------------------------------------------------------------------------------


def ucf_clips(real_data: Path) -> list[Path]:
    return sorted((real_data / "ucf-clips").rglob("*.avi"))


def test_real_xvid(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = 0
    for path in ucf_clips(real_data):
        plan = plan_of(path)
        assert plan is not None, path
        packed += any(picture.part for picture in plan.pictures)
        for spec in (ClipSpec(20), ClipSpec(7, 24, 32, "notebook"), ClipSpec(40, 24, 32)):
            read_both(path, spec, monkeypatch)
    assert packed == 5


def test_every_frame_of_a_packed_clip(real_data: Path) -> None:
    check_every_frame(next((real_data / "ucf-clips").rglob("v_Archery*.avi")))


@pytest.mark.slow
def test_real_h264(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = sorted((real_data / "fight-surv").rglob("*.mp4"))[::12]
    for path in paths:
        read_both(path, ClipSpec(8, 32, 32), monkeypatch)
    assert sum(plan_of(path) is not None for path in paths) > 0.9 * len(paths)


@pytest.mark.slow
def test_damaged_videos(real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = ClipSpec(6, 16, 16)

    def read(path: Path) -> Clip | None:
        try:
            return read_clip(str(path), spec)
        except (VideoError, VideoTooShort, MemoryError):
            return None

    avis = sorted((real_data / "ucf-clips").rglob("*.avi"), key=lambda path: path.stat().st_size)
    mp4s = sorted((real_data / "fight-surv").rglob("*.mp4"), key=lambda path: path.stat().st_size)
    undamaged = 0
    for number in range(120):
        draw = random.Random(number)
        source = draw.choice(3 * avis[:4] + mp4s[:2])
        path = tmp_path / f"{number}{source.suffix}"
        path.write_bytes(mutate(source.read_bytes(), b"", "bits", draw))
        clip = read(path)
        with monkeypatch.context() as patch:
            patch.setattr(drop_plan, "plan", lambda *_: None)
            plain = read(path)
        if plain is not None:
            assert clip is not None
            if not plain.damaged:
                undamaged += 1
                # Pixels aren't compared: decoders conceal holes, sometimes silently, with pictures skipped here.
                for field in ("frame_indices", "timestamps_s", "num_source_frames", "damaged"):
                    assert getattr(clip, field) == getattr(plain, field), field
    assert undamaged > 12


# --- Headers ------------------------------------------------------------------------------------------------------

VOL = mpeg4.Vol(ticks_per_s=25, low_delay=False)
XVID = bytes.fromhex("000001b0f5000001b50900000100000001200886840067 0c281078518f 000001b2") + b"DivX503b1393p"
LOW_DELAY = bytes.fromhex("000001200086c400670c281078518f")


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        ("00 0 1 00000 1 1", (0, 0, 0)),
        ("01 0 1 00111 1 1", (1, 0, 7)),
        ("10 10 1 11000 1 1", (2, 1, 24)),
        ("11 1110 1 00001 1 1", (3, 3, 1)),
        ("01 0 0 00111 1 1", "marker"),
        ("01 0 1 00111 0 1", "marker"),
        ("01 0 1 00111 1 0", "not coded"),
        ("01 1111111111111", "too early"),
    ],
)
def test_vop_header(bits: str, expected: tuple[int, int, int] | str) -> None:
    if isinstance(expected, str):
        with pytest.raises(NoPlan, match=expected):
            mpeg4._parse_vop(packed(bits), VOL)
    else:
        assert mpeg4._parse_vop(packed(bits), VOL) == expected


VOL_START = "0 00000001 0 0001"
VOL_WIDE = f"0 00010001 1 0010 001 1111 {16 * '1'} 1 01 0 1 {79 * '1'}"
VOL_SIZE = "1 0000101000000 1 0000011110000 1"


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        (f"{VOL_START} 0 00 1 0000000000011001 1 0 {VOL_SIZE} 0 1 0", (25, False)),
        (f"{VOL_START} 1 01 1 0 00 1 0111010100110000 1 1 {15 * '1'} {VOL_SIZE} 0 1 0", (30000, True)),
        (f"{VOL_WIDE} 00 1 {15 * '0'}1 1 1 0 {VOL_SIZE} 0 1 10", (1, False)),
        (f"{VOL_START} 0 01 1 0000000000011001 1 0 {VOL_SIZE} 0 1 0", "rectangular"),
        (f"{VOL_START} 0 00 0 0000000000011001 1 0 {VOL_SIZE} 0 1 0", "marker"),
        (f"{VOL_START} 0 00 1 0000000000000000 1 0 {VOL_SIZE} 0 1 0", "clock"),
        (f"{VOL_START} 0 00 1 0000000000011001 1 0 {VOL_SIZE} 1 1 0", "interlaced"),
        (f"{VOL_START} 0 00 1 0000000000011001 1 0 {VOL_SIZE} 0 1 1", "sprite"),
        (VOL_START, "too early"),
    ],
)
def test_vol_header(bits: str, expected: tuple[int, bool] | str) -> None:
    config = b"\x00\x00\x01\x00\x00\x00\x01\x20" + packed(bits)
    if isinstance(expected, str):
        with pytest.raises(NoPlan, match=expected):
            mpeg4.parse_vol(config)
    else:
        assert mpeg4.parse_vol(config) == expected
        with pytest.raises(NoPlan, match="2 video object layers"):
            mpeg4.parse_vol(config + config)


def vop(text: str) -> bytes:
    """A VOP from its kind and its time in ticks; `N` is a P-VOP that is not coded, a letter alone is at time 0."""
    kind, time = text[0], int(text[1:] or 0)
    bits = f"{'IPBS'.index(kind.replace('N', 'P')):02b} {time // 25 * '1'}0 1 {time % 25:05b} 1 {int(kind != 'N')}"
    return mpeg4._VOP + packed(bits) + b"\x55" * (1 if kind == "N" else 30)


def vops(text: str) -> list[av.Packet]:
    """Packets such as `I0 P3+B1 B2`."""
    packets = [av.Packet(b"".join(vop(part) for part in packet.split("+"))) for packet in text.split()]
    for position, packet in enumerate(packets):
        packet.pts, packet.time_base = position, Fraction(1, 25)
    return packets


@pytest.mark.parametrize(
    ("text", "shown", "needs"),
    [
        ("I0 P1 P2", [0, 1, 2], [(), (0,), (1,)]),
        ("I0 P3 B1 B2 P5 B4", [0, 3, 1, 2, 5, 4], [(), (0,), (0, 1), (0, 1), (1,), (1, 4)]),
        ("I0 P1 I3 B2 P4", [0, 1, 3, 2, 4], [(), (0,), (), (1, 2), (2,)]),
        ("I0 S2 B1", [0, 2, 1], [(), (0,), (0, 1)]),
        ("I0 P3+B1 B2 N P4", [0, 3, 1, 2, 4], [(), (0,), (0, 1), (0, 1), (3,)]),
    ],
)
def test_order_of_vops(text: str, shown: list[int], needs: list[tuple[int, ...]]) -> None:
    plan = drop_plan.plan("mpeg4", XVID, vops(text))
    assert plan is not None
    if "+" not in text:
        assert [picture.shown for picture in plan.pictures] == shown
        assert [picture.needs for picture in plan.pictures] == needs
    assert [picture.pts for picture in plan.pictures] == list(range(len(plan.pictures)))


@pytest.mark.parametrize(
    ("extradata", "text"),
    [
        (b"", "I0 P1"),
        (XVID, "P0 P1"),
        (XVID, "I0 B1 P2"),
        (XVID, "I0 P3 B3"),
        (XVID, "I0 P3 B4"),
        (XVID, "I0 N P2"),
        (LOW_DELAY, "I0 P2 B1"),
        (XVID, "I0 P3+B1 P5"),
        (XVID, "I0 P3+B1 P5+B4"),
        (XVID, "I0 P3+B1+B2 N"),
    ],
)
def test_vops_without_a_plan(extradata: bytes, text: str) -> None:
    assert drop_plan.plan("mpeg4", extradata, vops(text)) is None


def test_packed_vops_are_taken_apart() -> None:
    packets = vops("I0 P3+B1 B2 N P5+B4 N P7+B6")
    plan = drop_plan.plan("mpeg4", XVID, packets)
    assert plan is not None
    expected = [vop(text) for text in ("I0", "P3", "B1", "B2", "P5", "B4", "P7")]
    assert [picture.shown for picture in plan.pictures] == [0, 3, 1, 2, 5, 4, 6]
    selected = [(bytes(packet), packet.pts) for packet in plan.select(packets, list(range(7)))]
    assert selected == list(zip(expected, range(7), strict=True))
    assert [bytes(packet) for packet in plan.select(iter(packets), [0, 3, 5])] == [expected[i] for i in (0, 3, 5)]
    assert plan.pictures[0].part is None
    assert plan.pictures[2].part == Part(True, len(expected[1]), len(expected[1]) + len(expected[2]))


def test_keep() -> None:
    #                 I            P             b                 I            P
    needs_shown = [((), 0), ((0,), 2), ((0, 1), 1), ((), 3), ((3,), 4)]
    plan = DropPlan(Picture(needs, shown, None) for needs, shown in needs_shown)
    table = {(0,): [0], (1,): [0, 1, 2], (2,): [0, 1], (3,): [3], (4,): [3, 4], (1, 4): [0, 1, 2, 3, 4], (): []}
    assert {indices: plan.keep(indices) for indices in table} == table
    assert [picture.shown for picture in plan.come_out([1, 2, 3])] == [1, 2, 3]


def test_runs() -> None:
    #                I            P             I       b              P             I         P
    needs_restarts = [((), True), ((0,), False), ((), True), ((1, 2), False), ((2,), False), ((), True), ((5,), False)]
    plan = DropPlan(Picture(needs, place, None, None, starts) for place, (needs, starts) in enumerate(needs_restarts))
    table = {
        (0, 1, 2): [[0, 1], [2]],
        (0, 2, 4): [[0], [2, 4]],
        (0, 1, 2, 3): [[0, 1, 2, 3]],
        (0, 1, 2, 4, 5): [[0, 1], [2, 4], [5]],
        (0, 2, 5, 6): [[0], [2], [5, 6]],
        (1, 6): [[1, 6]],  # begins with no restart
        (): [],
    }
    assert {kept: plan.runs(list(kept)) for kept in table} == table
    needed_before = DropPlan([*(plan.pictures[i] for i in range(5)), plan.pictures[5], Picture((1, 5), 6, None)])
    assert needed_before.runs([0, 1, 2, 5, 6]) == [[0, 1, 2, 5, 6]]  # the last needs one before both restarts


def test_the_decoder_begins_anew_between_runs(
    pictures: list[np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.mp4", pictures, "libx264", {"bf": "2", "g": "6", "sc_threshold": "0"})
    real = plan_of(path)
    assert real is not None
    restarting = DropPlan(picture._replace(restarts=not picture.needs) for picture in real.pictures)
    assert len(restarting.runs(restarting.keep({1, 14, 40}))) == 3
    assert len(restarting.runs(restarting.keep(range(NUM_FRAMES)))) == 8
    monkeypatch.setattr(drop_plan, "plan", lambda *_: restarting)
    check_every_frame(path)


LEVEL = f"{0:08b}{30:08b}{ue(0)}"


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        (f"{66:08b}{LEVEL} {ue(2)}{ue(0)}{ue(4)}{ue(1)}0{ue(9)}{ue(9)}1", (6, 8)),
        (f"{77:08b}{0:08b}{30:08b} {ue(3)}{ue(0)}{ue(2)}{ue(1)}0{ue(9)}{ue(9)}1", (4, None)),
        (f"{100:08b}{LEVEL} {ue(1)}{ue(0)}{ue(0)}0 0{ue(5)}{ue(0)}{ue(0)}{ue(1)}0{ue(9)}{ue(9)}1", (9, 4)),
        (f"{244:08b}{LEVEL} {ue(3)}0{ue(0)}{ue(0)}0 0{ue(5)}{ue(0)}{ue(0)}{ue(1)}0{ue(9)}{ue(9)}1", (9, 4)),
        (f"{100:08b}{LEVEL} {ue(1)}{ue(0)}{ue(0)}0 1", "matrices"),
        (f"{66:08b}{LEVEL} {ue(2)}{ue(1)}", "cycle"),
        (f"{66:08b}{LEVEL} {ue(2)}{ue(2)}{ue(1)}1", "gaps"),
        (f"{66:08b}{LEVEL} {ue(2)}{ue(2)}{ue(1)}0{ue(9)}{ue(9)}0", "fields"),
        (f"{66:08b}{0:08b}{30:08b}", "too early"),
    ],
)
def test_sps(bits: str, expected: tuple[int, int | None] | str) -> None:
    if isinstance(expected, str):
        with pytest.raises(NoPlan, match=expected):
            h264._parse_sps(b"\x67" + packed(bits))
    else:
        assert h264._parse_sps(b"\x67" + packed(bits)) == expected


@pytest.mark.parametrize(
    ("reference", "low", "expected"),
    [(0, 0, 0), (0, 6, 6), (0, 8, 8), (0, 9, -7), (14, 2, 18), (30, 0, 32), (33, 15, 31), (33, 9, 41), (-3, 2, 2)],
)
def test_picture_order_count(reference: int, low: int, expected: int) -> None:
    bits = f"{ue(0)}{ue(5)}{ue(0)}{5:04b}"
    sps = h264._Sps(4, 4)
    assert h264._parse_slice(b"\x41" + packed(f"{bits}{low:04b}"), sps, reference) == (5, expected)
    assert h264._parse_slice(b"\x65" + packed(f"{bits}{ue(7)}{low:04b}"), sps, reference) == (5, expected)
    assert h264._parse_slice(b"\x41" + packed(bits), h264._Sps(4, None), reference) == (5, None)


@pytest.mark.parametrize(
    ("nals", "expected"),
    [
        (["65 88"], (True, True)),
        (["41 9a"], (True, False)),
        (["01 9e"], (False, False)),
        (["09 10", "06 05", "41 9a", "41 20", "0c ff"], (True, False)),
        (["06 05"], "one picture"),
        (["41 9a", "41 9a"], "one picture"),
        (["41 20", "41 9a"], "one picture"),
        (["41 9a", "01 20"], "one picture"),
        (["65 88", "41 20"], "one picture"),
        (["05 88"], "nothing may refer"),
        (["02 88"], "rare"),
        (["41 9a", "0a"], "rare"),
    ],
)
def test_picture_kind(nals: list[str], expected: tuple[bool, bool] | str) -> None:
    units = [bytes.fromhex(nal) for nal in nals]
    if isinstance(expected, str):
        with pytest.raises(NoPlan, match=expected):
            h264._picture_kind(units)
    else:
        assert h264._picture_kind(units)[1:] == expected


def test_nals() -> None:
    annex_b = bytes.fromhex("00000001 0910 000001 6742 000000 000001 4199 00")
    assert list(h264.split_nals(annex_b, None)) == [b"\x09\x10", b"\x67\x42", b"\x41\x99"]
    assert list(h264.split_nals(bytes.fromhex("0002 0910 0001 41"), 2)) == [b"\x09\x10", b"\x41"]
    assert list(h264.split_nals(b"", 4)) == []
    for broken in ("0003 0910", "0000", "0001 41 00", "00"):
        with pytest.raises(NoPlan, match="cut off"):
            list(h264.split_nals(bytes.fromhex(broken), 2))
    assert h264.unescaped(bytes.fromhex("0000030100000300 000003")) == bytes.fromhex("0000010000 000000")


def test_extradata() -> None:
    avcc = bytes.fromhex("01 64001e ff e1 0003 674201 02 0002 6801 0002 6802")
    assert h264.parse_extradata(avcc) == (4, {b"\x67\x42\x01", b"\x68\x01", b"\x68\x02"})
    annex_b = bytes.fromhex("00000001 674201 000001 6801")
    assert h264.parse_extradata(annex_b) == (None, {b"\x67\x42\x01", b"\x68\x01"})
    assert h264.parse_extradata(b"") == (None, set())
    with pytest.raises(NoPlan, match="too early"):
        h264.parse_extradata(avcc[:-1])
