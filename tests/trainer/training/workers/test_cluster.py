"""TF_CONFIG is read before anything is loaded, and anything invalid is refused in one line."""

import json

import pytest

from pipelines.core.errors import UsageError
from tests.conftest import run_here
from trainer.training.workers.cluster import check_cluster, read_cluster

pytestmark = pytest.mark.process

WORKERS = {"worker": ["a:1", "b:1"]}
NO_CLUSTERS = [
    "not json", "5", "[]", '"x"', "null", "{", "[" * 100_000, '{"cluster": 5}', '{"cluster": {"worker": "a:1"}}',
    '{"cluster": {"worker": [1]}}', '{"cluster": {"worker": {"0": "a:1"}}}', '{"task": []}', '{"cluster": null}',
]  # fmt: skip


def config(cluster: object = WORKERS, **task: object) -> str:
    return json.dumps({"cluster": cluster, "task": task})


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (config(type="worker", index=1), (1, 2)),
        (config(type="worker", index="1"), (1, 2)),
        (config({**WORKERS, "chief": ["c:1"]}, type="worker", index=0), (1, 3)),
        (config({**WORKERS, "chief": ["c:1"]}, type="chief", index=0), (0, 3)),
    ],
)
def test_a_worker_knows_its_number(text: str, number: tuple[int, int]) -> None:
    assert read_cluster(text) == number


@pytest.mark.parametrize(
    "text",
    [
        *NO_CLUSTERS, "", "{}", config(), config(type="worker"), config(type="worker", index=2),
        config(type="worker", index=-1), config(type="worker", index=True), config(type="worker", index=0.5),
        config(type="worker", index="first"), config(type=["worker"], index=0), config({}, type="worker", index=0),
        config(type="chief", index=0), config({**WORKERS, "ps": ["c:1"]}, type="ps", index=0),
    ],
)  # fmt: skip
def test_what_is_no_worker_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="multi_worker needs the environment variable TF_CONFIG") as refused:
        read_cluster(text)
    assert len(str(refused.value)) < 700 and "\n" not in str(refused.value)


@pytest.mark.parametrize("strategy", ["auto", "cpu"])
def test_one_machine_looks_at_it_too_as_tensorflow_does(strategy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for text in NO_CLUSTERS:
        monkeypatch.setenv("TF_CONFIG", text)
        with pytest.raises(UsageError, match="TF_CONFIG is .*correct it, or unset it"):
            check_cluster(strategy)
    for text in ("", "{}", config(type="evaluator", index=0), config(type="worker", index=0)):
        monkeypatch.setenv("TF_CONFIG", text)
        check_cluster(strategy)


NO_CLUSTER = "the environment variable TF_CONFIG is 'not json', which isn't a cluster"


@pytest.mark.parametrize(
    ("tool", "said"),
    [
        ("task", NO_CLUSTER),
        ("crossval --folds 2", NO_CLUSTER),
        ("task --strategy multi_worker", "--strategy multi_worker needs the environment variable TF_CONFIG"),
    ],
)
def test_the_trainers_tools_say_so_first(tool: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", "not json")
    done = run_here(*f"trainer.{tool} --model lrcn --data /nowhere".split())
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {said}")
