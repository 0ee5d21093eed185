"""Stretches begin where decoding can start, and have what is shown in them, wherever it is stored."""

from collections.abc import Callable

import av
import pytest

from pipelines.video.skipping import stretches
from pipelines.video.skipping.stretches import cut


def packets_of(text: str) -> tuple[list[av.Packet], Callable[[av.Packet], bool]]:
    """Packets with the times in a text, and the test for starts, which have a star."""
    packets = []
    for word in text.split():
        packet = av.Packet(b"data")
        packet.pts = None if word == "-" else int(word.strip("*"))
        packets.append(packet)
    starts = {packet.pts for packet, word in zip(packets, text.split(), strict=True) if word.endswith("*")}
    return packets, lambda packet: packet.pts in starts


def times(packets: list[av.Packet]) -> list[int | None]:
    return [packet.pts for packet in packets]


@pytest.mark.parametrize(
    ("text", "expected"),  # times of each stretch, of its leading pictures, and of what is needed behind it
    [
        ("0* 1 2 3", [([0, 1, 2, 3], [], [])]),
        ("0* 2 1 3* 4", [([0, 2, 1], [], []), ([3, 4], [], [])]),
        ("0* 3 1 2 6* 4 5 9 7 8", [([0, 3, 1, 2], [], [6, 4, 5]), ([6, 4, 5, 9, 7, 8], [4, 5], [])]),
        ("0* 1* 2*", [([0], [], []), ([1], [], []), ([2], [], [])]),
        ("0* 3 1 2 5* 7 4 6", [([0, 3, 1, 2], [], [5, 7, 4]), ([5, 7, 4, 6], [4], [])]),
        ("4 2 3 5* 6", [([4, 2, 3], [2, 3], []), ([5, 6], [], [])]),  # the file begins within a group
        ("0* 5 2* 1 3 6* 7", [([0, 5, 2, 1, 3], [], []), ([6, 7], [], [])]),  # 5 is shown after 2, but stored before
        ("0* - 1 2* - 3", [([0, None, 1], [], []), ([2, None, 3], [], [])]),
        ("", []),
    ],
)
def test_where_the_cuts_are(text: str, expected: list[tuple[list[int], list[int], list[int]]]) -> None:
    found = list(cut(*packets_of(text)))
    assert [(times(s.packets), [times(s.packets)[i] for i in sorted(s.leading)], times(s.behind)) for s in found] == (
        expected
    )
    assert all(stretch.begins and stretch.is_whole for stretch in found)


def test_what_is_too_long_comes_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stretches, "_MAX_BYTES", 2 * (len(b"data") + 512))
    found = list(cut(*packets_of("0* 1 2* 3 4 5 6 7 8 10* 9 11")))
    assert [(times(s.packets), s.begins, s.is_whole, times(s.behind)) for s in found] == [
        ([0, 1], True, True, []),
        ([2, 3, 4], True, False, []),
        ([5, 6, 7], False, False, []),
        ([8], False, False, [10, 9]),
        ([10, 9, 11], True, True, []),
    ]
