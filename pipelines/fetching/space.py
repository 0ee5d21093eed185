"""Room on the disk, checked before it is needed."""

import os
import shutil

from pipelines.core.errors import UsageError
from pipelines.reports.text import human_bytes

_SPARE_BYTES = 64 << 20
"""For folders, block sizes and what else is written meanwhile."""


def require(folder: str, needed: dict[str, int]) -> None:
    """Refuses to begin what the disk has no room for.

    Args:
        folder: where it is to be written; it need not exist.
        needed: what for, and how many bytes.

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
            "Make room, choose another --output, or extract some classes only with --classes"
        )
