"""Faults of a store in the middle of a job: the job completes or resumes later, and nothing is lost."""

import functools
import itertools
import json
import os
import re
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pipelines.preprocess
from pipelines import files
from pipelines.core.errors import TooManyFailuresError
from pipelines.decoding import decoder
from pipelines.files import remote
from pipelines.files.gcs import objects as gcs_objects
from pipelines.files.s3 import objects as s3_objects
from tests.conftest import contents
from tests.support.fault_proxy import Fault
from tests.support.label_model import model as model
from tests.support.store_tools import (
    SIZE,
    Place,
    TheError,
    is_content,
    lost_after,
    run_label,
    run_preprocess,
    with_place,
    write_greys,
)
from tests.support.store_tools import here as here
from tests.support.store_tools import place as place
from tests.support.store_tools import the_error as the_error

pytestmark = [pytest.mark.server, pytest.mark.usefixtures("here")]


@pytest.fixture(scope="module")
def videos(place: Place, tree: Path) -> str:
    place.server.put_tree(tree, f"{place.root}/videos")
    return f"{place.root}/videos"


@pytest.fixture(scope="module")
def greys(place: Place, tmp_path_factory: pytest.TempPathFactory) -> str:
    place.server.put_tree(write_greys(tmp_path_factory.mktemp("greys")), f"{place.root}/greys")
    return f"{place.root}/greys"


@pytest.fixture(scope="module")
def labels(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Place, str], bytes]:
    """The result of an undisturbed run on local files, with addresses in a bucket."""
    folder = tmp_path_factory.mktemp("undisturbed")
    source = write_greys(folder / "greys")
    run_label(model, source, folder / "labels")
    text = (folder / "labels" / LABELS).read_bytes()
    return lambda place, greys: with_place({"": text}, source, greys)[""]


LABELS = "labels-00000-of-00001.jsonl"


def no_leftovers(place: Place, output: str) -> bool:
    return not [name for name in place.server.generations(output) if "/tmp" in name or "plan" in name]


def test_a_permission_that_is_lost_while_shards_are_written(
    place: Place, videos: str, tree: Path, dataset: Path, the_error: TheError
) -> None:
    output = f"{place.root}/lost/out"
    with place.proxy.faulty(lost_after(8, "lost/out/")):
        code, error = the_error("pipelines.preprocess", "--input", videos, "--output", output, *SIZE)
    assert code == 4 and error.startswith(f"error: cannot write {output}/"), error
    assert "permission denied: somebody@example.com does not" in error
    assert error.endswith("then run the same command again: finished shards are kept")
    before = place.server.generations(output)
    whole = [name for name in before if name.startswith("_state/shards/")]
    assert 0 < len(whole) < 8 and "dataset_info.json" not in before
    run_preprocess(videos, output)
    assert place.server.contents(output) == with_place(contents(dataset), tree, videos)
    after = place.server.generations(output)
    assert all(before[name] == after[name] for name in whole)
    assert no_leftovers(place, output)


def test_a_permission_that_is_lost_while_videos_are_read(place: Place, videos: str, tree: Path, dataset: Path) -> None:
    output, lock, seen = f"{place.root}/unread/out", threading.Lock(), itertools.count(1)

    def decide(method: str, path: str) -> Fault | None:
        if method != "GET" or ".avi" not in path:
            return None
        with lock:
            return Fault(status=403) if next(seen) > 20 else None

    with place.proxy.faulty(decide):
        words = ["--input", videos, "--output", output, *map(str, SIZE)]
        with pytest.raises(TooManyFailuresError, match=r"PermissionError.*permission denied"):
            pipelines.preprocess.run(words)
    run_preprocess(videos, output)
    assert place.server.contents(output) == with_place(contents(dataset), tree, videos)


def test_a_permission_that_is_lost_while_videos_are_labelled(
    place: Place, greys: str, model: Path, labels: Callable[[Place, str], bytes], the_error: TheError
) -> None:
    output = f"{place.root}/lost/labels"
    words = ["--model", model, "--input", greys, "--output", output, "--max-failure-rate", 1]
    with place.proxy.faulty(lost_after(3, "lost/labels/")):
        code, error = the_error("pipelines.label", *words)
    assert code == 4 and error.startswith(f"error: cannot write {output}/_state/ledger/00000/"), error
    assert error.endswith("then run the same command again: finished shards are kept")
    assert LABELS not in place.server.generations(output)
    run_label(model, greys, output)
    assert place.server.get(f"{output}/{LABELS}") == labels(place, greys)
    assert no_leftovers(place, output)


def test_a_ledger_that_cannot_be_read_is_told(place: Place, greys: str, model: Path, the_error: TheError) -> None:
    output = f"{place.root}/unreadable/labels"
    denied = Fault(status=403)
    with place.proxy.faulty(lambda *request: denied if is_content(*request) and "/ledger/" in request[1] else None):
        for _ in ("in a worker", "in the tool itself"):
            code, error = the_error("pipelines.label", "--model", model, "--input", greys, "--output", output)
            assert code == 4 and error.startswith(f"error: cannot read {output}/_state/ledger/00000"), error
            assert "permission denied" in error and error.count("run the same command again") == 1


def test_no_room_for_what_is_fetched(
    place: Place, videos: str, tree: Path, dataset: Path, tmp_path: Path, the_error: TheError
) -> None:
    """A worker whose temporary folder is unusable doesn't make any video fail."""
    output = f"{place.root}/roomless/out"
    with pytest.MonkeyPatch.context() as patch:
        elsewhere = functools.partial(tempfile.NamedTemporaryFile, dir=tmp_path / "gone")
        patch.setattr(tempfile, "NamedTemporaryFile", elsewhere)
        patch.setattr(decoder, "_PAUSES_S", (0.01,))
        code, error = the_error("pipelines.preprocess", "--input", videos, "--output", output, *SIZE)
    assert code == 4 and error.startswith(f"error: there is no room for {videos}/"), error
    assert "in the folder of temporary files: No such file or directory. Make room or name another" in error
    run_preprocess(videos, output)
    assert place.server.contents(output) == with_place(contents(dataset), tree, videos)


def test_a_slow_store(place: Place, greys: str, model: Path, labels: Callable[[Place, str], bytes]) -> None:
    output = f"{place.root}/slow/labels"
    place.proxy.requests.clear()
    with place.proxy.faulty(lambda method, path: Fault(delay_s=0.3)):
        run_label(model, greys, output)
    assert len(place.proxy.requests) < 120, "each waits"
    assert place.server.get(f"{output}/{LABELS}") == labels(place, greys)


def test_a_flaky_store(place: Place, videos: str, tree: Path, dataset: Path) -> None:
    """Of every six requests, one is answered with 503, one with 500, and one not at all."""
    output, lock, seen = f"{place.root}/flaky/out", threading.Lock(), itertools.count()
    faults = {1: Fault(status=503), 3: Fault(status=500), 5: Fault(reset=True)}

    def decide(method: str, path: str) -> Fault | None:
        with lock:
            number = next(seen)
        return faults.get(number % 18)

    with place.proxy.faulty(decide):
        run_preprocess(videos, output)
    assert place.server.contents(output) == with_place(contents(dataset), tree, videos)
    assert no_leftovers(place, output)


def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gcs_objects, "_SILENCE_S", (1.0, 1.0))
    monkeypatch.setattr(s3_objects, "_SILENCE_S", 1)
    monkeypatch.setenv("AWS_STS_REGIONAL_ENDPOINTS", "regional")  # a changed environment makes another client


def test_an_answer_that_stops_in_the_middle_is_asked_for_again(
    place: Place, greys: str, model: Path, labels: Callable[[Place, str], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient(monkeypatch)
    stalled: list[str] = []

    def decide(method: str, path: str) -> Fault | None:
        if is_content(method, path) and "jump.mp4" in path and len(stalled) < 2:
            stalled.append(path)
            return Fault(stall_after=500, stall_s=3 * (len(stalled) - 1))  # one breaks off, one stalls
        return None

    output = f"{place.root}/stalled/labels"
    with place.proxy.faulty(decide):
        run_label(model, greys, output)
    assert len(stalled) == 2
    assert place.server.get(f"{output}/{LABELS}") == labels(place, greys)


def failure_of_jump(place: Place, greys: str, model: Path, fault: Fault) -> Any:
    """The record of the failure of a video whose content is fetched with a fault."""
    output = f"{place.root}/of-jump/{fault.cut}"
    with place.proxy.faulty(lambda *request: fault if "jump.mp4" in request[1] and is_content(*request) else None):
        run_label(model, greys, output)
    failures = [json.loads(line) for line in place.server.get(f"{output}/failures.jsonl").splitlines()]
    (failure,) = (failure for failure in failures if failure["video"] == "a/jump.mp4")
    return failure


def test_a_store_that_only_keeps_one_waiting_is_a_failure_record(
    place: Place, greys: str, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "STALLED_S", 2.0)
    failure = failure_of_jump(place, greys, model, Fault(delay_s=10))
    assert (failure["stage"], failure["type"]) == ("read", "TimeoutError")
    assert failure["message"] == "no more data came within 2 s. Check the network"


@pytest.mark.parametrize("size_bytes", [1, 1000, (8 << 20) + 1000])
def test_an_answer_that_ends_early_is_asked_for_again(place: Place, size_bytes: int) -> None:
    """Its headers agree with the shortened content, so that no library notices."""
    uri, data = f"{place.root}/short/{size_bytes}", os.urandom(size_bytes)
    place.server.put(uri, data)
    seen: list[str] = []

    def decide(method: str, path: str) -> Fault | None:
        if is_content(method, path):
            seen.append(path)
            return Fault(cut=min(400, size_bytes)) if len(seen) != 3 else None
        return None

    with place.proxy.faulty(lambda *request: decide(*request) if len(seen) < 4 else None), files.open_read(uri) as file:
        assert file.read() == data
    assert len(seen) >= 3
    sent, wanted = max(0, min(size_bytes, 8 << 20) - 400), min(size_bytes, 8 << 20)
    always = place.proxy.faulty(lambda *request: Fault(cut=min(400, wanted)) if is_content(*request) else None)
    with always, pytest.raises(OSError, match=f"the store sent {sent:,} bytes instead of {wanted:,}") as caught:
        files.read_text(uri)
    assert caught.value.filename == uri


def test_a_file_that_comes_short_is_a_failure_record(place: Place, greys: str, model: Path) -> None:
    failure = failure_of_jump(place, greys, model, Fault(cut=1500))
    assert (failure["stage"], failure["type"]) == ("read", "OSError")
    assert re.match(r"the store sent [\d,]+ bytes instead of [\d,]+ \(from byte 0 on\)\. Check", failure["message"])
    rows = [json.loads(line) for line in place.server.get(f"{place.root}/of-jump/1500/{LABELS}").splitlines()]
    assert {row["video"] for row in rows} == {"a/run [1].mp4", "b/long.mp4"}
