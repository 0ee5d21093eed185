"""Findings on GPUs with a driver that works, is broken, or is missing."""

import os
from pathlib import Path

import pytest

from pipelines.diagnosis.gpu import check_driver, check_gpus, check_tensorflow

pytestmark = [pytest.mark.process]

SMI = "#!/bin/sh\necho 'NVIDIA H100 80GB HBM3, 81559 MiB, 550.54.15'\n"
BROKEN_SMI = "#!/bin/sh\necho 'Failed to initialize NVML: Driver/library version mismatch'\nexit 18\n"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without GPUs, whose programs are in `bin`."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return tmp_path


def add_smi(machine: Path, script: str) -> None:
    path = machine / "bin" / "nvidia-smi"
    path.write_text(script)
    path.chmod(0o755)


def add_to_bus(machine: Path, name: str, vendor: str, kind: str) -> None:
    folder = machine / "sys/bus/pci/devices" / name
    folder.mkdir(parents=True)
    (folder / "vendor").write_text(f"{vendor}\n")
    (folder / "class").write_text(f"{kind}\n")


def add_to_proc(machine: Path, model: str) -> None:
    folder = machine / "proc/driver/nvidia/gpus/0000:01:00.0"
    folder.mkdir(parents=True)
    (folder / "information").write_text(f"Model: \t\t {model}\nIRQ:   \t\t 63\n")


T4 = ("add_to_proc", "Tesla T4")
ON_BUS = ("add_to_bus", "0000:01:00.0", "0x10de", "0x030200")


@pytest.mark.parametrize(
    ("steps", "value", "problem"),
    [
        ([], "no NVIDIA GPU found", ""),
        ([("add_to_bus", "0000:00:02.0", "0x8086", "0x030000")], "no NVIDIA GPU found", ""),
        ([("add_to_bus", "0000:00:03.0", "0x10de", "0x040300")], "no NVIDIA GPU found", ""),  # a card's audio device
        ([("add_smi", BROKEN_SMI)], "no NVIDIA GPU found", ""),
        ([("add_smi", SMI)], "NVIDIA H100 80GB HBM3 (81559 MiB, driver 550.54.15)", ""),
        ([T4], "Tesla T4", ""),
        ([T4, ("add_smi", BROKEN_SMI)], None, "nvidia-smi: Failed to initialize NVML: Driver/library version mismatch"),
        ([ON_BUS], None, "1 NVIDIA GPU on the PCI bus, and no driver answers here"),
    ],
)
def test_drivers(steps: list[tuple[str, ...]], value: str | None, problem: str, machine: Path) -> None:
    for name, *arguments in steps:
        globals()[name](machine, *arguments)
    found = next(iter(check_gpus(root=machine)))
    assert (found.problem, bool(found.remedy)) == (problem, bool(problem)) and value in (None, found.value)


def test_a_tool_that_fails_is_told_with_what_is_on_the_bus() -> None:
    found = check_driver([], [], 2, "no answer within 20 s")
    assert found.problem == "nvidia-smi: no answer within 20 s" and found.remedy


def test_tensorflow_tells_what_it_sees(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    found = check_tensorflow(2)
    assert "sees 0 GPUs" in found.value
    assert found.problem == "2 GPUs in the machine, and TensorFlow sees 0: it would train on the CPU"
    assert "tensorflow[and-cuda]==" in found.remedy


def test_tensorflow_that_takes_too_long() -> None:
    found = check_tensorflow(1, time_s=0.05)
    assert found.problem == "it didn't list its devices within 0.05 s" and found.remedy


def test_tensorflow_that_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tensorflow.py").write_text("raise ImportError('libcudart.so.12: cannot open shared object file')")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    found = check_tensorflow(1)
    assert "libcudart.so.12" in found.problem and found.remedy
