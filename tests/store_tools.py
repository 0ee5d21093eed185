"""What the tests of stores have in common."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import pipelines.preprocess
from pipelines import label
from tests.label_model import level_of, write_grey

SIZE = ("--num-frames", 4, "--size", 32, "--shards", 8)
PATIENCE_S = 25.0
"""Until an error is shown, on a busy machine. The libraries by themselves take from half a minute to minutes."""


def write_greys(root: Path) -> Path:
    """Videos to be labelled: short ones, a long one, one that is none."""
    for name, levels in {
        "a/jump.mp4": [level_of("Jump")] * 20,
        "a/run [1].mp4": [level_of("Run")] * 20,
        "b/long.mp4": [level_of("Jump")] * 100 + [level_of("Wave")] * 100,
    }.items():
        write_grey(root / name, levels, options={"g": "25"})
    (root / "broken.mp4").write_bytes(b"not a video at all")
    return root


def run_label(model: object, source: object, output: object, *more: object) -> None:
    arguments = ["--model", model, "--input", source, "--output", output, "--max-failure-rate", 1, *more]
    assert label.run([str(argument) for argument in arguments]) == 0


def run_preprocess(source: str, output: str) -> None:
    arguments = ["--input", source, "--output", output, *SIZE]
    assert pipelines.preprocess.run([str(argument) for argument in arguments]) == 0


def with_place(files: dict[str, bytes], here: object, there: str) -> dict[str, bytes]:
    """The same files of a dataset with another place of the input, which some of them tell."""
    return {name: data.replace(str(here).encode(), there.encode()) for name, data in files.items()}


@pytest.fixture
def the_error(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, float]]:
    """Runs a tool in this process: its exit code, its only line that is no news, and the seconds that it took."""

    def run(main: Callable[[], int], *words: object) -> tuple[int, str, float]:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["tool", *map(str, words)])
        start = time.monotonic()
        code = main()
        seconds = time.monotonic() - start
        shown = [line for line in capfd.readouterr().err.splitlines() if " decoder process(es)" not in line]
        (line,) = shown
        return code, line, seconds

    return run
