"""Checks the free space on a disk before it is needed."""

import os
import shutil

from pipelines.core.errors import UsageError
from pipelines.reports.text import human_bytes

_SPARE_BYTES = 64 << 20
"""Reserve for folders, partly filled blocks and other files."""


def require(folder: str, needed: dict[str, int]) -> None:
    """Refuses to begin something for which the disk has no room.

    Args:
        folder: the folder to be written to; it need not exist.
        needed: number of bytes by what they are for.

    Raises:
        UsageError: there isn't enough room.
    """
    place = os.path.abspath(folder)
    while not os.path.isdir(place) and os.path.dirname(place) != place:
        place = os.path.dirname(place)
    free, total = shutil.disk_usage(place).free, sum(needed.values()) + _SPARE_BYTES
    if total > free:
        parts = ", ".join(f"{human_bytes(size)} for {what}" for what, size in needed.items() if size)
        raise UsageError(
            f"not enough room in {folder}: {human_bytes(total)} are needed ({parts}), {human_bytes(free)} are free. "
            "Make room, choose another --output, or extract only some classes with --classes"
        )
