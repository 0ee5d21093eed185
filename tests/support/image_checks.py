"""Checks what an image must be able to do, started as `docker run` would. For `tests.support.run_dockerfile`."""

import ctypes
import fcntl
import os
import re
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tests import ROOT

if TYPE_CHECKING:
    from tests.support.run_dockerfile import Image

TOOLS = ("pipelines.preprocess", "pipelines.label", "trainer.task")
_NOT_IN_IMAGE = ("cc", "gcc", "g++", "make", "git", "uv", "mypy", "pytest", "ruff", "moto_server")
_NOT_IN_LOCK = {"har-pipelines", "pip", "wheel"}  # our own package, and what comes with Python
_LIST_PACKAGES = """
import importlib.metadata, re
for item in importlib.metadata.distributions():
    print(f"{re.sub(r'[-_.]+', '-', item.name).lower()}=={item.version}")
"""
_POOL_PORT = 50000
_NEW_NETWORK = 0x40000000  # CLONE_NEWNET
_SET_FLAGS, _IS_UP = 0x8914, 0x1  # SIOCSIFFLAGS, IFF_UP


def check(image: "Image", videos: Path, output: Path, arguments: Sequence[str]) -> None:
    """Checks an image, and leaves the datasets that it makes in `output`: `local`, and `workers`, made by Beam workers.

    Raises:
        AssertionError: a check fails.
    """
    _leave_network()
    names = f"127.0.0.1 localhost {socket.gethostname()}\n"  # Docker writes this file for each container, too
    (image.tree / "etc/hosts").write_text(names)
    healthy = _run(image, image.healthcheck, entrypoint=False)
    assert f"har-pipelines {image.labels['org.opencontainers.image.version']} (" in healthy, healthy
    for tool in TOOLS:
        assert f"usage: python -m {tool}" in _run(image, ["python", "-m", tool, "--help"])
    assert _run(image, ["har", "--version"]) == healthy
    assert int(_run(image, ["id", "-u"])) > 0
    for path in ("/usr/local/x", "/opt/har/x", "/opt/apache/beam/x"):
        assert not _run(image, ["sh", "-c", f"touch {path} 2>&1 && echo writable || true"]).endswith("writable"), path
    found = _run(image, ["sh", "-c", f"for tool in {' '.join(_NOT_IN_IMAGE)}; do command -v $tool; done; true"])
    assert not found, f"left in the image: {found}"
    _check_packages(_run(image, ["python", "-c", _LIST_PACKAGES]).splitlines())
    shutil.copytree(videos, image.tree / "videos")
    for folder, _, _ in os.walk(image.tree / "videos"):
        os.chmod(folder, 0o755)
    _preprocess(image, output / "local", arguments)
    if (image.tree / "opt/apache/beam/boot").exists():
        _preprocess_on_workers(image, output / "workers", arguments)
    else:
        print("no worker launcher here: not tried as Beam worker")


def _check_packages(installed: Sequence[str]) -> None:
    """Installed packages have the lock file's versions, and those that only tests need aren't installed."""
    lock = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / "requirements.lock").read_text(), re.M))
    found = dict(line.split("==") for line in installed)
    others = {name: version for name, version in found.items() if lock.get(name) != version}
    assert set(others) <= _NOT_IN_LOCK, others
    assert not {"hypothesis", "moto", "mypy", "pytest", "ruff", "uv"} & set(found)
    assert {"apache-beam", "tensorflow", "har-pipelines"} <= set(found)


def _preprocess(image: "Image", copied: Path, arguments: Sequence[str]) -> None:
    command = ["python", "-m", "pipelines.preprocess", "--input", "/videos", "--output", f"/work/{copied.name}"]
    print(_run(image, [*command, *arguments], TF_CPP_MIN_LOG_LEVEL="3"))
    shutil.copytree(image.tree / "work" / copied.name, copied)


def _preprocess_on_workers(image: "Image", copied: Path, arguments: Sequence[str]) -> None:
    """Runs the image as a pool of workers, which are started by Beam's launcher, as engines do."""
    pool = subprocess.Popen(image.command([*image.entrypoint, "--worker_pool"]))
    try:
        _wait_for(_POOL_PORT, pool)
        portable = ["--runner", "PortableRunner", "--job_endpoint", "embed", "--environment_type", "EXTERNAL"]
        _preprocess(image, copied, [*arguments, *portable, "--environment_config", f"localhost:{_POOL_PORT}"])
    finally:
        pool.terminate()
        pool.wait()
    assert not list((image.tree / "opt/apache/beam-venv").glob("*")), "a worker has left its environment behind"


def _run(image: "Image", arguments: Sequence[str], entrypoint: bool = True, **more: str) -> str:
    """The output of a command, which must succeed."""
    command = image.command([*(image.entrypoint if entrypoint else []), *arguments], more)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=240)
    assert done.returncode == 0, f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout.strip()


def _leave_network() -> None:
    """Leaves only the loopback interface, so that nothing can be fetched when a container starts."""
    if ctypes.CDLL(None, use_errno=True).unshare(_NEW_NETWORK):
        raise OSError(ctypes.get_errno(), "cannot leave the network")
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh22x", b"lo", _IS_UP))


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        assert process.poll() is None, "the pool of workers has ended"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("the pool of workers doesn't answer")
