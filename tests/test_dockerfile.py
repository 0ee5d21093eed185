"""The container image: its Dockerfile agrees with the lock and the metadata, and its instructions work."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT
from tests.conftest import contents
from tests.support.dockerfile import context_files, expand, parse
from tests.support.run_dockerfile import SKIPPED

pytestmark = pytest.mark.process

STAGES = parse((ROOT / "Dockerfile").read_text())


def text_of(name: str) -> str:
    return (ROOT / name).read_text()


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.M)
    assert match, f"no {pattern}"
    return match[1]


def test_beam_is_that_of_the_lock() -> None:
    """The launcher and the SDK harness talk to each other, so both must be of the same version."""
    launcher = found(r"^apache/beam_python[\d.]+_sdk:(.+)$", STAGES[0].base)
    assert launcher == found(r"^apache-beam==([\d.]+)", text_of("requirements.lock"))
    assert f'"apache-beam[aws,gcp]=={launcher}"' in text_of("setup.py")


def test_python_is_one_that_the_metadata_allows() -> None:
    python = found(r"^python:(\d\.\d+)-", STAGES[-1].base)
    assert python == found(r"^apache/beam_python([\d.]+)_sdk:", STAGES[0].base)
    low, high = re.findall(r"3\.(\d+)", found(r'python_requires="(.+)"', text_of("setup.py")))
    assert int(low) <= int(python.removeprefix("3.")) < int(high)


def test_labels_and_user() -> None:
    last = {instruction.name: instruction.text for instruction in STAGES[-1].instructions}
    assert f'image.version="{found(r"version=.([0-9.]+)", text_of("setup.py"))}"' in last["LABEL"]
    assert f'image.base.name="docker.io/library/{STAGES[-1].base}"' in last["LABEL"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", last["USER"]), "Kubernetes tells from a number that it isn't root"
    assert "--version" in last["HEALTHCHECK"]


def test_only_what_is_copied_is_sent_to_docker(tmp_path: Path) -> None:
    for name in (".git/config", ".venv/bin/python", "data/a.avi", "pipelines/core/x.py", "pipelines/__pycache__/x.pyc",
                 "scripts/entrypoint", "scripts/test", "setup.py", "trainer/page.css", "README.md"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    sent = context_files(tmp_path, text_of(".dockerignore"))
    assert sent == ["pipelines/core/x.py", "scripts/entrypoint", "setup.py", "trainer/page.css"]


def test_the_parser_reads_what_docker_reads() -> None:
    text = """\
# syntax is not checked
FROM a:1 AS first
FROM b:$X
RUN --mount=type=cache,target=/c one \\
  # in between
 && two
HEALTHCHECK --timeout=3s CMD ["a", "--b"]
"""
    first, last = parse(text)
    assert (first.base, first.name, last.base, last.name) == ("a:1", "first", "b:$X", "")
    run, health = last.instructions
    assert (run.line, run.text, run.flag("mount")) == (4, "one && two", "type=cache,target=/c")
    assert health.arguments() == ["a", "--b"]
    assert expand("$A-${B}c", {"A": "1", "B": "2"}) == "1-2c"
    with pytest.raises(ValueError, match="line 2: ADD is none of ARG"):
        parse("FROM a\nADD b c\n")


@pytest.mark.timeout(1200)
def test_the_instructions_make_an_image_that_works(tree: Path, dataset: Path, tmp_path: Path) -> None:
    """Its tools run, and it makes the same dataset as outside of it: by itself, and as Beam workers."""
    output = tmp_path / "out"
    arguments = ["--videos", tree, "--output", output, "--arguments", "--num-frames 4 --size 32 --shards 8"]
    command = [sys.executable, "-m", "tests.support.run_dockerfile", *map(str, arguments)]
    log = tmp_path / "log.txt"
    try:
        with open(log, "w") as file:
            code = subprocess.run(command, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT).returncode
    finally:
        print(log.read_text())
        shutil.rmtree(output / "image", ignore_errors=True)  # gigabytes, and nothing is mounted there any more
    if code == SKIPPED:
        pytest.skip(log.read_text().strip().removeprefix("skipped: "))
    assert code == 0
    shards = {name: data for name, data in contents(dataset).items() if name.endswith(".tfrecord")}
    assert len(shards) == 8
    made = [path for path in (output / "local", output / "workers") if path.exists()]
    assert made
    for folder in made:
        assert {name: contents(folder)[name] for name in shards} == shards, folder
