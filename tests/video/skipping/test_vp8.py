"""VP8: what is left out changes no frame, and the headers that tell what can be."""

import random
from pathlib import Path

import av
import numpy as np
import pytest

from pipelines.video.skipping import drop_plan, vp8
from pipelines.video.skipping.bits import NoPlan
from pipelines.video.skipping.vp8 import Frame
from tests.support.bit_strings import packets_of
from tests.support.films import write_film
from tests.support.long_videos import moving_pictures
from tests.support.plan_checks import check_every_frame

NUM_FRAMES = 31
REALTIME = {"deadline": "realtime", "cpu-used": "8", "g": "12"}
LAYERS = "ts_number_layers=3:ts_target_bitrate=200,400,600:ts_rate_decimator=4,2,1:ts_periodicity=4:ts_layer_id=0,2,1,2"
LAYERED = {**REALTIME, "error-resilient": "1", "ts-parameters": f"{LAYERS}:ts_layering_mode=3"}


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return moving_pictures()[:NUM_FRAMES]


@pytest.mark.parametrize(
    ("name", "options", "num_kept"),
    [
        ("realtime.webm", REALTIME, 11),
        ("lagged.mkv", {"cpu-used": "5", "auto-alt-ref": "1", "lag-in-frames": "10", "g": "12"}, 11),
        ("layers.webm", LAYERED, 6),
    ],
)
def test_every_frame(
    name: str, options: dict[str, str], num_kept: int, pictures: list[np.ndarray], tmp_path: Path
) -> None:
    path = write_film(tmp_path / name, pictures, "libvpx", options, bit_rate=300_000)
    plan = check_every_frame(path)
    assert len(plan.keep({22})) == num_kept


def test_hidden_frames(pictures: list[np.ndarray], tmp_path: Path) -> None:
    path = write_film(tmp_path / "plain.webm", pictures, "libvpx", REALTIME, bit_rate=300_000)
    hidden = tmp_path / "hidden.webm"
    with av.open(str(path)) as container, av.open(str(hidden), "w") as output:
        stream = output.add_stream_from_template(container.streams.video[0])
        for place, packet in enumerate(packet for packet in container.demux(video=0) if packet.size):
            content = bytearray(bytes(packet))
            if place in (3, 12, 20):
                content[0] &= ~0x10
            changed = av.Packet(bytes(content))
            changed.stream, changed.pts, changed.dts = stream, packet.pts, packet.dts
            changed.is_keyframe = packet.is_keyframe
            output.mux(changed)
    plan = check_every_frame(hidden)
    assert (plan.num_shown, len(plan.pictures)) == (NUM_FRAMES - 3, NUM_FRAMES)
    assert [picture.shown for picture in plan.pictures[2:6]] == [2, drop_plan.HIDDEN, 3, 4]


class Coder:
    """Codes flags that are as likely to be 0 as 1, the opposite of what RFC 6386, 7.3 describes."""

    def __init__(self) -> None:
        self.low, self.range, self.num_bits = 0, 255, 0

    def add(self, flag: bool) -> None:
        split = (self.range + 1) >> 1
        if flag:
            self.low += split
            self.range -= split
        else:
            self.range = split
        while self.range < 128:
            self.low, self.range, self.num_bits = 2 * self.low, 2 * self.range, self.num_bits + 1

    def end(self) -> bytes:
        padding = -self.num_bits % 8
        return (self.low << padding).to_bytes((self.num_bits + padding) // 8 + 1, "big")


def frame(bits: str, is_key: bool = False, is_shown: bool = True) -> bytes:
    """A frame whose header has these bits, without a picture."""
    coder = Coder()
    for bit in bits.replace(" ", ""):
        coder.add(bit == "1")
    content = coder.end()
    tag = (not is_key) | is_shown << 4 | len(content) << 5
    return tag.to_bytes(3, "little") + is_key * bytes.fromhex("9d012a 60004000") + content + bytes(9)


NO_SEGMENTS, NO_LEVELS = "0", "0 010000 000 0"
NO_QUANTIZERS = "00 0100000 00000"
NOTHING = f"{NO_SEGMENTS} {NO_LEVELS} {NO_QUANTIZERS} 0 0 00 00 0 0 0 0"


END = "0 0 00 00 0 0 0 0"
NONE, NO_CHANGES = (False, False, False), (None,) * 8


@pytest.mark.parametrize(
    ("bits", "changes", "levels", "segments"),
    [
        (NOTHING, False, NO_CHANGES, NONE),
        (NOTHING[:-7] + "1 1 0 0", False, NO_CHANGES, NONE),  # other signs of motion vectors
        (NOTHING[:-1] + "1", True, NO_CHANGES, NONE),
        (NOTHING[:-3] + "1 0", True, NO_CHANGES, NONE),
        (f"{NO_SEGMENTS} {NO_LEVELS} {NO_QUANTIZERS} 1 0 00 00 0 0", True, NO_CHANGES, NONE),
        (f"{NO_SEGMENTS} {NO_LEVELS} {NO_QUANTIZERS} 0 1 00 00 0 0", True, NO_CHANGES, NONE),
        (f"{NO_SEGMENTS} {NO_LEVELS} {NO_QUANTIZERS} 1 1 00 0 1", True, NO_CHANGES, NONE),
        (f"{NO_SEGMENTS} {NO_LEVELS} {NO_QUANTIZERS} 0 0 01 00 00 0 0", True, NO_CHANGES, NONE),
        (f"{NO_SEGMENTS} {NO_LEVELS} {NO_QUANTIZERS} 0 0 00 10 00 0 0", True, NO_CHANGES, NONE),
        (f"{NO_SEGMENTS} 0 010000 000 1 0 {NO_QUANTIZERS} {END}", False, NO_CHANGES, NONE),
        (f"{NO_SEGMENTS} 0 010000 000 1 1 1 0000001 0000000 {NO_QUANTIZERS} {END}", False, (1, *NO_CHANGES[1:]), NONE),
        (f"{NO_SEGMENTS} {NO_LEVELS} 00 0100000 1 00001 0 1 11110 0 0 {END}", False, NO_CHANGES, NONE),
        (f"1 1 0 1 11111111 0 0 {NO_LEVELS} {NO_QUANTIZERS} {END}", False, NO_CHANGES, (True, False, True)),
        (f"1 0 0 {NO_LEVELS} {NO_QUANTIZERS} {END[:-1]}1", True, NO_CHANGES, (True, True, True)),
        (f"1 0 1 0 1 00000001 000 000 1 0000001 {NO_LEVELS} {NO_QUANTIZERS} {END}", False, NO_CHANGES,
         (True, True, False)),
    ],
)  # fmt: skip
def test_headers(bits: str, changes: bool, levels: tuple[int | None, ...], segments: tuple[bool, bool, bool]) -> None:
    assert vp8.parse_frame(frame(bits)) == Frame(False, True, changes, levels, *segments)


def test_key_frames() -> None:
    assert vp8.parse_frame(frame("00 0", is_key=True)) == Frame(True, True, True)
    kept, new = frame("00 1 0 0", is_key=True, is_shown=False), frame("00 1 1 0 000", is_key=True, is_shown=False)
    assert vp8.parse_frame(kept) == Frame(True, False, True, NO_CHANGES, True, True, True)
    assert vp8.parse_frame(new) == Frame(True, False, True, NO_CHANGES, True, False, True)
    assert vp8.is_start(new) and not vp8.is_start(kept) and not vp8.is_start(frame(NOTHING))
    with pytest.raises(NoPlan, match="sync"):
        vp8.parse_frame(new[:3] + b"\x9c" + new[4:])
    with pytest.raises(NoPlan, match="too short"):
        vp8.parse_frame(new[:10])


FRAMES = {
    "K": frame("00 0", is_key=True),
    "k": frame("00 0", is_key=True, is_shown=False),
    "M": frame("00 1 1 1 0 00000000 000", is_key=True),
    "O": frame("00 1 0 1 0 00000000", is_key=True),
    "d": frame(NOTHING),
    "P": frame(NOTHING[:-1] + "1"),
    "p": frame(NOTHING[:-1] + "1", is_shown=False),
    "l": frame(f"{NO_SEGMENTS} 0 010000 000 1 1 1 0000001 0000000 {NO_QUANTIZERS} {END}"),
    "s": frame(f"1 1 1 0 00000000 000 {NO_LEVELS} {NO_QUANTIZERS} {END}"),
    "m": frame(f"1 1 0 000 {NO_LEVELS} {NO_QUANTIZERS} {END}"),
    "o": frame(f"1 0 1 0 00000000 {NO_LEVELS} {NO_QUANTIZERS} {END}"),
}


@pytest.mark.parametrize(
    ("text", "expected", "shown"),
    [
        ("KPdPdd", [(), (0,), (1,), (1,), (3,), (3,)], [0, 1, 2, 3, 4, 5]),
        ("KpdKd", [(), (0,), (1,), (), (3,)], [0, 2, 3, 4]),
        ("kdPMsd", [(), (0,), (0,), (), (3,), (3,)], [1, 2, 3, 4, 5]),
        ("Klllp", [(), (0,), (1,), (1,), (1,)], [0, 1, 2, 3]),  # the first changes levels, the others set the same
        ("Kdsdm", [(), (0,), (1,), (2,), (3,)], [0, 1, 2, 3, 4]),  # the last one uses data of an earlier one
        ("KdsodKdd", [(), (0,), (1,), (2,), (3,), (), (5,), (5,)], [0, 1, 2, 3, 4, 5, 6, 7]),
        ("KMdo", "segments of a frame that has none", []),  # the one before it
        ("KPo", "segments of a frame that has none", []),
        ("MO", "segments of a frame that has none", []),
        ("PK", "isn't a key frame", []),
    ],
)
def test_what_frames_need(text: str, expected: list[tuple[int, ...]] | str, shown: list[int]) -> None:
    packets = packets_of(FRAMES[letter] for letter in text)
    if isinstance(expected, str):
        with pytest.raises(NoPlan, match=expected):
            vp8.pictures(b"", packets)
        return
    positions, coded = vp8.pictures(b"", packets)
    assert [picture.needs for picture in coded] == expected
    assert positions == shown


def test_parsers_take_anything() -> None:
    for number in range(500):
        draw = random.Random(number)
        contents = [bytearray(draw.choice(list(FRAMES.values()))[: draw.choice((1, 9, 11, 99))]) for _ in range(8)]
        for content in contents[1:]:
            content[draw.randrange(len(content))] = draw.randrange(256)
        drop_plan.plan("vp8", b"", packets_of(map(bytes, contents)))
