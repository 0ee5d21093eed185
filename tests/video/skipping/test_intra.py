"""Codecs whose pictures refer to nothing: what is left out changes no frame, and what isn't plain has no plan."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pipelines.video.skipping import intra
from tests.support.films import write_film
from tests.support.long_videos import moving_pictures
from tests.support.plan_checks import check_every_frame

NUM_FRAMES = 20


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return moving_pictures()[:NUM_FRAMES]


VIDEOS = [
    ("a.avi", "mjpeg", {}, ""),
    ("huffman.mov", "mjpeg", {"huffman": "optimal"}, "yuvj420p"),
    ("a.mov", "prores_ks", {}, "yuv422p10le"),
    ("interlaced.mov", "prores_ks", {"flags": "+ildct"}, "yuv422p10le"),
    ("contexts.avi", "ffvhuff", {"context": "1"}, "yuv420p"),
    ("b.avi", "huffyuv", {}, "yuv422p"),
    ("c.avi", "utvideo", {}, "yuv420p"),
    ("d.avi", "magicyuv", {}, "gbrp"),
    ("b.mov", "png", {}, "rgb24"),
    ("c.mov", "rawvideo", {}, "rgb24"),
    ("d.mov", "v210", {}, "yuv422p10le"),
    ("e.mov", "jpeg2000", {}, "rgb24"),
]


@pytest.mark.parametrize(("name", "codec", "options", "pix_fmt"), [pytest.param(*v, id=v[0]) for v in VIDEOS])
def test_every_frame(
    name: str, codec: str, options: dict[str, str], pix_fmt: str, pictures: list[np.ndarray], tmp_path: Path
) -> None:
    path = write_film(tmp_path / name, pictures, codec, options, pix_fmt=pix_fmt)
    assert len(check_every_frame(path).keep({0, 13})) == 2


# --- Headers ------------------------------------------------------------------------------------------------------


def segment(marker: int, data: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(data) + 2).to_bytes(2, "big") + data


SOI, EOI = b"\xff\xd8", b"\xff\xd9"
AVI1 = segment(0xE0, b"AVI1\x00\x00" + bytes(8))
JFIF = segment(0xE0, b"JFIF\x00\x01\x02")
DQT = segment(0xDB, b"\x00" + bytes(64) + b"\x11" + bytes(128))
DHT = b"".join(segment(0xC4, bytes((table,)) + b"\x01" + bytes(15) + b"\x00") for table in (0x00, 0x01, 0x10, 0x11))
SOF = segment(0xC0, b"\x08\x00\x40\x00\x78\x03" + b"\x01\x22\x00" + b"\x02\x11\x01" + b"\x03\x11\x01")
SOS = segment(0xDA, b"\x03" + b"\x01\x00" + b"\x02\x11" + b"\x03\x11" + b"\x00\x3f\x00") + b"\x12\x34"
PLAIN = SOI + AVI1 + DQT + DHT + SOF + SOS + EOI


def packets(*contents: bytes, times: tuple[int, ...] = (0, 1, 2, 3)) -> list[av.Packet]:
    made = []
    for data, time in zip(contents, times, strict=False):
        packet = av.Packet(data)
        packet.pts, packet.time_base = time, Fraction(1, 25)
        made.append(packet)
    return made


@pytest.mark.parametrize(
    "second",
    [
        PLAIN,
        PLAIN.replace(AVI1, segment(0xE0, b"AVI1\x00\x00" + b"\x00\x00\x12\x34" * 2)),
        PLAIN.replace(DHT, segment(0xFE, b"2026-01-01 12:00") + DHT),
        PLAIN.replace(DHT, segment(0xDD, b"\x00\x04") + DHT),
    ],
)
def test_plain_pictures(second: bytes) -> None:
    shown, coded = intra.mjpeg_pictures(b"", packets(PLAIN, second, PLAIN))
    assert shown == [0, 1, 2] and [picture.needs for picture in coded] == [(), (), ()]


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (PLAIN.replace(AVI1, JFIF), "change"),
        (PLAIN.replace(AVI1, segment(0xE0, b"AVI1\x01\x00" + bytes(8))), "change"),
        (PLAIN.replace(SOF, SOF.replace(b"\x00\x40", b"\x00\x48")), "change"),
        (PLAIN.replace(DHT, b""), "change"),
        (PLAIN.replace(DHT, DHT[: len(DHT) // 4]), "another picture"),
        (PLAIN.replace(DQT, segment(0xDB, b"\x00" + bytes(64))), "another picture"),
        (PLAIN.replace(DQT, b""), "another picture"),
        (PLAIN.replace(SOF, SOF.replace(b"\xff\xc0", b"\xff\xc2")), "baseline"),
        (PLAIN.replace(b"\x03" + b"\x01\x00", b"\x01" + b"\x01\x00"), "baseline"),
        (PLAIN.replace(DHT, segment(0xFE, b"CS=ITU601") + DHT), "odd comment"),
        (PLAIN + PLAIN, "two fields"),
        (PLAIN[1:], "its top"),
        (PLAIN[:60], "too early"),
        (b"", "its top"),
    ],
)
def test_pictures_without_a_plan(second: bytes, reason: str) -> None:
    with pytest.raises(intra.NoPlan, match=reason):
        intra.mjpeg_pictures(b"", packets(PLAIN, second, PLAIN))


@pytest.mark.parametrize(
    ("data", "is_start"),
    [
        (PLAIN, True),
        (PLAIN + PLAIN, True),
        (PLAIN.replace(SOF, SOF.replace(b"\xff\xc0", b"\xff\xc2")), True),
        (PLAIN.replace(DHT, b""), True),
        (PLAIN.replace(DHT, b"").replace(AVI1, JFIF), False),
        (PLAIN.replace(DQT, b""), False),
        (PLAIN.replace(SOF, b""), False),
        (b"", False),
    ],
)
def test_starts(data: bytes, is_start: bool) -> None:
    assert intra.is_jpeg_start(data) == is_start


@pytest.mark.parametrize("parse", [intra.pictures, intra.mjpeg_pictures])
def test_times_must_be_in_order(parse: Callable) -> None:
    for times in ((0, 0), (1, 0)):
        with pytest.raises(intra.NoPlan, match="their order"):
            parse(b"", packets(PLAIN, PLAIN, times=times))
