"""What needs neither Beam nor TensorFlow is said before they are imported, which takes seconds."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.newcomers import make_home

REFUSALS = {
    "pipelines.preprocess": [
        ["--input", "nowhere", "--output", "out"],
        ["--input", "clips", "--output", "out"],
        ["--input", "empty", "--output", "out"],
        ["--input", "no-header.csv", "--output", "out"],
        ["--input", "moved.csv", "--output", "out"],
        ["--input", "UCF50", "--output", "clips"],
        ["--input", "UCF50", "--output", "dataset"],
        ["--input", "UCF50", "--output", "notes.txt"],
        ["--input", "UCF50", "--output", "out", "--classes", "Jump"],
        ["--input", "UCF50", "--output", "out", "--split-file", "nowhere.txt"],
    ],
    "pipelines.label": [
        ["--model", "nowhere", "--input", "UCF50", "--output", "out"],
        ["--model", "run/model", "--input", "nowhere", "--output", "out"],
        ["--model", "run/model", "--input", "empty", "--output", "out"],
        ["--model", "run/model", "--input", "UCF50", "--output", "clips"],
        ["--model", "run/model", "--input", "UCF50", "--output", "out", "--window-s", "1", "--stride-s", "2"],
    ],
    "trainer.task": [
        ["--model", "lrcn", "--data", "nowhere"],
        ["--model", "lrcn", "--data", "UCF50"],
        ["--model", "lrcn", "--data", "one-class-dataset"],
        ["--model", "lrcn", "--data", "one-group-dataset"],
        ["--model", "lrcn", "--data", "dataset", "--output", "clips"],
    ],
    "trainer.import_model": [
        ["--keras", "lrcn.keras", "--labels", "notes.txt", "--num-frames", "2", "--size", "16", "--scale", "0-1",
         "--output", "clips"],
    ],
}  # fmt: skip
CODE = """
import contextlib, importlib, io, json, sys
from pipelines.cli import tool
run = importlib.import_module(sys.argv[1]).run
for arguments in json.loads(sys.argv[2]):
    with contextlib.redirect_stderr(io.StringIO()) as error:
        code = tool.run_tool(run, arguments)
    heavy = [name for name in ("apache_beam", "tensorflow", "keras") if name in sys.modules]
    print(json.dumps([arguments, code, error.getvalue().count("\\n"), heavy]))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("home"))


@pytest.mark.parametrize("module", REFUSALS)
@pytest.mark.process
def test_refused_without_beam_and_tensorflow(module: str, home: Path) -> None:
    command = [sys.executable, "-c", CODE, module, json.dumps(REFUSALS[module])]
    done = subprocess.run(command, capture_output=True, text=True, cwd=home, check=True)
    for line in done.stdout.splitlines():
        arguments, code, lines, heavy = json.loads(line)
        assert code in (2, 4) and lines == 1 and not heavy, (arguments, code, lines, heavy)
    assert done.stdout.count("\n") == len(REFUSALS[module])
