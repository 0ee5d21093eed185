"""Cores, memory and disk, and the limits of control groups of both versions."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.diagnosis.cgroups import cpu_quota, memory_limit
from pipelines.diagnosis.system import check_cores, check_disk, check_system, usable_memory
from tests import ROOT

GIB = 1 << 30
V2 = {
    "proc/self/cgroup": "0::/kubepods/pod1\n",
    "sys/fs/cgroup/cpu.max": "max 100000\n",
    "sys/fs/cgroup/kubepods/cpu.max": "400000 100000\n",
    "sys/fs/cgroup/kubepods/memory.max": f"{8 * GIB}\n",
    "sys/fs/cgroup/kubepods/memory.current": f"{7 * GIB}\n",
    "sys/fs/cgroup/kubepods/memory.stat": f"anon 5\ninactive_file {3 * GIB}\n",
    "sys/fs/cgroup/kubepods/pod1/cpu.max": "150000 100000\n",
    "sys/fs/cgroup/kubepods/pod1/memory.max": "max\n",
}
V2_IN_A_CONTAINER = {
    "proc/self/cgroup": "0::/../../not/seen/here\n",
    "sys/fs/cgroup/cpu.max": "50000 100000\n",
    "sys/fs/cgroup/memory.max": f"{GIB // 2}\n",
    "sys/fs/cgroup/memory.current": "0\n",
}
V1 = {
    "proc/self/cgroup": "4:memory:/docker/a\n3:cpu,cpuacct:/docker/a\n0::/\n",
    "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
    "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
    "sys/fs/cgroup/cpu/docker/a/cpu.cfs_quota_us": "250000\n",
    "sys/fs/cgroup/cpu/docker/a/cpu.cfs_period_us": "100000\n",
    "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
    "sys/fs/cgroup/memory/docker/a/memory.limit_in_bytes": f"{2 * GIB}\n",
    "sys/fs/cgroup/memory/docker/a/memory.usage_in_bytes": f"{GIB}\n",
}


def lay_out(root: Path, tree: dict[str, str]) -> Path:
    for name, text in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("tree", "quota", "limit"),
    [
        (V2, 1.5, (8 * GIB, 4 * GIB)),
        (V2_IN_A_CONTAINER, 0.5, (GIB // 2, 0)),
        (V1, 2.5, (2 * GIB, GIB)),
        ({}, None, None),
    ],
)
def test_limits_of_control_groups(
    tmp_path: Path, tree: dict[str, str], quota: float | None, limit: tuple[int, int] | None
) -> None:
    root = lay_out(tmp_path, tree)
    assert cpu_quota(root) == quota
    found = memory_limit(root)
    assert (found and (found.limit_bytes, found.used_bytes)) == limit


@pytest.mark.parametrize(
    ("usable", "quota", "remedy"),
    [
        (8, None, ""),
        (8, 8.0, ""),
        (8, 7.9, ""),
        (8, 2.0, "Give --workers 2, or raise the quota"),
        (2, 0.5, "--workers 1"),
    ],
)
def test_more_decoders_than_cores_are_a_problem(usable: int, quota: float | None, remedy: str) -> None:
    found = check_cores(8, usable, quota)
    assert bool(found.problem) == bool(remedy) and remedy in found.remedy
    assert found.value.startswith(f"{usable} of 8")


def test_little_memory_is_a_problem(tmp_path: Path) -> None:
    meminfo = {"proc/meminfo": f"MemTotal: {16 << 20} kB\nMemFree: 1 kB\nMemAvailable: {4 << 20} kB\n"}
    root = lay_out(tmp_path, {**V2_IN_A_CONTAINER, **meminfo})
    found = {finding.name: finding for finding in check_system(root)}
    assert found["memory"].value == "4.0 GiB available of 16.0 GiB" and not found["memory"].problem
    assert found["memory limit"].value == "512.0 MiB left of 512.0 MiB (control group)"
    assert found["memory limit"].problem and found["memory limit"].remedy
    assert usable_memory(root) == GIB // 2


def test_disk(tmp_path: Path) -> None:
    assert not check_disk("current folder", str(tmp_path), 1).problem
    full = check_disk("temporary folder", str(tmp_path), 1 << 70)
    assert "is free" in full.problem and "TMPDIR" in full.remedy
    assert "No such file" in check_disk("current folder", str(tmp_path / "none")).problem


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs affinity")
@pytest.mark.process
def test_cores_that_this_process_may_use() -> None:
    code = (
        "import os; os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])\n"
        "from pipelines.diagnosis.system import check_system\n"
        "print([found.value for found in check_system() if found.name == 'cores'][0])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.startswith(f"1 of {os.cpu_count()} may be used")
