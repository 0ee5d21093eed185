"""The manifests for several trainers: their fields are known, and their commands train together as processes."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.core.errors import EXIT_DIVERGED, EXIT_INCOMPLETE, EXIT_PREEMPTED, EXIT_USAGE
from tests import ROOT
from tests.support.workers import finish, free_addresses, start_worker, weights_of
from trainer.training import checkpoint

pytestmark = pytest.mark.process

CONFIGS = ROOT / "configs"
CHEAP = {
    "model": "lrcn", "variant": "reference", "batch_size": 8, "epochs": 3, "deterministic": True,
    "checkpoint_every_s": 0, "baseline": False,
}  # fmt: skip
KNOWN_FIELDS = {
    # From the API reference of Kubernetes: what is used or may be added. A server drops unknown fields.
    "spec": {"completionMode", "completions", "parallelism", "backoffLimit", "podFailurePolicy", "template"},
    "pod": {"subdomain", "restartPolicy", "terminationGracePeriodSeconds", "securityContext", "containers", "volumes",
            "serviceAccountName", "nodeSelector", "tolerations"},
    "container": {"name", "image", "command", "args", "env", "ports", "resources", "volumeMounts"},
    "rule": {"action", "onExitCodes", "onPodConditions"},
}  # fmt: skip


def kubernetes() -> tuple[dict[str, Any], dict[str, Any]]:
    """The Service and the Job."""
    service, job = yaml.safe_load_all((CONFIGS / "trainer_kubernetes.yaml").read_text())
    return service, job


def vertex() -> dict[str, Any]:
    return yaml.safe_load((CONFIGS / "trainer_vertex.yaml").read_text())


def expand(text: str, values: Mapping[str, str]) -> str:
    """As Kubernetes replaces `$(NAME)`: unknown names stay as they are."""
    return re.sub(r"\$\((\w+)\)", lambda match: values.get(match[1], match[0]), text)


def pod(job: Mapping[str, Any], index: int, replaced: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """Command and environment of one pod of an Indexed Job, with other values for some of its manifest's variables."""
    (container,) = job["spec"]["template"]["spec"]["containers"]
    annotations = {"metadata.annotations['batch.kubernetes.io/job-completion-index']": str(index)}
    environment: dict[str, str] = {}
    for item in container["env"]:  # in order: a value sees only those before it
        value = item.get("value") or annotations[item["valueFrom"]["fieldRef"]["fieldPath"]]
        environment[item["name"]] = expand(replaced.get(item["name"], value), environment)
    return [expand(part, environment) for part in [*container["command"], *container["args"]]], environment


def codes_of(job: Mapping[str, Any], action: str) -> list[int]:
    """The exit codes for which the Job's podFailurePolicy has an action."""
    rules = [rule for rule in job["spec"]["podFailurePolicy"]["rules"] if rule["action"] == action]
    return [code for rule in rules if "onExitCodes" in rule for code in rule["onExitCodes"]["values"]]


class JobController:
    """Starts the pods of a Job, and each one that fails again, by itself, as its podFailurePolicy says."""

    def __init__(self, job: Mapping[str, Any], replaced: Mapping[str, str]) -> None:
        self._job, self._replaced = job, replaced
        self.failed: list[int] = []
        self.pods = [self._start(index) for index in range(job["spec"]["completions"])]

    def _start(self, index: int) -> "subprocess.Popen[str]":
        command, environment = pod(self._job, index, self._replaced)
        return start_worker(command, {"PATH": PATH, **environment})

    def wait(self) -> list[str]:
        """The output of the pods that succeeded."""
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
                self.failed.append(process.returncode)
                assert process.returncode != EXIT_INCOMPLETE or "start all workers again" in text, text
                assert process.returncode not in codes_of(self._job, "FailJob"), text
                assert len(self.failed) <= self._job["spec"]["backoffLimit"], self.failed
                self.pods[index] = self._start(index)
        return [texts[index] for index in sorted(texts)]

    def stop(self) -> None:
        for process in self.pods:
            process.kill()
            process.communicate()


PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
"""`python` is the interpreter of the tests, as in the image it is that of the image."""


@pytest.fixture(scope="module")
def cheap_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cheap") / "train.yaml"
    path.write_text(yaml.safe_dump(CHEAP))
    return path


def global_step(output: Path) -> int:
    found = checkpoint.load(str(output / "checkpoints" / "last.npz"))
    return found[1].global_step if found else 0


def test_the_kubernetes_manifest_fits_together() -> None:
    service, job = kubernetes()
    spec, name = job["spec"], job["metadata"]["name"]
    template = spec["template"]["spec"]
    (container,) = template["containers"]
    assert (service["apiVersion"], service["kind"], job["apiVersion"], job["kind"]) == (
        "v1",
        "Service",
        "batch/v1",
        "Job",
    )
    assert set(spec) <= KNOWN_FIELDS["spec"] and set(template) <= KNOWN_FIELDS["pod"]
    assert set(container) <= KNOWN_FIELDS["container"]
    assert service["spec"]["clusterIP"] == "None" and service["spec"]["publishNotReadyAddresses"] is True
    assert service["spec"]["selector"] == {"batch.kubernetes.io/job-name": name}
    assert template["subdomain"] == service["metadata"]["name"]
    assert spec["completionMode"] == "Indexed" and spec["completions"] == spec["parallelism"]
    assert template["restartPolicy"] == "Never", "a podFailurePolicy needs it"
    for rule in spec["podFailurePolicy"]["rules"]:
        assert set(rule) <= KNOWN_FIELDS["rule"] and rule["action"] in ("FailJob", "Ignore", "Count")
        if codes := rule.get("onExitCodes"):
            assert set(codes) == {"containerName", "operator", "values"} and codes["operator"] == "In"
            assert codes["containerName"] == container["name"] and codes["values"] == sorted(codes["values"])
    assert codes_of(job, "FailJob") == [EXIT_USAGE, EXIT_DIVERGED]
    assert codes_of(job, "Ignore") == [EXIT_PREEMPTED]


def test_each_pod_finds_all_others_by_their_names() -> None:
    service, job = kubernetes()
    name, port = job["metadata"]["name"], service["spec"]["ports"][0]["port"]
    for index in range(job["spec"]["completions"]):
        command, environment = pod(job, index, {})
        found = json.loads(environment["TF_CONFIG"])
        names = [
            f"{name}-{number}.{service['metadata']['name']}:{port}" for number in range(job["spec"]["completions"])
        ]
        assert found == {"cluster": {"worker": names}, "task": {"type": "worker", "index": index}}
        assert "--data=gs://my-bucket/dataset" in command and not any("$(" in part for part in command)
    assert command[0] == "python" and (CONFIGS / Path(environment["CONFIG"]).name).exists()


def test_vertex_knows_every_field_of_its_manifest() -> None:
    from google.cloud.aiplatform_v1.types import CustomJobSpec
    from google.protobuf import json_format

    spec = CustomJobSpec.pb(CustomJobSpec())
    json_format.ParseDict(vertex(), spec)  # raises where one is unknown or of another type
    assert [pool.replica_count for pool in spec.worker_pool_specs] == [1, 1]
    assert spec.scheduling.restart_job_on_worker_restart


@pytest.fixture(scope="module")
def whole(dataset: Path, cheap_config: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The run of the Vertex job and its weights. With the TF_CONFIG that Vertex AI sets: a chief, and keys that
    TensorFlow doesn't need."""
    output = tmp_path_factory.mktemp("vertex") / "run"
    paths = {
        "/opt/har/configs/train_lrcn.yaml": cheap_config,
        "gs://my-bucket/dataset": dataset,
        "gs://my-bucket/runs/lrcn": output,
    }
    chief, worker = free_addresses(2)
    cluster = {"chief": [chief], "worker": [worker]}
    processes = []
    for kind, pool in zip(("chief", "worker"), vertex()["workerPoolSpecs"], strict=True):
        arguments = [part.partition("=") for part in pool["containerSpec"]["args"]]
        command = [f"{flag}={paths.get(value, value)}" for flag, _, value in arguments]
        config = {"cluster": cluster, "task": {"type": kind, "index": 0, "cloud": "x", "trial": "1"},
                  "job": {"worker_pool_specs": []}, "environment": "cloud"}  # fmt: skip
        start = [*pool["containerSpec"]["command"], *command]
        processes.append(start_worker(start, {"PATH": PATH, "TF_CONFIG": json.dumps(config)}))
    said = processes[1].communicate(timeout=500)[1]
    assert (output / "metrics.json").exists(), "the worker ended before the chief had written everything"
    assert processes[1].returncode == 0
    assert finish(processes[:1]) == [weights_of(said)]
    return output, weights_of(said)


@pytest.mark.timeout(900)
def test_replicas_of_the_vertex_job_end_with_equal_weights(whole: tuple[Path, str]) -> None:
    metrics = json.loads((whole[0] / "metrics.json").read_text())
    assert metrics["configuration"]["global_batch_size"] == CHEAP["batch_size"]
    assert metrics["test"]["num_clips"] == 6
    assert (whole[0] / "model" / "model_info.json").exists()


@pytest.mark.timeout(900)
def test_pods_of_the_kubernetes_job_finish_as_if_none_had_been_lost(
    whole: tuple[Path, str], dataset: Path, cheap_config: Path, tmp_path: Path
) -> None:
    output = tmp_path / "run"
    addresses = ", ".join(f'"{address}"' for address in free_addresses(2))
    replaced = {"CONFIG": str(cheap_config), "DATA": str(dataset), "OUTPUT": str(output), "WORKERS": addresses}
    controller = JobController(kubernetes()[1], replaced)
    try:
        while global_step(output) < 4:
            assert all(process.poll() is None for process in controller.pods)
            time.sleep(0.02)
        controller.pods[1].kill()
        texts = controller.wait()
    finally:
        controller.stop()
    assert -9 in controller.failed
    assert [weights_of(text) for text in texts] == [whole[1]] * 2
    assert json.loads((output / "metrics.json").read_text())["training"]["epochs"] == CHEAP["epochs"]
