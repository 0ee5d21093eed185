"""A job leaves its process and its machine unchanged."""

import logging
import os
import sys
import tempfile
from pathlib import Path

import pytest

from pipelines.core.errors import OutputError
from pipelines.dataset.info import ShardReport
from pipelines.transforms import shards
from tests.conftest import preprocess

pytestmark = pytest.mark.process

SIZE = ("--num-frames", 4, "--size", 32, "--shards", 3)
IN_THIS_PROCESS = ("--runner=PortableRunner", "--job_endpoint=embed", "--environment_type=LOOPBACK")
"""Another engine than our own, whose workers are threads of this process."""


def test_a_failed_job_whose_workers_are_threads_leaves_the_process_as_it_was(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(output: str, report: ShardReport) -> None:
        raise OutputError(f"cannot write {output}/x: no room")

    monkeypatch.setattr(shards, "write_report", refuse)
    runners = logging.getLogger("apache_beam.runners")
    before = sys.stderr, runners.level, list(logging.getLogger().filters)
    done = preprocess("--input", tree, "--output", tmp_path / "out", *SIZE, *IN_THIS_PROCESS)
    assert done.returncode == 4, done.stderr
    assert [line for line in done.stderr.splitlines() if line.startswith("error: cannot write")]
    assert "Traceback" not in done.stderr
    assert (sys.stderr, runners.level, logging.getLogger().filters) == before


def test_no_folder_of_beam_stays_behind(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a job runs, has nothing to do, or is refused."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    words = ("--input", tree, "--output", tmp_path / "out", *SIZE)
    assert preprocess(*words).returncode == 0
    assert preprocess(*words).returncode == 0
    assert preprocess(*words, "--classes", "Nothing").returncode == 2
    assert not [name for name in os.listdir(temporary) if name.startswith("beam-pipeline-temp")]
