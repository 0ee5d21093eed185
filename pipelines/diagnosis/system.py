"""Cores, memory and disk: what there is, and what this process may use of it."""

import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pipelines.diagnosis.cgroups import cpu_quota, memory_limit
from pipelines.diagnosis.finding import Finding
from pipelines.process.cores import num_cores
from pipelines.reports.text import human_bytes, plural

SECTION = "machine"
LEAST_MEMORY_BYTES = 1 << 30
"""A process with TensorFlow and a small model takes about 600 MB, and each decoder about 60 MB."""
LEAST_DISK_BYTES = 1 << 30


def check_system(root: Path = Path("/")) -> Iterator[Finding]:
    """Asks the operating system.

    Args:
        root: folder of `proc` and `sys`.
    """
    yield Finding(SECTION, "system", f"{platform.system()} {platform.release()}, {platform.machine()}")
    yield check_cores(os.cpu_count() or 1, num_cores(), cpu_quota(root))
    yield from _memory(root)
    yield check_disk("current folder", os.getcwd())
    try:
        temporary = tempfile.gettempdir()
    except FileNotFoundError as error:
        remedy = "Set the environment variable TMPDIR to a folder that can be written to"
        yield Finding(SECTION, "temporary folder", "none", str(error.strerror), remedy)
    else:
        yield check_disk("temporary folder", temporary)


def check_cores(present: int, usable: int, quota: float | None) -> Finding:
    """Compares the cores that the jobs would use with the processor time that they would get.

    Args:
        present: number of cores of the machine.
        usable: number of cores that this process may run on.
        quota: processor time that its control group gets, in cores; None for no limit.
    """
    value = f"{usable} of {present} may be used"
    if quota is None:
        return Finding(SECTION, "cores", value)
    value += f", with a quota of {quota:g}"
    if quota > usable - 0.5:
        return Finding(SECTION, "cores", value)
    count = max(1, round(quota))
    problem = f"the jobs would start {plural(usable, 'decoder')}, which share the time of {quota:g} cores"
    return Finding(SECTION, "cores", value, problem, f"Give --workers {count}, or raise the quota")


def _memory(root: Path) -> Iterator[Finding]:
    sizes = _meminfo(root)
    if not sizes:
        yield Finding(SECTION, "memory", f"not known on {platform.system()}")
        return
    total, available = sizes["MemTotal"], sizes.get("MemAvailable", sizes["MemFree"])
    yield _enough_memory("memory", f"{human_bytes(available)} available of {human_bytes(total)}", available)
    limit = memory_limit(root)
    if limit is not None and limit.limit_bytes < total:
        left = max(0, limit.limit_bytes - limit.used_bytes)
        yield _enough_memory(
            "memory limit", f"{human_bytes(left)} left of {human_bytes(limit.limit_bytes)} (control group)", left
        )


def _meminfo(root: Path) -> dict[str, int]:
    """Sizes in bytes by name; empty on systems without `proc`."""
    try:
        lines = (root / "proc/meminfo").read_text().splitlines()
    except OSError:
        return {}
    return {line.partition(":")[0]: int(line.split()[1]) << 10 for line in lines}


def _enough_memory(name: str, value: str, available: int) -> Finding:
    if available >= LEAST_MEMORY_BYTES:
        return Finding(SECTION, name, value)
    problem = f"less than {human_bytes(LEAST_MEMORY_BYTES)}: training and labelling may be killed"
    return Finding(SECTION, name, value, problem, "End other programs, raise the limit, or take a larger machine")


def usable_memory(root: Path = Path("/")) -> int | None:
    """Bytes that this process may still use; None if the system doesn't tell."""
    found = [size for name, size in _meminfo(root).items() if name == "MemAvailable"]
    if limit := memory_limit(root):
        found.append(limit.limit_bytes - limit.used_bytes)
    return min(found, default=None)


def check_disk(name: str, folder: str, needed_bytes: int = LEAST_DISK_BYTES) -> Finding:
    """Compares the free space at a folder with what is needed there."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError as error:
        remedy = "Choose another folder, or give permission there"
        return Finding(SECTION, name, folder, f"its free space is unknown: {error.strerror}", remedy)
    value = f"{human_bytes(usage.free)} free of {human_bytes(usage.total)} at {folder}"
    if usage.free >= needed_bytes:
        return Finding(SECTION, name, value)
    where = "in TMPDIR" if name.startswith("temporary") else "to work in"
    remedy = f"Make room there, or choose another folder {where}"
    return Finding(SECTION, name, value, f"less than {human_bytes(needed_bytes)} is free", remedy)
