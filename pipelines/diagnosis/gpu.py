"""GPUs: whether the machine has some, whether their driver answers, and whether TensorFlow sees them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from pipelines.core.versions import installed
from pipelines.diagnosis.finding import Finding
from pipelines.reports.text import plural, some

SECTION = "GPUs"
_DRIVER_S, _TENSORFLOW_S = 20.0, 180.0
_ASK_TENSORFLOW = """
import json
from pipelines.process.tensorflow_start import start_tensorflow
start_tensorflow()
import tensorflow as tf
names = [tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
         for gpu in tf.config.list_physical_devices("GPU")]
print(json.dumps({"version": tf.__version__, "cuda": tf.test.is_built_with_cuda(), "gpus": names}))
"""


def check_gpus(ask_tensorflow: bool = False, root: Path = Path("/")) -> Iterator[Finding]:
    """Asks NVIDIA's driver and, if it knows a GPU or `ask_tensorflow` is set, TensorFlow in a separate process.

    Args:
        ask_tensorflow: whether to ask TensorFlow in any case.
        root: folder of `proc`.
    """
    known = _in_proc(root)
    listed, problem = _from_nvidia_smi()
    names = listed or known
    yield check_driver(names, known, _on_bus(root), problem)
    if names or ask_tensorflow:
        yield check_tensorflow(len(names))


def check_driver(names: list[str], known: list[str], on_bus: int, problem: str) -> Finding:
    """Whether programs can use every GPU of the machine.

    Args:
        names: GPUs that the driver lists.
        known: GPUs that the kernel module knows.
        on_bus: number of NVIDIA GPUs on the PCI bus.
        problem: what nvidia-smi says instead of listing them.
    """
    value = some(names) if names else "no NVIDIA GPU found"
    if problem and (known or on_bus):
        remedy = "Install NVIDIA's driver again, in the version that suits the running kernel, and restart the machine"
        return Finding(SECTION, "driver", value, f"nvidia-smi: {problem}", remedy)
    if on_bus and not names:
        remedy = "Install NVIDIA's driver; in a container, start it with --gpus all"
        problem = f"{plural(on_bus, 'NVIDIA GPU')} on the PCI bus, and no driver answers here"
        return Finding(SECTION, "driver", value, problem, remedy)
    return Finding(SECTION, "driver", value)


def _on_bus(root: Path) -> int:
    """NVIDIA's display and 3D controllers on the PCI bus."""
    folders = (root / "sys/bus/pci/devices").glob("*")
    return sum(_text(f / "vendor") == "0x10de" and _text(f / "class").startswith("0x03") for f in folders)


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:  # a device may have been unplugged meanwhile
        return ""


def _in_proc(root: Path) -> list[str]:
    """Models of the GPUs that the kernel module knows."""
    found = []
    for path in sorted((root / "proc/driver/nvidia/gpus").glob("*/information")):
        lines = dict(line.split(":", 1) for line in path.read_text().splitlines() if ":" in line)
        found.append(lines.get("Model", path.parent.name).strip())
    return found


def _from_nvidia_smi() -> tuple[list[str], str]:
    """Each GPU with its memory and driver, and an error message if the tool is installed and fails."""
    command = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_DRIVER_S)
    except FileNotFoundError:
        return [], ""
    except subprocess.TimeoutExpired:
        return [], f"no answer within {_DRIVER_S:g} s"
    except OSError as error:
        return [], str(error.strerror)
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    if done.returncode:
        return [], (lines or done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[0]
    rows = ([cell.strip() for cell in line.split(",")] for line in lines)
    return [f"{name} ({', driver '.join(others)})" for name, *others in rows], ""


def check_tensorflow(num_gpus: int, time_s: float = _TENSORFLOW_S) -> Finding:
    """Imports TensorFlow in another process and lists its GPUs.

    Args:
        num_gpus: number of GPUs that the driver knows.
        time_s: seconds to wait for the answer.
    """
    name = "TensorFlow"
    try:
        done = subprocess.run(
            [sys.executable, "-c", _ASK_TENSORFLOW], capture_output=True, text=True, timeout=time_s,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        problem = f"it didn't list its devices within {time_s:g} s"
        return Finding(SECTION, name, "no answer", problem, "Look at the driver with nvidia-smi, then try again")
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        remedy = "Install the packages again: scripts/setup in a checkout"
        return Finding(SECTION, name, "not usable", f"it can't be imported: {said}", remedy)
    answer = json.loads(done.stdout.splitlines()[-1])
    gpus = answer["gpus"]
    value = f"{answer['version']} sees {plural(len(gpus), 'GPU')}" + (f": {some(gpus)}" if gpus else "")
    if len(gpus) >= num_gpus:
        return Finding(SECTION, name, value)
    problem = f"{plural(num_gpus, 'GPU')} in the machine, and TensorFlow sees {len(gpus)}: it would train on the CPU"
    if gpus:
        problem = f"{plural(num_gpus, 'GPU')} in the machine, and TensorFlow sees {len(gpus)}"
        return Finding(SECTION, name, value, problem, "Look at the environment variable CUDA_VISIBLE_DEVICES")
    if not answer["cuda"]:
        return Finding(SECTION, name, value, problem, "Install a TensorFlow that is built with CUDA: scripts/setup")
    return Finding(SECTION, name, value, problem, _install_cuda())


def _install_cuda() -> str:
    pinned = "".join(f"=={version}" for version in installed(("tensorflow",)).values())
    return f"pip install 'tensorflow[and-cuda]{pinned}' adds CUDA's libraries; look at CUDA_VISIBLE_DEVICES, too"
