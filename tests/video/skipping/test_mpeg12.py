"""MPEG-1 and MPEG-2: what is left out changes no frame, and what isn't plain has no plan."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pipelines.video.skipping import drop_plan, mpeg12
from tests.support.films import write_film
from tests.support.long_videos import moving_pictures
from tests.support.plan_checks import check_every_frame, plan_of

NUM_FRAMES = 43


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return moving_pictures()[:NUM_FRAMES]


CLOSED = {"flags": "+cgop", "sc_threshold": "1000000000"}
ALWAYS = {"b_strategy": "0"}
VIDEOS = [
    ("none.mpg", "mpeg2video", {"bf": "0"}, ""),
    ("one.ts", "mpeg2video", {"bf": "1", **ALWAYS}, ""),
    ("open.mpg", "mpeg2video", {"bf": "2", **ALWAYS}, ""),
    ("closed.mkv", "mpeg2video", {"bf": "2", **ALWAYS, **CLOSED}, ""),
    ("three.avi", "mpeg2video", {"bf": "3", **ALWAYS}, ""),
    ("interlaced.mp4", "mpeg2video", {"bf": "2", "flags": "+ildct+ilme", "top": "1"}, ""),
    ("tools.mov", "mpeg2video", {"bf": "1", "intra_vlc": "1", "dc": "10"}, ""),
    ("colours.mxf", "mpeg2video", {"bf": "2", "g": "7"}, "yuv422p"),
    ("long.m2v", "mpeg2video", {"bf": "2", "g": "300"}, ""),
    ("at-once.vob", "mpeg2video", {"flags": "+low_delay"}, ""),
    ("intra.ts", "mpeg2video", {"g": "1"}, ""),
    ("first.mpg", "mpeg1video", {"bf": "2", **ALWAYS}, ""),
    ("first.mkv", "mpeg1video", {"bf": "0"}, ""),
    ("first.avi", "mpeg1video", {"bf": "1", **CLOSED}, ""),
]


@pytest.mark.parametrize(("name", "codec", "options", "pix_fmt"), [pytest.param(*v, id=v[0]) for v in VIDEOS])
def test_every_frame(
    name: str, codec: str, options: dict[str, str], pix_fmt: str, pictures: list[np.ndarray], tmp_path: Path
) -> None:
    path = write_film(tmp_path / name, pictures, codec, {"g": "12", **options}, pix_fmt=pix_fmt)
    plan = check_every_frame(path)
    assert any(len(picture.needs) == 2 for picture in plan.pictures) == (options.get("bf", "0") != "0")
    if options.get("g") != "300":
        assert len(plan.keep({0, NUM_FRAMES - 1})) < NUM_FRAMES


def test_a_recording_that_begins_in_the_middle_has_no_plan(pictures: list[np.ndarray], tmp_path: Path) -> None:
    options = {"g": "6", "bf": "2", **ALWAYS}
    path = write_film(tmp_path / "a.m2v", pictures, "mpeg2video", options)
    whole = path.read_bytes()
    starts = [i for i in range(len(whole)) if whole[i : i + 4] == b"\x00\x00\x01\xb3"]
    path.write_bytes(whole[starts[2] :])  # its first B-pictures refer to a picture that isn't there
    assert plan_of(path) is None


# --- Headers ------------------------------------------------------------------------------------------------------

SEQUENCE = bytes.fromhex("000001b3 0780401323ffffe018")
OF_SEQUENCE = bytes.fromhex("000001b5 148200010000")
AT_ONCE = bytes.fromhex("000001b5 148200010080")
GROUP = bytes.fromhex("000001b8 00080040")
OF_PICTURE = bytes.fromhex("000001b5 8ffff34180")
OF_FIELD = bytes.fromhex("000001b5 8ffff14180")
OF_MATRICES = bytes.fromhex("000001b5 30")
USER = b"\x00\x00\x01\xb2Lavc"
TMPGENC = b"\x00\x00\x01\xb2\x00TMPGEXS\x00"
END = bytes.fromhex("000001b7")
SLICE = bytes.fromhex("00000101 1234")


def picture(text: str) -> bytes:
    """A picture header, such as `B12`, from its kind and its temporal reference."""
    value = int(text[1:]) << 6 | (" IPBD".index(text[0])) << 3
    return b"\x00\x00\x01\x00" + value.to_bytes(2, "big") + b"\xff\xf8"


def video(text: str, mpeg1: bool = False, sequence: bytes = SEQUENCE + OF_SEQUENCE) -> list[av.Packet]:
    """Packets such as `S+G+I0 P3 B1`: a sequence header, the header of a group, and pictures."""
    names = {
        "S": SEQUENCE if mpeg1 else sequence,
        "G": GROUP,
        "U": USER,
        "T": TMPGENC,
        "Q": OF_MATRICES,
        "F": OF_FIELD,
        "X": OF_PICTURE,
        "E": END,
        "s": SLICE,
    }
    packets = []
    for position, parts in enumerate(text.split()):
        data = b""
        for part in parts.split("+"):
            is_picture = part[0] in "IPBD"
            data += picture(part) if is_picture else names[part]
            if is_picture and not mpeg1 and "F" not in parts and "X" not in parts:
                data += OF_PICTURE
        packet = av.Packet(data if "s" in parts or "n" in parts else data.removesuffix(END) + SLICE)
        if parts.endswith("E"):
            packet = av.Packet(data.removesuffix(END) + SLICE + END)
        packet.pts, packet.time_base = position, Fraction(1, 25)
        packets.append(packet)
    return packets


def timed(packets: list[av.Packet], times: str) -> list[av.Packet]:
    for packet, time in zip(packets, times.split(), strict=True):
        packet.pts = int(time)
    return packets


@pytest.mark.parametrize("mpeg1", [False, True])
@pytest.mark.parametrize(
    ("text", "shown", "needs"),
    [
        ("S+G+I0 P1 P2", "0 1 2", [(), (0,), (1,)]),
        ("S+G+U+I0 P3 B1 B2 P4", "0 3 1 2 4", [(), (0,), (0, 1), (0, 1), (1,)]),
        ("S+G+I0 P1 S+G+I2 B0 B1 P3", "0 1 4 2 3 5", [(), (0,), (), (1, 2), (1, 2), (2,)]),
        ("S+G+I0 P1 G+I0 P1", "0 1 2 3", [(), (0,), (), (2,)]),
        ("S+G+I1022 P0 B1023 I1 P2", "0 2 1 3 4", [(), (0,), (0, 1), (), (3,)]),
        ("S+I0 P2 B1 P3+E", "0 2 1 3", [(), (0,), (0, 1), (1,)]),
    ],
)
def test_order(text: str, shown: str, needs: list[tuple[int, ...]], mpeg1: bool) -> None:
    plan = drop_plan.plan("mpeg1video" if mpeg1 else "mpeg2video", b"", timed(video(text, mpeg1), shown))
    assert plan is not None
    assert [picture.shown for picture in plan.pictures] == [int(index) for index in shown.split()]
    assert [picture.needs for picture in plan.pictures] == needs


@pytest.mark.parametrize(
    ("text", "times", "reason"),
    [
        ("G+I0 P1", "0 1", "no sequence header"),
        ("S+P0 P1", "0 1", "refers to another"),
        ("S+G+I2 B0 B1", "2 0 1", "without its anchors"),
        ("S+G+I0 P1 P3", "0 1 3", "a gap"),
        ("S+G+I0 P2 B2", "0 2 1", "a gap"),
        ("S+G+I0 B2 P1", "0 2 1", "without its anchors"),
        ("S+G+I0 P2 B1", "0 1 2", "disagree"),
        ("S+G+I0 D1", "0 1", "rare kind"),
        ("S+G+I0+F P1", "0 1", "a field"),
        ("S+G+I0 U+P1", "0 1", "unusual order"),
        ("S+G+I0 P1+X+Q", "0 1", "matrices"),
        ("S+Q+G+I0 P1", "0 1", "matrices"),
        ("S+G+T+I0 P1", "0 1", "known bug"),
        ("S+G+I0 P1+T", "0 1", "known bug"),
        ("S+G+I0 P1+X+X", "0 1", "unusual order"),
        ("S+G+I0 P1+P2", "0 1", "one picture"),
        ("S+G+I0 P1+s+U", "0 1", "its top"),
        ("S+G+I0+E P1", "0 1", "has ended"),
        ("S+G+I0 G+S+P1", "0 1", "unusual order"),
        ("S+G+I0 G+G+P1", "0 1", "one picture"),
    ],
)
def test_no_plan(text: str, times: str, reason: str) -> None:
    with pytest.raises(mpeg12.NoPlan, match=reason):
        mpeg12.pictures(b"", timed(video(text), times))


def test_parameters() -> None:
    packets = video("S+G+I0 P1")
    assert len(mpeg12.pictures(SEQUENCE + OF_SEQUENCE + b"\x00", packets)[1]) == 2
    other = bytes.fromhex("000001b3 0780402323ffffe018") + OF_SEQUENCE
    with pytest.raises(mpeg12.NoPlan, match="parameters that change"):
        mpeg12.pictures(other, packets)
    with pytest.raises(mpeg12.NoPlan, match="mixed"):
        mpeg12.pictures(b"", video("S+G+I0 P1", sequence=SEQUENCE))
    with pytest.raises(mpeg12.NoPlan, match="without its anchors"):
        mpeg12.pictures(b"", timed(video("S+G+I0 P2 B1", sequence=SEQUENCE + AT_ONCE), "0 2 1"))
    with pytest.raises(mpeg12.NoPlan, match="not one picture"):
        mpeg12.pictures(b"", [av.Packet(b"nothing")])
    packets[1].pts = None
    with pytest.raises(mpeg12.NoPlan, match="no presentation time"):
        mpeg12.pictures(b"", packets)
