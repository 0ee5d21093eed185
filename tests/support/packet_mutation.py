"""Damaged copies of a video whose container is sound: changed headers of pictures, and lost, doubled, swapped packets.

A damaged container is noticed early. These files reach the parsers of headers and the decoders. Deterministic by seed.
"""

import functools
import random
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import av

KINDS = ("head bits", "head bytes", "dropped", "lost", "doubled", "swapped", "parameters", "joined")
_HEAD = 24
"""So many bytes at the start of a packet are taken for headers."""


class CannotMutate(Exception):
    """The container's muxer refuses such packets."""


class _Sample(NamedTuple):
    """A packet: its bytes, its times and where it is in the file."""

    data: bytes
    pts: int | None
    dts: int | None
    is_keyframe: bool
    position: int


@functools.lru_cache(maxsize=64)
def _samples(path: Path) -> tuple[_Sample, ...]:
    with av.open(str(path)) as container:
        return tuple(
            _Sample(bytes(packet), packet.pts, packet.dts, packet.is_keyframe, packet.pos or 0)
            for packet in container.demux(video=0)
            if packet.size
        )


def write(source: Path, other: Path, target: Path, kind: str, draw: random.Random) -> None:
    """Writes a damaged copy.

    Args:
        source: a video.
        other: a video of the same codec, in a container of the same kind.
        target: the copy.
        kind: one of `KINDS`.
        draw: what is damaged.

    Raises:
        CannotMutate: the muxer refuses what is to be written.
    """
    if kind in ("head bits", "head bytes"):
        target.write_bytes(_with_changed_heads(source, kind, draw))
        return
    samples = _rearranged(_samples(source), _samples(other), kind, draw)
    try:
        _mux(samples, source, other if kind == "parameters" else source, target)
    except (av.FFmpegError, ValueError, OverflowError) as error:
        raise CannotMutate(str(error)) from error


def _with_changed_heads(source: Path, kind: str, draw: random.Random) -> bytes:
    """The file with changes in the first bytes of some packets."""
    changed = bytearray(source.read_bytes())
    samples = _samples(source)
    for _ in range(draw.choice((1, 1, 1, 3, 10))):
        sample = draw.choice(samples)
        head = sample.data[: draw.randint(1, _HEAD)]
        start = changed.find(sample.data[:_HEAD], max(sample.position, 0))
        if start < 0:  # it has been changed, or the container splits it
            continue
        place = start + len(head) - 1
        if kind == "head bits":
            changed[place] ^= 1 << draw.randrange(8)
        else:
            changed[place] = draw.choice((0, 255, draw.randrange(256)))
    return bytes(changed)


def _rearranged(
    samples: Sequence[_Sample], others: Sequence[_Sample], kind: str, draw: random.Random
) -> Sequence[_Sample]:
    """Packets whose times stay in order, as muxers demand."""
    count = len(samples)
    if kind == "dropped":  # a gap in time
        gone = {draw.randrange(1, count) for _ in range(draw.choice((1, 1, 4)))}
        return [sample for place, sample in enumerate(samples) if place not in gone]
    if kind == "lost":  # without a gap in time
        gone = {draw.randrange(count) for _ in range(draw.choice((1, 1, 4)))}
        left = [sample for place, sample in enumerate(samples) if place not in gone]
        return [_in_place(new, old) for new, old in zip(left, samples, strict=False)]
    order = list(range(count))
    for _ in range(draw.choice((1, 1, 4))):
        one, two = draw.randrange(count), draw.randrange(count)
        if kind == "doubled":
            order[min(one + 1, count - 1)] = order[one]
        if kind == "swapped":
            two = min(one + draw.choice((1, 1, 2, 7)), count - 1)
            order[one], order[two] = order[two], order[one]
    rearranged = [_in_place(samples[place], old) for place, old in zip(order, samples, strict=True)]
    if kind == "joined":  # from somewhere on, the other video
        at = draw.randrange(1, count)
        rearranged[at:] = [_in_place(new, old) for new, old in zip(others[at:], samples[at:], strict=False)]
    return rearranged


def _in_place(new: _Sample, old: _Sample) -> _Sample:
    return new._replace(pts=old.pts, dts=old.dts)


def _mux(samples: Sequence[_Sample], source: Path, parameters: Path, target: Path) -> None:
    """Writes packets into a container like the source's, with the codec parameters of another file."""
    with av.open(str(source)) as old, av.open(str(parameters)) as template, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(template.streams.video[0], opaque=True)
        for sample in samples:
            packet = av.Packet(sample.data)
            packet.stream, packet.time_base = stream, old.streams.video[0].time_base
            packet.pts, packet.dts, packet.is_keyframe = sample.pts, sample.dts, sample.is_keyframe
            new.mux(packet)
