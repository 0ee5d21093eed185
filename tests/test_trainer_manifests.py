"""The manifests for several trainers: their fields are known, and their very commands train together as processes."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.core import errors
from tests.workers import finish, free_addresses, start_worker, weights_of
from trainer import checkpoint

CONFIGS = Path(__file__).parents[1] / "configs"
CHEAP = {
    "model": "lrcn", "variant": "reference", "batch_size": 8, "epochs": 3, "deterministic": True,
    "checkpoint_every_s": 0, "baseline": False,
}  # fmt: skip
KNOWN_FIELDS = {
    # What the Kubernetes API reference of batch/v1 and v1 has, as far as it is used or likely to be.
    "Job": {"apiVersion", "kind", "metadata", "spec"},
    "Job.spec": {"completionMode", "completions", "parallelism", "backoffLimit", "podFailurePolicy", "template"},
    "rule": {"action", "onExitCodes", "onPodConditions"},
    "onExitCodes": {"containerName", "operator", "values"},
    "pod": {"subdomain", "restartPolicy", "terminationGracePeriodSeconds", "securityContext", "containers", "volumes"},
    "container": {"name", "image", "command", "args", "env", "ports", "resources", "volumeMounts"},
}


def kubernetes() -> tuple[dict[str, Any], dict[str, Any]]:
    """The Service and the Job."""
    service, job = yaml.safe_load_all((CONFIGS / "trainer_kubernetes.yaml").read_text())
    return service, job


def expand(text: str, values: Mapping[str, str]) -> str:
    """As Kubernetes replaces `$(NAME)`: what isn't known stays as it is."""
    return re.sub(r"\$\((\w+)\)", lambda match: values.get(match[1], match[0]), text)


def pod(job: Mapping[str, Any], index: int, replaced: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """Command and environment of one pod of an Indexed Job, with other values for some variables of its manifest."""
    (container,) = job["spec"]["template"]["spec"]["containers"]
    annotations = {"metadata.annotations['batch.kubernetes.io/job-completion-index']": str(index)}
    environment: dict[str, str] = {}
    for item in container["env"]:  # in their order: a value sees only those before it
        value = item.get("value") or annotations[item["valueFrom"]["fieldRef"]["fieldPath"]]
        environment[item["name"]] = expand(replaced.get(item["name"], value), environment)
    return [expand(part, environment) for part in [*container["command"], *container["args"]]], environment


@pytest.fixture
def cheap_config(tmp_path: Path) -> Path:
    path = tmp_path / "train.yaml"
    path.write_text(yaml.safe_dump(CHEAP))
    return path


@pytest.fixture
def path_of_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """`python` is the one of the tests, as it is the image's own in the image."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


def global_step(output: Path) -> int:
    found = checkpoint.load(str(output / "checkpoints" / "last.npz"))
    return found[1].global_step if found else 0


class JobController:
    """Starts the pods of a Job, and again those that fail, one by one, as its podFailurePolicy says."""

    def __init__(self, job: Mapping[str, Any], replaced: Mapping[str, str]) -> None:
        self._job, self._replaced = job, replaced
        self.codes: list[int] = []
        self.pods = [self._start(index) for index in range(job["spec"]["completions"])]

    def _start(self, index: int) -> "subprocess.Popen[str]":
        return start_worker(*pod(self._job, index, self._replaced))

    def wait(self) -> list[str]:
        """What the pods said that succeeded."""
        rules = self._job["spec"]["podFailurePolicy"]["rules"]
        fatal = [code for rule in rules if rule["action"] == "FailJob" for code in rule["onExitCodes"]["values"]]
        texts: dict[int, str] = {}
        while len(texts) < len(self.pods):
            time.sleep(0.05)
            for index, process in enumerate(self.pods):
                if index in texts or process.poll() is None:
                    continue
                text = process.communicate()[1]
                if process.returncode == 0:
                    texts[index] = text
                    continue
                print(index, process.returncode, time.time(), text[-300:], flush=True)
                self.codes.append(process.returncode)
                assert process.returncode not in fatal, text
                assert len(self.codes) < 10, "again and again"
                self.pods[index] = self._start(index)
        return [texts[index] for index in sorted(texts)]


@pytest.mark.usefixtures("path_of_python")
def test_pods_of_the_kubernetes_job_finish_though_one_is_lost(
    dataset: Path, cheap_config: Path, tmp_path: Path
) -> None:
    output = tmp_path / "run"
    job = kubernetes()[1]
    addresses = ", ".join(f'"{address}"' for address in free_addresses(2))
    replaced = {"CONFIG": str(cheap_config), "DATA": str(dataset), "OUTPUT": str(output), "WORKERS": addresses}
    controller = JobController(job, replaced)
    while global_step(output) < 4:
        assert all(process.poll() is None for process in controller.pods)
        time.sleep(0.02)
    controller.pods[int(os.environ.get("KILL", "1"))].kill()
    print("killed", time.time())
    texts = controller.wait()
    print(controller.codes)
    assert weights_of(texts[0]) == weights_of(texts[1])
