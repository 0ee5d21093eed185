"""Several trainers as processes of this machine, connected by loopback."""

import os
import re
import socket
import subprocess
from collections.abc import Mapping, Sequence


def free_addresses(count: int) -> list[str]:
    """Loopback addresses on which nothing listens."""
    sockets = [socket.socket() for _ in range(count)]
    for item in sockets:
        item.bind(("127.0.0.1", 0))
    addresses = [f"127.0.0.1:{item.getsockname()[1]}" for item in sockets]
    for item in sockets:
        item.close()
    return addresses


def start_worker(command: Sequence[object], environment: Mapping[str, str]) -> "subprocess.Popen[str]":
    """Starts a command with environment variables in addition to this process's own."""
    return subprocess.Popen(
        [str(part) for part in command],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def weights_of(text: str) -> str:
    """The checksum of a worker's final weights, from its output."""
    found = re.search(r"worker \d of \d: weights ([0-9a-f]{16})", text)
    assert found, text
    return found[1]


def finish(workers: "Sequence[subprocess.Popen[str]]") -> list[str]:
    """The checksums of the workers' final weights; all workers must succeed, and say nothing of TensorFlow's."""
    texts = [worker.communicate(timeout=500)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * len(texts), texts
    assert not re.findall("^.*absl|^[IWE][0-9]{4} .*", "".join(texts), re.M), texts
    return [weights_of(text) for text in texts]
