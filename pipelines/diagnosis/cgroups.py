"""The limits that a container, a job scheduler or systemd sets for this process, in either version of cgroups."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

_T = TypeVar("_T")
_NO_LIMIT = 1 << 60
"""Version 1 writes the largest number of pages if there is no limit."""


@dataclass(frozen=True)
class MemoryLimit:
    """Bytes that a control group may use, and bytes that it uses now, excluding those that the system can reclaim."""

    limit_bytes: int
    used_bytes: int


def cpu_quota(root: Path = Path("/")) -> float | None:
    """Cores' worth of time that this process may use; None for no limit.

    Args:
        root: where `proc` and `sys` are.
    """
    quotas = [quota for folder in _folders(root, "cpu") if (quota := _quota(folder)) is not None]
    return min(quotas, default=None)


def memory_limit(root: Path = Path("/")) -> MemoryLimit | None:
    """The limit with the least memory left; None for no limit.

    Args:
        root: where `proc` and `sys` are.
    """
    limits = [limit for folder in _folders(root, "memory") if (limit := _memory(folder)) is not None]
    return min(limits, key=lambda limit: limit.limit_bytes - limit.used_bytes, default=None)


def _folders(root: Path, controller: str) -> Iterator[Path]:
    """The control groups of this process and those around them, as seen from here.

    In a container, the path that the kernel names may not exist: then the container's group is mounted as the root.
    """
    lines = _read(root / "proc/self/cgroup", str.splitlines) or []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        top = root / "sys/fs/cgroup"
        if controllers:
            top /= controller
        elif (top / "unified").is_dir():
            top /= "unified"
        folder = top / path.strip("/")
        yield from (place for place in (folder, *folder.parents) if place.is_relative_to(top) and place.is_dir())


def _quota(folder: Path) -> float | None:
    if words := _read(folder / "cpu.max", str.split):
        return None if words[0] == "max" else int(words[0]) / int(words[1])
    quota, period = (_read(folder / f"cpu.cfs_{name}_us", int) for name in ("quota", "period"))
    return quota / period if quota and period and quota > 0 else None


def _memory(folder: Path) -> MemoryLimit | None:
    for limit_name, used_name in (
        ("memory.max", "memory.current"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        text = _read(folder / limit_name, str.strip)
        if text is None or text == "max" or int(text) >= _NO_LIMIT:
            continue
        used = _read(folder / used_name, int) or 0
        return MemoryLimit(int(text), max(0, used - _reclaimable(folder)))
    return None


def _reclaimable(folder: Path) -> int:
    """Bytes of cached files, which the system drops when memory is needed."""
    counts = _read(folder / "memory.stat", lambda text: dict(line.split() for line in text.splitlines())) or {}
    return int(counts.get("total_inactive_file", counts.get("inactive_file", 0)))


def _read(path: Path, parse: Callable[[str], _T]) -> _T | None:
    try:
        return parse(path.read_text())
    except OSError:  # most of these files exist on some systems only
        return None
