"""The workers that train together, from the environment variable TF_CONFIG."""

import json
import os
from typing import Any

from pipelines.core.errors import UsageError

_EXAMPLE = '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'
_TRAINING = ("chief", "worker")


def check_cluster(strategy: str) -> None:
    """Finds out before anything is loaded whether TF_CONFIG can be used. TensorFlow reads it whatever the strategy.

    Raises:
        UsageError: TF_CONFIG can't be used.
    """
    text = os.environ.get("TF_CONFIG", "")
    if strategy == "multi_worker":
        read_cluster(text)
    elif text:
        try:
            _read(text)
        except (ValueError, RecursionError) as error:
            raise UsageError(
                f"the environment variable TF_CONFIG is {_shown(text)}, which isn't a cluster such as {_EXAMPLE} "
                f"({_why(error)}): correct it, or unset it to train on this machine alone"
            ) from error


def is_first_worker(strategy: str) -> bool:
    """Whether this process is the only one that trains, or the one of several that writes.

    Raises:
        UsageError: TF_CONFIG can't be used.
    """
    return strategy != "multi_worker" or read_cluster(os.environ.get("TF_CONFIG", ""))[0] == 0


def read_cluster(text: str) -> tuple[int, int]:
    """This worker's number and the number of workers that train.

    Raises:
        UsageError: the text doesn't contain them.
    """
    try:
        cluster, task = _read(text)
        addresses = [address for kind in _TRAINING for address in cluster.get(kind, [])]
        kind, index = task.get("type"), str(task.get("index"))
        if kind not in _TRAINING or not index.isdecimal() or int(index) >= len(cluster.get(kind, [])):
            raise ValueError(f"there is no worker {json.dumps(task)}")
        return int(index) + (len(cluster.get("chief", [])) if kind == "worker" else 0), len(addresses)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"--strategy multi_worker needs the environment variable TF_CONFIG, such as {_EXAMPLE}; it is "
            f"{_shown(text)} ({_why(error)})"
        ) from error


def _read(text: str) -> tuple[dict[str, list[str]], dict[str, Any]]:
    """Cluster and task; empty where they aren't given."""
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    cluster, task = value.get("cluster", {}), value.get("task", {})
    if not isinstance(cluster, dict) or not isinstance(task, dict):
        raise ValueError("cluster and task must be JSON objects")
    for kind, addresses in cluster.items():
        if not isinstance(addresses, list) or not all(isinstance(address, str) for address in addresses):
            raise ValueError(f"{kind} must be a list of addresses")
    return cluster, task


def _shown(text: str) -> str:
    return repr(text) if len(text) <= 200 else f"{text[:200]!r}..."


def _why(error: Exception) -> str:
    return f"not JSON: {error}" if isinstance(error, json.JSONDecodeError) else str(error)
