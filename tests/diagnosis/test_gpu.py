"""Findings on GPUs with a driver that works, is broken, or is missing."""

import os
from pathlib import Path

import pytest

from pipelines.diagnosis.finding import Finding
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


def driver(machine: Path) -> Finding:
    return next(iter(check_gpus(root=machine)))


def test_no_gpu(machine: Path) -> None:
    add_to_bus(machine, "0000:00:02.0", "0x8086", "0x030000")
    add_to_bus(machine, "0000:00:03.0", "0x10de", "0x040300")  # the audio device of a graphics card
    assert list(check_gpus(root=machine)) == [Finding("GPUs", "driver", "no NVIDIA GPU found")]


def test_a_tool_without_a_gpu_is_no_problem(machine: Path) -> None:
    add_smi(machine, BROKEN_SMI)
    assert list(check_gpus(root=machine)) == [Finding("GPUs", "driver", "no NVIDIA GPU found")]


def test_a_gpu_that_the_driver_names(machine: Path) -> None:
    add_smi(machine, SMI)
    found = driver(machine)
    assert found.value == "NVIDIA H100 80GB HBM3 (81559 MiB, driver 550.54.15)" and not found.problem


def test_a_gpu_that_only_the_kernel_names(machine: Path) -> None:
    add_to_proc(machine, "Tesla T4")
    assert driver(machine) == Finding("GPUs", "driver", "Tesla T4")


def test_a_driver_that_fails(machine: Path) -> None:
    add_to_proc(machine, "Tesla T4")
    add_smi(machine, BROKEN_SMI)
    found = driver(machine)
    assert found.problem == "nvidia-smi: Failed to initialize NVML: Driver/library version mismatch" and found.remedy


def test_a_gpu_without_a_driver(machine: Path) -> None:
    add_to_bus(machine, "0000:01:00.0", "0x10de", "0x030200")
    found = driver(machine)
    assert found.problem == "1 NVIDIA GPU on the PCI bus, and no driver answers here" and "--gpus all" in found.remedy


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
