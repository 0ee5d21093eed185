"""The kinds of damage to files that tests of state use."""

import random
from collections.abc import Iterator
from pathlib import Path

FIXED = {
    "empty": b"",
    "object": b"{}",
    "null": b"null",
    "list": b"[[]]",
    "number": b'{"num_shards": "3", "size_bytes": 1e999, "windows": [[0, Infinity, NaN]]}',
    "deep": b"[" * 100_000,
    "binary": bytes(range(256)) * 3,
}
"""Contents that none of our files has."""


def damages(data: bytes, seed: int, flips: int = 1) -> Iterator[tuple[str, bytes]]:
    """The name of a kind of damage, and the content damaged by it."""
    yield from FIXED.items()
    chance = random.Random(seed)
    yield "half", data[: len(data) // 2]
    yield "last byte", data[:-1]
    yield "twice", data * 2
    for number in range(flips):
        flipped = bytearray(data or b"\0")
        flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
        yield f"flip {number}", bytes(flipped)


def files_below(folder: Path) -> dict[str, bytes]:
    """All files below a folder by path, except the lock."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}
