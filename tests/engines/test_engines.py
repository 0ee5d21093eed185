"""Flink, Spark and Prism, for real: the same bytes as on this machine, and nothing lost when a part dies."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipelines import label
from tests import ROOT
from tests.conftest import ONE_DECODER, contents, preprocess, write_video
from tests.support.label_model import make_model

SCRIPT = str(ROOT / "scripts" / "engines")
MISSING, NOT_FETCHED = 2, 3


@dataclass(frozen=True)
class Engines:
    """Engines, each started at its first use."""

    folder: Path  # folder of their logs and process ids

    def start(self, engine: str) -> str:
        """The address of an engine's job service. Skips the test where the engine isn't available."""
        done = self._call("start", engine)
        if done.returncode in (MISSING, NOT_FETCHED):
            pytest.skip(done.stderr.strip())
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def state(self, engine: str) -> dict[str, Any]:
        """What `scripts/engines` records about an engine: process ids by name, addresses."""
        state: dict[str, Any] = json.loads((self.folder / engine / "state.json").read_text())
        return state

    def stop(self) -> None:
        """Stops all running engines."""
        done = self._call("stop")
        assert done.returncode == 0, done.stderr

    def _call(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, SCRIPT, *arguments, f"--run-folder={self.folder}"]
        return subprocess.run(command, capture_output=True, text=True, timeout=800)


@contextmanager
def running_engines(folder: Path) -> Iterator[Engines]:
    """Engines for the block, stopped at its end."""
    engines = Engines(folder)
    try:
        yield engines
    finally:
        engines.stop()


def job_flags(endpoint: str) -> list[str]:
    """Beam's flags for a job whose workers are threads of the process that submits it."""
    return ["--runner=PortableRunner", f"--job_endpoint={endpoint}", "--environment_type=LOOPBACK"]


pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]  # the first start fetches the engines

ENGINES = ("prism", "flink", "spark")
SMALL = ("--num-frames", "4", "--size", "32", "--shards", "8")
LARGE = ("--num-frames", "40", "--size", "96", "--shards", "40")


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    with running_engines(tmp_path_factory.mktemp("engines")) as started:
        yield started


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    make_model(folder, durations_s={"min": 0.4, "median": 0.5, "max": 0.6}, rule="drawn")
    return folder


@pytest.fixture(scope="module")
def videos(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Videos to label: short ones, one that is cut into ranges, and a file that is not a video."""
    root = tmp_path_factory.mktemp("collection")
    for path in tree.rglob("*.avi"):
        shutil.copyfile(path, root / path.name)
    write_video(root / "long.mp4", 600, options={"g": "25"})
    (root / "broken.avi").write_bytes(b"no video")
    return root


@pytest.fixture(scope="module")
def labels(model: Path, videos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return label_them(model, videos, tmp_path_factory.mktemp("labels") / "out")


def label_them(model: Path, videos: Path, output: Path, *flags: str) -> dict[str, bytes]:
    """Labels by file name, made in this process, which has TensorFlow loaded."""
    where = ["--model", str(model), "--input", str(videos), "--output", str(output)]
    assert label.run([*where, "--range-s", "10", "--max-failure-rate", "0.1", *map(str, ONE_DECODER), *flags]) == 0
    return {name: data for name, data in contents(output).items() if name.startswith(("labels-", "failures"))}


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree of videos that takes a few seconds to process, so that something can be killed midway."""
    root = tmp_path_factory.mktemp("many")
    one = write_video(root / "one.avi", 120)
    for index in range(160):
        target = root / "tree" / ("Jump", "Run", "Wave")[index % 3] / f"v_g{index % 20:02d}_c{index:03d}.avi"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(one, target)
    return root / "tree"


@pytest.fixture(scope="module")
def many_shards(many: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    output = tmp_path_factory.mktemp("undisturbed") / "out"
    preprocess("--input", many, "--output", output, *LARGE, code=0)
    return shards(output)


def shards(output: Path) -> dict[str, bytes]:
    return {name: data for name, data in contents(output).items() if name.endswith((".tfrecord", "failures.jsonl"))}


@pytest.mark.parametrize("engine", ENGINES)
def test_shards_are_same_everywhere(engine: str, engines: Engines, tree: Path, dataset: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    flags = job_flags(engines.start(engine))
    done = preprocess("--input", tree, "--output", output, *SMALL, *flags, "--parallelism=2", code=0)
    told = [line for line in done.stderr.splitlines() if " of 30 videos, " not in line]
    assert len(told) == 1 and "PortableRunner" in told[0], done.stderr
    assert shards(output) == shards(dataset)
    assert len(shards(output)) == 9


@pytest.mark.parametrize("engine", ENGINES)
def test_labels_are_the_same_everywhere(
    engine: str, engines: Engines, model: Path, videos: Path, labels: dict[str, bytes], tmp_path: Path
) -> None:
    found = label_them(model, videos, tmp_path / "out", *job_flags(engines.start(engine)), "--parallelism=2")
    assert found == labels
    rows = [json.loads(line) for line in found["labels-00000-of-00001.jsonl"].splitlines()]
    assert len({row["video"] for row in rows}) == 31 and len({row["label"] for row in rows}) > 1
    assert len(found["failures.jsonl"].splitlines()) == 1


class Job:
    """A running preprocess job with workers in processes of their own."""

    def __init__(self, engines: Engines, engine: str, many: Path, output: Path) -> None:
        self._finished = output / "_state" / "shards"
        pool, endpoint = engines.start("workers"), engines.start(engine)
        command = [sys.executable, "-m", "pipelines.preprocess", "--input", str(many), "--output", str(output), *LARGE]
        flags = ["--runner=PortableRunner", f"--job_endpoint={endpoint}", "--environment_type=EXTERNAL"]
        self.process = subprocess.Popen(
            [*command, *flags, f"--environment_config={pool}", "--parallelism=2"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        while len(self.reports) < 2:
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.01)

    @property
    def reports(self) -> list[Path]:
        """Reports of the shards that are whole."""
        return list(self._finished.glob("*.json"))

    def end(self) -> tuple[int, str]:
        """The job's exit code and output."""
        _, told = self.process.communicate(timeout=300)
        return self.process.returncode, told


@pytest.mark.parametrize("engine", ["prism", "spark"])
def test_a_killed_worker_leaves_a_job_that_goes_on(
    engine: str, engines: Engines, many: Path, many_shards: dict[str, bytes], tmp_path: Path
) -> None:
    """These two engines, as they run here, don't retry; running the same command again does."""
    output = tmp_path / "out"
    job = Job(engines, engine, many, output)
    workers = psutil.Process(engines.state("workers")["pids"]["workers"]).children()
    alive = [worker for worker in workers if worker.status() != psutil.STATUS_ZOMBIE]
    assert alive
    for worker in alive:
        worker.kill()
    code, told = job.end()
    assert code == 4 and "run the same command again" in told, told
    assert "\tat " not in told and "Traceback" not in told
    assert 2 <= len(job.reports) < 40
    kept = {path.stem: (output / path.stem).stat().st_mtime_ns for path in job.reports}
    preprocess("--input", many, "--output", output, *LARGE, code=0)
    assert shards(output) == many_shards
    assert {name: (output / name).stat().st_mtime_ns for name in kept} == kept  # whole shards are not made again


def test_a_task_manager_is_killed(engines: Engines, many: Path, many_shards: dict[str, bytes], tmp_path: Path) -> None:
    output = tmp_path / "out"
    job = Job(engines, "flink", many, output)
    managers = ask(engines, "taskmanagers")["taskmanagers"]
    assert len(managers) == 2
    busy = next(manager["id"] for manager in managers if manager["freeSlots"] < manager["slotsNumber"])
    os.kill(engines.state("flink")["pids"][busy], signal.SIGKILL)
    assert len(job.reports) < 40
    code, told = job.end()
    assert code == 0, told
    assert [manager["id"] for manager in ask(engines, "taskmanagers")["taskmanagers"]] != [busy]
    jobs = ask(engines, "jobs/overview")["jobs"]
    last = max(jobs, key=lambda one: one["start-time"])
    assert last["state"] == "FINISHED"
    history = ask(engines, f"jobs/{last['jid']}/exceptions")["exceptionHistory"]["entries"]
    assert history and any(busy in json.dumps(entry) for entry in history), history
    assert shards(output) == many_shards


def ask(engines: Engines, path: str) -> Any:
    """What Flink's JobManager says."""
    with urllib.request.urlopen(f"{engines.state('flink')['web']}/{path}", timeout=20) as answer:
        return json.load(answer)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--runner=PortableRunner"], "needs the address of a job server: --job_endpoint=HOST:PORT"),
        (["--runner=PortableRunner", "--job_endpoint=localhost:1"], "no job server answers at --job_endpoint=local"),
        (["--runner=FlinkRunner", "--flink_job_server_jar=none.jar"], "no such file: --flink_job_server_jar=none.jar"),
        (["--runner=PrismRunner", "--prism_location=none"], "no such file: --prism_location=none"),
        (["--runner=SparkRunner", "--job_server_java_launcher=no-java"], "starts a job server with 'no-java'"),
        (["--runner=PortableRunner", "--environment_type=EXTERNAL",
          "--environment_option=external_service_address=localhost:2"], "needs --environment_config=HOST:PORT"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_is_missing_is_said_at_once(flags: list[str], message: str, tree: Path, tmp_path: Path) -> None:
    from pipelines import preprocess as tool
    from pipelines.core.errors import UsageError

    with pytest.raises(UsageError, match=message):
        tool.run(["--input", str(tree), "--output", str(tmp_path / "out"), *flags])
    assert not (tmp_path / "out").exists()
