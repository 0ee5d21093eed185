"""Videos whose frames carry their index, trees of such videos, and the real clips if they are available."""

import contextlib
import gc
import importlib
import io
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import hypothesis
import numpy as np
import pytest

from pipelines.cli import tool
from pipelines.process import tensorflow_start
from tests import ROOT
from tests.support.beam_signatures import remember_signatures
from tests.support.films import write_film
from tests.support.quick import Quick

# How long an example takes depends on what else the machine does. Continuous integration tries the same examples each
# time, so that it is no matter of luck whether a commit passes; runs of developers draw new ones.
hypothesis.settings.register_profile("default", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("default")

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A shell's background jobs ignore Ctrl-C, and so would all processes that the tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
tool.quiet_libraries()
tensorflow_start.prefer_onednn()  # before any test file imports TensorFlow itself

LONGEST = (
    "test_documents",
    *("trainer/test_task", "engines/test_engines", "trainer/training/test_distribution", "test_dockerfile"),
    *("engines/test_dataflow", "trainer/test_manifests", "files/test_store_storm"),
    *("files/test_store_faults", "test_preprocess", "trainer/test_import_model", "test_resume"),
    *("test_notebook", "featurizing/test_features", "trainer/test_appearance", "test_label"),
    *(
        "trainer/training/test_two_devices",
        "trainer/export/conversion/test_export_model",
        "appearance/test_eyes",
        "labelling/test_resume",
    ),
)
"""Files whose tests take minutes, of work or of waiting: begun first, so that at the end nothing waits for one."""
MARKED_FIXTURES = {"real_data": "real_data", "dataset": "process", "place": "server", "server": "server"}
"""Marks of all tests that use a fixture."""
JOBS = ("pipelines.preprocess", "pipelines.label")
"""Tools that start decoder processes, by default as many as this machine has cores."""
ONE_DECODER = ("--workers", 1)
"""Starting a decoder takes longer than decoding what most tests have. Results don't depend on how many there are, as
`test_same_bytes_whatever_runs_it` shows."""
BITS = 10
WIDTH, HEIGHT = 160, 96


def pytest_addoption(parser: pytest.Parser) -> None:
    text = "run only tests that are done soon, and let those fail that start a process or listen"
    parser.addoption("--quick", action="store_true", help=text)


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--quick"):
        config.pluginmanager.register(Quick())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest files first, keeps the order of the others, and marks tests that use fixtures with marks."""
    order = {ROOT / "tests" / f"{name}.py": place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path, len(order)))
    for item in items:
        for fixture in MARKED_FIXTURES.keys() & set(getattr(item, "fixturenames", ())):
            item.add_marker(MARKED_FIXTURES[fixture])


def pytest_collection_finish() -> None:
    """Spares the garbage collector, in every test, the objects of all that has been imported."""
    remember_signatures()
    gc.collect()
    gc.freeze()


def paint(index: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A picture uint8 [height, width, 3] that shows its index as a row of black and white blocks on grey."""
    picture = np.full((height, width, 3), 128, np.uint8)
    block = width // BITS
    for bit in range(BITS):
        picture[height // 4 : 3 * height // 4, bit * block : (bit + 1) * block] = 255 if index >> bit & 1 else 0
    return picture


def read_index(picture: np.ndarray) -> int:
    """The index painted into a picture of any size."""
    height, width, _ = picture.shape
    row = picture[3 * height // 8 : 5 * height // 8].mean(axis=(0, 2))
    blocks = [row[int((bit + 0.3) * width / BITS) : int((bit + 0.7) * width / BITS) + 1].mean() for bit in range(BITS)]
    return sum(1 << bit for bit, value in enumerate(blocks) if value > 128)


def write_video(
    path: Path,
    num_frames: int,
    codec: str = "mpeg4",
    rate: Fraction | int = 25,
    options: dict[str, str] | None = None,
    pts: Sequence[int] | None = None,
    size: tuple[int, int] = (WIDTH, HEIGHT),
) -> Path:
    """Writes a video of painted frames; `pts`, in units of 1/1000 s, makes its frame rate variable."""
    pictures = [paint(index, *size) for index in range(num_frames)]
    return write_film(path, pictures, codec, options, pts, rate, bit_rate=2_000_000)


def write_endless_video(path: Path, side: int = 3000) -> Path:
    """A video of 8 MB that takes minutes to decode, as each of its many large pictures depends on the one before. For
    a test, it hangs."""
    one = path.with_name("one.gif")
    with av.open(str(one), "w", format="gif") as container:
        stream = container.add_stream("gif", rate=25)
        stream.width, stream.height, stream.pix_fmt = side, side, "gray"
        picture = np.zeros((side, side), np.uint8)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="gray")))
        container.mux(stream.encode())
    data = one.read_bytes()
    one.unlink()
    start = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)  # after the header and its palette
    body = data[start:-1]
    path.write_bytes(data[:start] + body * (8_000_000 // len(body)) + b";")
    return path


def make_tree(
    root: Path, classes: Sequence[str] = ("Jump", "Run", "Wave"), groups: int = 5, clips: int = 2, frames: int = 12
) -> Path:
    """A UCF-like tree of small videos of different lengths."""
    for label in classes:
        for group in range(1, groups + 1):
            for clip in range(1, clips + 1):
                name = f"v_{label}_g{group:02d}_c{clip:02d}.avi"
                write_video(root / label / name, frames + group + 3 * clip, options={"bf": str(clip % 3)})
    return root


def run_tool(
    module: str, *arguments: object, timeout: float = 240, max_file_bytes: int | None = None, **options: object
) -> "subprocess.CompletedProcess[str]":
    """Runs a command-line tool as a user does, on a disk that is full for files of more than `max_file_bytes`.

    A shell sets that limit, not `preexec_fn`: with it Python forks, and gRPC, which jobs that ran in this process have
    started, aborts some of the forked processes (https://github.com/grpc/grpc/issues/43055).
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    if max_file_bytes is not None:
        command = ["sh", "-c", f'ulimit -f {max_file_bytes // 512} && exec "$@"', "sh", *command]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, **options)  # type: ignore[call-overload]


def run_here(module: str, *arguments: object, code: int | None = None) -> "subprocess.CompletedProcess[str]":
    """Runs a tool in this process, if a process of its own isn't needed: imports take longer than most jobs. It must
    end with `code`, if that is given.

    A job that doesn't say how many decoder processes it wants gets `ONE_DECODER`."""
    if module in JOBS and "--workers" not in arguments:
        arguments = (*arguments, *ONE_DECODER)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            ended = tool.run_tool(importlib.import_module(module).run, list(map(str, arguments)))
        except SystemExit as end:  # of argparse
            ended = int(end.code or 0)
    assert code in (None, ended), err.getvalue()
    return subprocess.CompletedProcess([module, *map(str, arguments)], ended, out.getvalue(), err.getvalue())


def preprocess(*arguments: object, code: int | None = None) -> "subprocess.CompletedProcess[str]":
    """Runs `pipelines.preprocess` in this process."""
    return run_here("pipelines.preprocess", *arguments, code=code)


def settle(value: dict[str, Any]) -> dict[str, Any]:
    """Makes the numbers of a changed `dataset_info.json` consistent again."""
    labels, counts = value["labels"], value["counts"]
    for split in value["splits"].values():
        total = split["num_examples"] = sum(shard["num_examples"] for shard in split["shards"])
        by_class = {name: count for name, count in split["num_examples_by_class"].items() if name in labels}
        if sum(by_class.values()) != total:
            others = sorted(by_class)[1:] if total > sum(by_class.values()) else []
            first = min(by_class, default=labels[0])
            by_class = {name: by_class[name] for name in others}
            by_class[first] = total - sum(by_class.values())
        split["num_examples_by_class"] = {name: count for name, count in by_class.items() if count}
    counts["written"] = sum(split["num_examples"] for split in value["splits"].values())
    value["failures_by_reason"] = {"VideoOpenError": counts["failed"]} if counts["failed"] else {}
    counts["listed"] = counts["written"] + counts["failed"] + counts["filtered"]
    return value


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a dataset, except those that only the next run needs."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "_state" not in path.relative_to(folder).parts
    }


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree of 30 small videos: three classes, five groups. Not to be changed."""
    return make_tree(tmp_path_factory.mktemp("videos"))


@pytest.fixture(scope="session")
def dataset(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset of `tree`, made without interruption. Not to be changed."""
    output = tmp_path_factory.mktemp("dataset") / "out"
    size = ("--num-frames", 4, "--size", 32, "--shards", 8)
    preprocess("--input", tree, "--output", output, *size, code=0)
    return output


@pytest.fixture(scope="session")
def features(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What EfficientNet-Lite0 sees in `dataset`. Not to be changed."""
    output = tmp_path_factory.mktemp("features") / "out"
    run_here("pipelines.features", "--data", dataset, "--output", output, code=0)
    return output


@pytest.fixture
def copy(dataset: Path, tmp_path: Path) -> Path:
    """A copy of `dataset` that may be changed."""
    return Path(shutil.copytree(dataset, tmp_path / "copy"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real clips."""
    folder = os.environ.get("HAR_TEST_DATA")
    if not folder:
        pytest.skip("set HAR_TEST_DATA to the folder of real clips to run this test")
    return Path(folder)
