"""What tests of object stores share."""

import importlib
import itertools
import os
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import pipelines.preprocess
from pipelines import label
from pipelines.cli import tool
from pipelines.core.file_names import DATASET_INFO
from pipelines.dataset.info import DatasetInfo
from pipelines.dataset.readers.croissant import CROISSANT, croissant
from pipelines.dataset.readers.datasheet import README, Provenance, datasheet
from tests.conftest import ONE_DECODER
from tests.support.fault_proxy import Decide, Fault, FaultProxy, fault_proxy
from tests.support.gcs_server import GcsServer, gcs_server, google_environment, use_environment
from tests.support.label_model import level_of, make_model, write_grey
from tests.support.s3_server import S3Server, s3_server

SIZE = ("--num-frames", 4, "--size", 32, "--shards", 8)
TheError = Callable[..., tuple[int, str]]


def write_greys(root: Path) -> Path:
    """Videos to be labelled: short ones, a long one, and a file that is not a video."""
    for name, levels in {
        "a/jump.mp4": [level_of("Jump")] * 20,
        "a/run [1].mp4": [level_of("Run")] * 20,
        "b/long.mp4": [level_of("Jump")] * 100 + [level_of("Wave")] * 100,
    }.items():
        write_grey(root / name, levels, options={"g": "25"})
    (root / "broken.mp4").write_bytes(b"not a video at all")
    return root


@pytest.fixture(scope="module")
def greys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with these videos."""
    return write_greys(tmp_path_factory.mktemp("greys"))


def store_model(server: GcsServer | S3Server, folder: Path, uri: str) -> Path:
    """Makes a model for these videos in a folder, copies it to a store, and returns the folder."""
    make_model(folder, durations_s={"min": 0.4, "median": 1.0, "max": 1.0})
    server.put_tree(folder, uri)
    return folder


def run_label(model: object, source: object, output: object, *more: object) -> None:
    arguments = ["--model", model, "--input", source, "--output", output, "--max-failure-rate", 1, *ONE_DECODER, *more]
    assert label.run([str(argument) for argument in arguments]) == 0


def run_preprocess(source: str, output: str) -> None:
    arguments = ["--input", source, "--output", output, *SIZE, *ONE_DECODER]
    assert pipelines.preprocess.run([str(argument) for argument in arguments]) == 0


def with_place(files: dict[str, bytes], here: object, there: str) -> dict[str, bytes]:
    """The same files with the addresses of the input (only the name of a local one) and of videos replaced.

    What is told of the description of a dataset, with its checksum, is told of the new one.
    """
    place = re.compile(rb"(?<![\w/.-])" + re.escape(os.path.basename(str(here)).encode()) + rb"(?![\w/.-])")
    video = re.compile(rb'(?<="uri": ")(?!\w+://)')
    found = {name: place.sub(there.encode(), video.sub(f"{there}/".encode(), data)) for name, data in files.items()}
    if README in found:
        copies = re.search(rb"with the content of another one \| (\d+)", found[README])
        assert copies
        info = DatasetInfo.from_json(found[DATASET_INFO].decode())
        sheet = datasheet(info, Provenance(num_copies=int(copies[1])))
        found |= {CROISSANT: croissant(info).encode(), README: sheet.encode()}
    return found


@pytest.fixture
def the_error(capfd: pytest.CaptureFixture[str]) -> TheError:
    """Runs a tool, given its module, in this process: its exit code, and the only line that isn't progress."""

    def run(module: str, *words: object) -> tuple[int, str]:
        capfd.readouterr()
        code = tool.run_tool(importlib.import_module(module).run, list(map(str, words)))
        (line,) = (line for line in capfd.readouterr().err.splitlines() if "; using " not in line)
        return code, line

    return run


@dataclass(frozen=True)
class Place:
    """A bucket behind a proxy."""

    server: GcsServer | S3Server  # the store's server
    proxy: FaultProxy  # the proxy in front of it
    root: str  # address of the bucket
    environment: dict[str, str]  # environment of a process that uses the bucket


@pytest.fixture(scope="module", params=["gs", "s3"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A bucket of each kind."""
    if request.param == "gs":
        home = tmp_path_factory.mktemp("home")
        with gcs_server() as google, fault_proxy(google.url) as proxy:
            environment = google_environment(home, STORAGE_EMULATOR_HOST=proxy.url)
            yield Place(google, proxy, "gs://bucket", environment)
    else:
        with s3_server() as amazon, fault_proxy(amazon.url) as proxy:
            yield Place(amazon, proxy, amazon.make_bucket("bucket"), amazon.environment(AWS_ENDPOINT_URL=proxy.url))


@pytest.fixture
def here(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets this process use the bucket."""
    use_environment(place.environment, monkeypatch)


def lost_after(count: int, name: str) -> Decide:
    """Withdraws all permissions once `count` files with `name` in their paths have been stored."""
    lock, lost, seen = threading.Lock(), threading.Event(), itertools.count(1)

    def decide(method: str, path: str) -> Fault | None:
        is_upload = name in path and (method == "PUT" or path.startswith("/upload/"))
        with lock:
            if is_upload and next(seen) > count:
                lost.set()
        return Fault(status=403) if lost.is_set() else None

    return decide


def is_content(method: str, path: str) -> bool:
    """Whether a request is for the content of a file, not for its metadata in Google's store."""
    return method == "GET" and (not path.startswith("/storage/") or "alt=media" in path)
