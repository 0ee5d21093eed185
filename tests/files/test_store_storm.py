"""Stores that fail at every tenth request, in any way: each job completes, or prints one line and completes later."""

import itertools
import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import contents, run_here
from tests.support.fault_proxy import Decide, Fault, is_listing
from tests.support.gcs_server import silent_server
from tests.support.store_tools import (
    SIZE,
    Place,
    TheError,
    is_content,
    lost_after,
    make_model,
    run_label,
    with_place,
    write_greys,
)  # fmt: skip
from tests.support.store_tools import here as here
from tests.support.store_tools import place as place
from tests.support.store_tools import the_error as the_error
from trainer import compare
from trainer.evaluation.results import is_event_file
from trainer.training import checkpoint

pytestmark = [pytest.mark.server, pytest.mark.usefixtures("here")]

FAULTS = {
    "500": Fault(status=500),
    "503": Fault(status=503),
    "reset": Fault(reset=True),
    "broken off": Fault(stall_after=40),
    "short": Fault(cut=7),
}
SMALL = ("--model", "lrcn", "--variant", "reference", "--batch-size", 8, "--epochs", 1, "--no-baseline")
LABELS = "labels-00000-of-00001.jsonl"
Done = subprocess.CompletedProcess[str]


class Storm:
    """A fault at every tenth request, one kind after the other; a kind that can't occur at the tenth request waits for
    the next few, and then lets another kind go first."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self._since, self._waiting, self._lock = 0, list(FAULTS), threading.Lock()

    def __call__(self, method: str, path: str) -> Fault | None:
        with self._lock:
            self._since += 1
            if self._since < 10:
                return None
            candidates = self._waiting if self._since >= 14 else self._waiting[:1]
            kind = next((kind for kind in candidates if _can_befall(kind, method, path)), None)
            if kind is None:
                return None
            self._waiting.remove(kind)
            self._waiting.append(kind)
            self._since = 0
            self.seen[kind] += 1
            return FAULTS[kind]


def _can_befall(kind: str, method: str, path: str) -> bool:
    return kind in ("500", "503", "reset") or (is_content(method, path) and not is_listing(method, path))


def stale(method: str, path: str) -> Fault | None:
    """Every listing gets the same answer as the first time."""
    return Fault(stale=True) if is_listing(method, path) else None


def complete(place: Place, run: Callable[[], Done], decide: Decide) -> None:
    """Runs a job until it is complete, the last time without faults; each failed run reports one line."""
    for day in (decide, decide, lambda method, path: None):
        with place.proxy.faulty(day):
            done = run()
        assert "Traceback" not in done.stderr, done.stderr
        if done.returncode == 0:
            return
        assert done.returncode == 4, done.stderr
        errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1 and "again" in errors[0], done.stderr
    raise AssertionError(f"not even on a good day: {done.stderr}")


def test_preprocessing(place: Place, tree: Path, dataset: Path) -> None:
    source, storm = f"{place.root}/videos", Storm()
    place.server.put_tree(tree, source)
    for name, decide in {"storm": storm, "stale": stale}.items():
        output = f"{place.root}/{name}/out"
        run = partial(run_here, "pipelines.preprocess", "--input", source, "--output", output, *SIZE)
        complete(place, run, decide)
        assert place.server.contents(output) == with_place(contents(dataset), tree, source)
    assert storm.seen.keys() == FAULTS.keys(), storm.seen


def test_labelling(place: Place, tmp_path: Path) -> None:
    source, model, storm = f"{place.root}/greys", f"{place.root}/model", Storm()
    greys = write_greys(tmp_path / "greys")
    make_model(tmp_path / "model", durations_s={"min": 0.4, "median": 1.0, "max": 1.0})
    place.server.put_tree(greys, source)
    place.server.put_tree(tmp_path / "model", model)
    run_label(tmp_path / "model", greys, tmp_path / "labels")
    undisturbed = with_place({"": (tmp_path / "labels" / LABELS).read_bytes()}, greys, source)[""]
    for name, decide in {"storm": storm, "stale": stale}.items():
        output = f"{place.root}/{name}/labels"
        words = ["--model", model, "--input", source, "--output", output, "--max-failure-rate", 1]
        complete(place, partial(run_here, "pipelines.label", *words), decide)
        assert place.server.get(f"{output}/{LABELS}") == undisturbed


@pytest.fixture(scope="module")
def data(place: Place, dataset: Path) -> str:
    for name, content in contents(dataset).items():
        place.server.put(f"{place.root}/data/ds/{name}", content)
    return f"{place.root}/data/ds"


@pytest.mark.timeout(600)
def test_training(
    place: Place, data: str, dataset: Path, tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also after permissions that were lost on the way. There is no room for copies of all shards, so that they are
    fetched again for each epoch."""
    output, storm = f"{place.root}/storm/run", Storm()
    words = [*SMALL, "--data", data, "--output", output, "--checkpoint-every-s", 0]
    run = partial(run_without_room, *words, env=place.environment)
    checked = len(list(dataset.glob("*.tfrecord")))

    def denied_after_the_check() -> Decide:
        """Forbids to read shards once all were checked."""
        lock, seen = threading.Lock(), itertools.count(1)

        def decide(method: str, path: str) -> Fault | None:
            with lock:
                number = next(seen) if ".tfrecord" in path and is_content(method, path) else 0
            return Fault(status=403) if number > checked else None

        return decide

    def last_line_without_permission(decide: Decide) -> str:
        with place.proxy.faulty(decide):
            done = run()
        assert done.returncode == 4 and "Traceback" not in done.stderr, done.stderr
        return done.stderr.splitlines()[-1]

    if place.root.startswith("gs"):  # the same code for both, and training takes its time
        said = last_line_without_permission(lost_after(2, "last.npz"))
        assert said.startswith(f"error: cannot write {output}/checkpoints/last.npz: permission denied: somebody@ex")
        assert said.endswith("then run the same command again to resume")
        assert steps_of(place, output, tmp_path) == 1  # the state at the start and after the first step were stored
    said = last_line_without_permission(denied_after_the_check())
    assert said.startswith(f"error: cannot read shards any more: cannot read {data}/") and "permission denied" in said
    assert said.endswith("run the same command again to resume from the last checkpoint")
    assert not place.root.startswith("gs") or steps_of(place, output, tmp_path) == 1

    complete(place, run, storm)
    assert storm.seen.keys() == FAULTS.keys(), storm.seen
    metrics = json.loads(place.server.get(f"{output}/metrics.json"))
    assert metrics["training"]["epochs"] == 1 and metrics["training"]["steps"] == 3
    assert metrics["test"]["num_clips"] == 6
    rows = place.server.get(f"{output}/history.csv").decode().splitlines()
    assert [row.split(",")[0] for row in rows] == ["epoch", "1"]
    names = place.server.generations(output)
    assert [*filter(is_event_file, names)]
    assert {"report.html", "predictions.jsonl", "model/model_info.json", "model/saved_model/saved_model.pb"} <= {*names}
    assert json.loads(place.server.get(f"{output}/model/model_info.json"))["labels"] == ["Jump", "Run", "Wave"]

    again = run_here("trainer.task", *words)
    assert again.returncode == 0 and "is complete" in again.stderr
    assert compare.run([output]) == 0
    assert "lrcn" in capsys.readouterr().out
    run_label(f"{output}/model", tree / "Jump", f"{place.root}/of-run", "--limit", 2)
    assert place.server.get(f"{place.root}/of-run/{LABELS}").count(b"\n") == 2


def run_without_room(*words: object, env: dict[str, str]) -> Done:
    """Trains in a process of its own, as if no disk had room for copies of all shards."""
    code = "import sys; from trainer import task; from trainer.files import copies; copies._SHARE_OF_DISK = 0.0; "
    command = [sys.executable, "-c", f"{code}sys.exit(task.main())", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, env=env)


def steps_of(place: Place, run: str, folder: Path) -> int:
    """Number of steps of the last checkpoint, which must be whole."""
    copy = folder / "last.npz"
    copy.write_bytes(place.server.get(f"{run}/checkpoints/last.npz"))
    found = checkpoint.load(str(copy))
    assert found is not None
    return found[1].global_step


def test_mistakes_of_training_and_stores_that_are_away_are_named_soon(
    place: Place, data: str, dataset: Path, tmp_path: Path, the_error: TheError, monkeypatch: pytest.MonkeyPatch
) -> None:
    def error_of(module: str, *words: object) -> str:
        code, error = the_error(module, *words)
        assert code in (1, 2)
        return error

    nowhere = place.root.replace("bucket", "nowhere")
    words = [*SMALL, "--data", dataset, "--output", f"{nowhere}/run"]
    missing = f"error: cannot use {nowhere}/run: there is no bucket nowhere. Create it or correct the name"
    assert error_of("trainer.task", *words) == missing
    assert error_of("trainer.compare", f"{nowhere}/run") == missing
    assert f"no run in {place.root}/data: metrics.json is missing (found ds)" in error_of(
        "trainer.compare", f"{place.root}/data"
    )
    words = [*SMALL, "--data", data, "--output", tmp_path / "run"]
    with place.proxy.faulty(lambda method, path: Fault(status=403)):
        assert f"{data}/dataset_info.json: permission denied" in error_of("trainer.task", *words)
    words[words.index(data)] = f"{place.root}/none"
    assert f"error: there is no folder {place.root}/none. Correct the path" in error_of("trainer.task", *words)
    words[words.index(f"{place.root}/none")] = data
    with silent_server() as silent:
        for name in ("STORAGE_EMULATOR_HOST", "AWS_ENDPOINT_URL_S3"):
            monkeypatch.setenv(name, f"http://{silent.address}")
        assert f"error: cannot use {data}: the store does not answer" in error_of("trainer.task", *words)
        assert len(silent.connections) <= 4
    if place.root.startswith("s3"):
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
        assert "Give credentials: AWS_ACCESS_KEY_ID" in error_of("trainer.task", *words)
