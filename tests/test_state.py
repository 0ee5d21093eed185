"""Whatever happens to the files of a job: the next run detects and reports it, redoes the work, and never trusts it."""

import shutil
import subprocess
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from pipelines.core.stored.sealed import DamagedError, seal, seal_parts, unseal, unseal_or_old
from tests.conftest import make_tree, run_here
from tests.support.damage import damages, files_below
from tests.support.label_model import make_model
from tests.support.store_tools import write_greys

pytestmark = pytest.mark.process

Done = subprocess.CompletedProcess[str]
Job = tuple[Callable[..., Done], Path]
LAST = ("dataset_info.json", "summary.json")
LAYOUTS = ("layout.json", "label_layout.json")
DATASHEET = "README.md"
"""A file that people may edit: one that isn't as it was written stays."""
KINDS = [kind for kind, _ in damages(b"0123456789", 0)]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which both jobs have finished."""
    root = tmp_path_factory.mktemp("state")
    make_tree(root / "tree", groups=4, clips=1)
    make_model(root / "model", durations_s={"min": 0.4, "median": 1.0, "max": 1.0})
    write_greys(root / "greys")
    return root


def run_preprocess(root: Path, output: Path, *more: str) -> Done:
    size = ("--num-frames", 4, "--size", 32, "--shards", 3)
    return run_here("pipelines.preprocess", "--input", root / "tree", "--output", output, *size, *more)


def run_label(root: Path, output: Path, *more: str) -> Done:
    flags = ("--shards", 2, "--webvtt", "--range-s", 3, "--max-failure-rate", 1)
    return run_here(
        "pipelines.label", "--model", root / "model", "--input", root / "greys", "--output", output, *flags, *more
    )


JOBS: dict[str, Callable[..., Done]] = {"preprocess": run_preprocess, "label": run_label}


@pytest.fixture(scope="module", params=JOBS)
def job(request: pytest.FixtureRequest, root: Path) -> Job:
    """A job that runs into a folder, and a folder where it is complete."""
    run = partial(JOBS[request.param], root)
    done = run(root / request.param)
    assert done.returncode == 0, done.stderr
    return run, root / request.param


def results(folder: Path) -> dict[str, bytes]:
    """What a reader gets, without the figures of the run."""
    found = files_below(folder).items()
    return {name: data for name, data in found if "_state" not in name and name not in ("summary.json", "report.html")}


@pytest.mark.parametrize("turn", range(4))
def test_damaged_files_are_named_and_made_again(job: Job, tmp_path: Path, turn: int) -> None:
    """In each turn, neighbouring files are damaged in different ways. What hides behind other damage shows where it is
    alone: of a complete folder the results are damaged or the state, of an interrupted run's everything."""
    run, reference = job
    for complete in (True, False):
        work = tmp_path / str(complete) / reference.name
        shutil.copytree(reference, work)
        if not complete:
            next(path for name in LAST if (path := work / name).exists()).unlink()
        for number, (name, content) in enumerate(files_below(work).items()):
            if Path(name).name not in (*LAYOUTS, DATASHEET) and (not complete or ("_state" in name) == (turn % 2 == 1)):
                kind = KINDS[(number + 3 * turn) % len(KINDS)]
                (work / name).write_bytes(dict(damages(content, zlib.crc32(name.encode())))[kind])
        done = run(work)
        assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
        assert results(work) == results(reference)
        assert "damaged or from an earlier version" in done.stderr and "Lost work is done again" in done.stderr


@pytest.mark.parametrize("kind", ["number", "deep", "flip 0"])
def test_a_damaged_layout_is_refused_and_the_remedy_works(job: Job, tmp_path: Path, kind: str) -> None:
    run, reference = job
    work = tmp_path / reference.name
    shutil.copytree(reference, work)
    (layout,) = (path for path in (work / "_state").glob("*layout.json"))
    layout.write_bytes(dict(damages(layout.read_bytes(), 1))[kind])
    refused = run(work)
    error = refused.stderr.splitlines()
    assert refused.returncode == 2 and len(error) == 1, refused.stderr
    assert error[0].startswith(f"error: {layout} is damaged: ") and "--overwrite" in error[0]
    done = run(work, "--overwrite")
    assert done.returncode == 0, done.stderr
    assert results(work) == results(reference)
    assert "damaged or from an earlier version" not in done.stderr  # the rest is still right, and kept


def test_state_of_earlier_versions_has_no_checksums(job: Job, tmp_path: Path) -> None:
    """The layout is taken as it is; the rest is done again."""
    run, reference = job
    work = tmp_path / reference.name
    shutil.copytree(reference, work)
    for path in (work / "_state").rglob("*.json*"):
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(line.partition(b"\tcrc32:")[0] for line in lines))
    done = run(work)
    assert done.returncode == 0, done.stderr
    assert "from an earlier version of this software" in done.stderr
    assert results(work) == results(reference)


def test_a_copy_is_as_good_as_the_original(job: Job, tmp_path: Path) -> None:
    """A copy whose files have other times is read once, and nothing is done again."""
    run, reference = job
    work = tmp_path / reference.name
    shutil.copytree(reference, work, copy_function=shutil.copyfile)
    done = run(work)
    assert done.returncode == 0 and "damaged or from an earlier version" not in done.stderr, done.stderr
    assert "already" in done.stderr


def test_sealed_text() -> None:
    for text in ("", '{"a": 1}\n', "one\ntwo", "\udcff"):
        data = seal(text).encode("utf-8", "surrogateescape")
        assert unseal(data) == unseal_or_old(data) == text
        assert "".join(seal_parts(iter(text))) == seal(text)
        for position in range(len(data)):
            with pytest.raises(DamagedError):
                unseal(data[:position])
            for bit in range(8):
                flipped = bytearray(data)
                flipped[position] ^= 1 << bit
                with pytest.raises(DamagedError):
                    unseal(bytes(flipped))
    assert unseal_or_old(b'{"a": 1}\n') == '{"a": 1}\n'
