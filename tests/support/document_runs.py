"""Runs the code blocks of a Markdown file in a folder that looks like a fresh clone."""

import builtins
import contextlib
import io
import logging
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

from pipelines.core.spec import ClipSpec
from tests import ROOT
from tests.conftest import make_tree, run_here, write_video
from tests.support.corrected_videos import make_labels
from tests.support.documents import Block, tool_calls
from tests.support.evaluation import write_labels

CLASSES = ("HorseRace", "Swing", "TaiChi", "WalkingWithDog")
CLIP = ("--num-frames", "4", "--size", "32")
TRAINING = ("--epochs", "1", "--variant", "reference", "--no-baseline", "--batch-size", "4")
ADDED = {
    "pipelines.preprocess": CLIP,
    "trainer.task": TRAINING,
    "trainer.crossval": (*TRAINING, "--folds", "2", "--seeds", "0"),
    "pipelines.sample_data": ("--groups", "3", "--clips-per-group", "1", "--workers", "1"),
}
"""Flags that a command gets in addition, so that it takes seconds: they override the same flags of the document."""
FEW = ("--groups", "1", "--clips-per-group", "1", "--workers", "1")
"""Those of sample data that the document doesn't train on."""
LONG = ("--videos", "4", "--groups", "4", "--workers", "1")
"""Those of sample data with `--long`, which has other flags."""
CHANGED = {
    r"\bsize=64\b": "size=32",
    r"\bnum_frames=20, size\b": "num_frames=4, size",
    r"\bepochs=\d+": "epochs=1, variant='reference', baseline=False, batch_size=4",
    r"(\btrain\((?:model=)?[\"']appearance[\"'][^)]*), variant='reference'": r"\1",  # it has no variants
}
"""What is changed in Python, for the same reason."""
HELD = {
    r"--model appearance .*--features ": "tests/trainer/test_features.py::test_folds_and_their_models",
    r"--init .*--layer-decay ": "tests/trainer/test_task.py::"
    "test_it_goes_on_from_a_model_with_other_classes_and_tests_by_video",
}
"""Trainings that a test runs with the same flags, to the exported model, and whose output the document doesn't use: of
these the settings are checked, and that what they name is there."""
CODES = {"pipelines.doctor": (0, 1), "pipelines.drift": (0, 1)}
"""Exit codes other than 0 alone: the doctor may find a problem of the machine that runs the tests, and the small
versions of what a reader has differ from each other."""
_SHELL = re.compile(r"[|&;<>$`*~]|^\w+=|^(cd|source|\.) ")


def _videos(folder: Path) -> None:
    make_tree(folder, CLASSES, groups=5, clips=1)


def _collection(folder: Path) -> None:
    for name in ("a.avi", "b.avi", "gym/clip_07.mp4"):
        write_video(folder / name, 20)


def _video(path: Path) -> None:
    write_video(path, 30)


def _label_run(folder: Path) -> None:
    from tests.support.label_files import labelled, write_labels

    videos = folder.with_name(f"{folder.name}-videos")
    paths = [write_video(videos / f"{number}.avi", 30) for number in range(3)]
    write_labels(folder, [labelled(path.name, path, CLASSES[0], 1.2) for path in paths])


def _dataset(folder: Path) -> None:
    videos = folder.with_name(f"{folder.name}-videos")
    _videos(videos)
    _succeed("pipelines.preprocess", "--input", str(videos), "--output", str(folder), *CLIP)
    shutil.rmtree(videos)


def _model(folder: Path) -> None:
    from tests.support.label_model import make_model  # loads TensorFlow, which most tests here don't need

    make_model(folder, CLASSES, ClipSpec(num_frames=20, height=64, width=64), embedding=True)


def _labels_with_truth(folder: Path) -> None:
    rows = {"a": [("Run", 0.0, 4.0, 0.9), ("Jump", 6.0, 10.0, 0.8)], "b": [("Jump", 0.0, 10.0, 0.7)]}
    write_labels(folder, {f"gym/{name}.mp4": found for name, found in rows.items()})


def _run(folder: Path) -> None:
    dataset = folder.with_name(f"{folder.name}-dataset")
    _dataset(dataset)
    _succeed("trainer.task", "--model", "lrcn", "--data", str(dataset), "--output", str(folder), *TRAINING)


def _labels(folder: Path) -> None:
    make_labels(folder.parent)


def _once(make: Callable[[Path], None]) -> Callable[[Path], None]:
    """Makes a folder, and whatever `make` puts beside it, for the first page that has it given; others get copies."""

    @cache
    def made(name: str) -> "tempfile.TemporaryDirectory[str]":
        place = tempfile.TemporaryDirectory()  # until this process ends
        make(Path(place.name) / name)
        return place

    def copy(folder: Path) -> None:
        shutil.copytree(made(folder.name).name, folder.parent, dirs_exist_ok=True)

    return copy


GIVEN: dict[str, Callable[[Path], None]] = {
    "data/UCF50": _videos,
    "videos": _videos,
    "collection": _collection,
    "new": _collection,
    "jump.avi": _video,
    "labels-march": _label_run,
    "labels-april": _label_run,
    "data/UCF50_dataset": _once(_dataset),
    "data/ucf50": _once(_dataset),
    "labels": _labels,
    "new-labels": _labels_with_truth,
    "runs/lrcn": _run,
    "runs/lrcn/model": _once(_model),
}
"""What a document may say that its reader has, and what makes a small version of it."""


def _succeed(module: str, *arguments: str) -> str:
    """Runs a tool in this process, and returns what it printed."""
    done = run_here(module, *arguments)
    wanted = CODES.get(module, (0,))
    assert done.returncode in wanted, f"{module} {shlex.join(arguments)} ended with {done.returncode}:\n{done.stderr}"
    return done.stdout


def prepare(folder: Path, given: Sequence[str]) -> None:
    """Fills a folder with links to the repository's files, and with what the reader has."""
    for path in ROOT.iterdir():
        if not path.name.startswith(".") and path.name not in ("data", "runs"):
            (folder / path.name).symlink_to(path)
    (folder / ".venv").symlink_to(sys.prefix)
    for name in given:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        GIVEN[name](folder / name)


def run_blocks(blocks: Sequence[Block], folder: Path) -> list[str]:
    """Runs the blocks of a document in order, in its folder, which is the current one meanwhile.

    Returns:
        What each block printed; empty for blocks that don't run.

    Raises:
        AssertionError: a command has failed.
        Exception: what a Python block raises.
    """
    names: dict[str, object] = {"__name__": "__main__", "__builtins__": builtins}
    folds: dict[tuple[str, ...], str] = {}
    printed = []
    with contextlib.chdir(folder):
        for block in blocks:
            printed.append("")
            if block.file:
                _write(Path(block.file), block)
            elif block.not_run:
                continue
            elif block.language == "python":
                printed[-1] = _run_python(block, names)
            elif block.language == "bash":
                printed[-1] = "".join(_run_line(line, block.place, folds) for line in block.commands)
    return printed


def _write(path: Path, block: Block) -> None:
    """Writes a file; the videos that a manifest lists are made, unless they are there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.text)
    if block.text.startswith("path,"):
        for line in block.text.splitlines()[1:]:
            video = path.parent / line.partition(",")[0]
            if not video.exists():
                write_video(video, 30)


def _run_python(block: Block, names: dict[str, object]) -> str:
    text = block.text
    for pattern, replacement in CHANGED.items():
        text = re.sub(pattern, replacement, text)
    with _captured() as out, _same_logging():
        exec(compile(text, block.place, "exec"), names)
        return out.getvalue()


def _is_held(arguments: Sequence[str]) -> bool:
    """Whether a test runs such a training; its settings are right then."""
    if not any(re.search(pattern, f"{shlex.join(arguments)} ") for pattern in HELD):
        return False
    from trainer import flags, task

    config = flags.make_config(flags.parse(task.make_parser(), arguments))
    for path in filter(None, (config.data, config.init, config.features)):
        assert Path(path).is_dir(), path
    return True


_SAMPLES: dict[tuple[str, ...], "tempfile.TemporaryDirectory[str]"] = {}
"""Sample videos by the command that made them, for the next page with the same one."""


def _make_samples(arguments: Sequence[str]) -> str:
    """Runs the tool, which finds all videos there if another page's same command has made them."""
    output = Path(arguments[arguments.index("--output") + 1])
    if before := _SAMPLES.get((*arguments,)):
        shutil.copytree(before.name, output)
    said = _succeed("pipelines.sample_data", *arguments)
    if not before:
        _SAMPLES[(*arguments,)] = tempfile.TemporaryDirectory()  # until this process ends
        shutil.copytree(output, _SAMPLES[(*arguments,)].name, dirs_exist_ok=True)
    return said


def _spare_training(arguments: Sequence[str], folds: dict[tuple[str, ...], str]) -> None:
    """Copies the folds of an earlier cross-validation of the page that had the same settings. The tool keeps them, if
    they were also trained on the same clips, as they are in these small versions of datasets."""
    output = arguments[arguments.index("--output") + 1]
    places = {"--data", "--output"}
    settings = tuple(word for flag, word in pairwise(["", *arguments]) if not places & {flag, word})
    before = folds.setdefault(settings, output)
    if before != output:
        shutil.copytree(before, output)


def _run_line(line: str, place: str, folds: dict[tuple[str, ...], str]) -> str:
    if _SHELL.search(line.partition(" #")[0]):
        path = f"{sys.prefix}/bin:{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", line], capture_output=True, text=True, env=environment, check=False
        )
        assert done.returncode == 0, f"{place}: {line}\n{done.stderr}"
        return done.stdout
    if calls := tool_calls(line):
        [(module, arguments)] = calls
        if module == "trainer.crossval":
            _spare_training(arguments, folds)
        if module == "trainer.task" and _is_held(arguments):
            return ""
        if module == "pipelines.sample_data":
            return _make_samples([*arguments, *_added(module, arguments)])
        return _succeed(module, *arguments, *_added(module, arguments))
    words = shlex.split(line, comments=True)
    if words[0] == "python" and words[1].endswith(".py"):
        with _captured() as out, _arguments(words[1:]):
            runpy.run_path(words[1], run_name="__main__")
            return out.getvalue()
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{place}: {line}\n{done.stderr}"
    return done.stdout


def _added(module: str, arguments: Sequence[str]) -> Sequence[str]:
    if "--long" in arguments:
        return LONG
    if module == "pipelines.sample_data" and {"--tells", "--seed"} & {*arguments}:
        return FEW
    added = list(ADDED.get(module, ()))
    alone = re.search(r"--model[= ]appearance( |$)", " ".join(arguments))
    if alone and "--variant" in added:  # the network that has no variants
        at = added.index("--variant")
        del added[at : at + 2]
    return added


@contextlib.contextmanager
def _captured() -> Iterator[io.StringIO]:
    with io.StringIO() as out, contextlib.redirect_stdout(out):
        yield out


@contextlib.contextmanager
def _same_logging() -> Iterator[None]:
    """Undoes what a page does to the loggers, which would write to the end of the tests into what is then closed."""
    loggers = [logging.getLogger(name) for name in (None, "pipelines")]
    before = [(logger.level, [*logger.handlers]) for logger in loggers]
    try:
        yield
    finally:
        for logger, (level, handlers) in zip(loggers, before, strict=True):
            logger.setLevel(level)
            logger.handlers[:] = handlers


@contextlib.contextmanager
def _arguments(words: Sequence[str]) -> Iterator[None]:
    before = sys.argv
    sys.argv = [*words]
    try:
        yield
    finally:
        sys.argv = before
