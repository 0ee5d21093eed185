"""Cores, memory, disk and control groups; installed versions compared with requirements and with lock files."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from pipelines.diagnosis.cgroups import cpu_quota, memory_limit
from pipelines.diagnosis.system import check_cores, check_disk, check_system, usable_memory
from pipelines.diagnosis.versions import check_locks, check_python, check_required, check_versions, differences
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


HASH = " \\\n    --hash=sha256:00 \\\n    --hash=sha256:01\n"
NUMPY = version("numpy")


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([f"numpy=={NUMPY}", "rich>=1"], ""),
        (["numpy<1"], f"numpy {NUMPY} is not <1"),
        (["no-such-package-at-all>=1", "rich"], "no-such-package-at-all is missing"),
        (['no-such-package-at-all; python_version < "3"', 'no-such-package-at-all; extra == "dev"'], ""),
    ],
)
def test_requirements(lines: list[str], problem: str) -> None:
    found = check_required(lines)
    assert found.problem == problem
    assert bool(found.remedy) == bool(problem)


@pytest.mark.parametrize(("running", "is_wrong"), [("3.10.14", True), ("3.11.0", False), ("3.13.0", True)])
def test_python(running: str, is_wrong: bool) -> None:
    found = check_python(">=3.11,<3.13", running)
    assert bool(found.problem) == is_wrong and running in found.value


def test_a_lock_is_compared_with_what_is_installed() -> None:
    lock = f"# made by a script\nnumpy=={NUMPY}{HASH}rich==0.1{HASH}no-such-package-at-all==1{HASH}"
    lock += f"yarl==0.1 ; python_full_version < '3'{HASH}"
    assert differences(lock) == ([f"rich {version('rich')} (locked: 0.1)"], 1)


def test_the_lock_that_fits_best_counts() -> None:
    good, bad = f"numpy=={NUMPY}{HASH}", f"numpy==0.1{HASH}"
    assert not check_locks({"requirements.lock": bad, "requirements-newest.lock": good}).problem
    found = check_locks({"requirements.lock": bad, "requirements-newest.lock": bad + f"rich==0.1{HASH}"})
    assert found.problem == f"1 package differs from the versions tested: numpy {NUMPY} (locked: 0.1)"
    assert found.value.startswith("requirements.lock") and found.remedy.startswith("scripts/setup makes")


def test_a_checkout_with_a_lock_of_another_version(tmp_path: Path) -> None:
    assert "lock" not in [found.name for found in check_versions(tmp_path)]
    (tmp_path / "requirements.lock").write_text(f"rich==0.1{HASH}")
    assert [found.name for found in check_versions(tmp_path) if found.problem] == ["lock"]
