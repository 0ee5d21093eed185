"""Damaged copies of videos, as made by bad disks, broken downloads and confused people. Deterministic by seed."""

import random
from collections.abc import Sequence
from pathlib import Path

KINDS = ("bits", "truncated", "header", "zeros", "empty", "text", "swapped", "noise", "removed")


def mutate(data: bytes, other: bytes, kind: str, draw: random.Random) -> bytes:
    """A damaged copy of a file's content."""
    changed = bytearray(data)
    if kind == "bits":
        for _ in range(draw.choice((1, 5, 50, 1000))):
            changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    elif kind == "truncated":
        del changed[draw.randrange(1, len(changed)) :]
    elif kind == "header":  # damage where it matters most
        for _ in range(draw.choice((1, 4, 16))):
            changed[draw.randrange(min(2048, len(changed)))] = draw.randrange(256)
    elif kind == "zeros":  # a hole, as a download with missing parts has
        start = draw.randrange(len(changed))
        length = min(draw.randrange(1, 65536), len(changed) - start)
        changed[start : start + length] = bytes(length)
    elif kind == "empty":
        changed = bytearray()
    elif kind == "text":
        changed = bytearray(b"This is not a video.\n" * draw.randrange(1, 5000))
    elif kind == "swapped":  # the header of another video
        size = draw.choice((64, 512, 4096))
        changed[:size] = other[:size]
    elif kind == "noise":
        start = draw.randrange(len(changed))
        changed[start : start + 4096] = draw.randbytes(4096)
    elif kind == "removed":  # a part that got lost on the way
        start = draw.randrange(len(changed))
        del changed[start : start + draw.randrange(1, 4096)]
    return bytes(changed)


def write_mutated(sources: Sequence[Path], folder: Path, count: int, seed: int = 0) -> list[str]:
    """Writes `count` damaged copies into a UCF-like tree; returns their ids (path without extension), sorted."""
    contents = [(path, path.read_bytes()) for path in sources]
    ids = []
    for number in range(count):
        draw = random.Random(f"{seed}/{number}")
        path, data = draw.choice(contents)
        _, other = draw.choice(contents)
        kind = KINDS[number % len(KINDS)]
        target = folder / path.parent.name / f"{kind}{number:05d}_g{number % 25 + 1:02d}_c01{path.suffix}"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(mutate(data, other, kind, draw))
        ids.append(str(target.relative_to(folder).with_suffix("")))
    return sorted(ids)
