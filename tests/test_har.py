"""`har`: all tools under one name."""

import os
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

from pipelines import har
from pipelines.cli import commands
from tests import ROOT
from tests.conftest import run_here

HEAVY = ("numpy", "apache_beam", "tensorflow", "keras", "av", "cv2", "rich", "shtab")


def run_har(*arguments: str, code: str = "") -> "subprocess.CompletedProcess[str]":
    """Runs it as its script does, then some code in the same process."""
    start = f"import sys; from pipelines.har import main; sys.argv = ['har', *{list(arguments)}]\n"
    command = f"{start}try: sys.exit(main())\nfinally: {code or 'pass'}"
    environment = {"COLUMNS": "10000", "PATH": "/usr/bin:/bin"}
    return subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, cwd=ROOT, env=environment)


@pytest.mark.process
def test_pip_makes_a_script_of_it() -> None:
    [script] = entry_points(group="console_scripts", name="har")
    assert script.load() is har.main


@pytest.mark.process
def test_help_lists_the_commands_and_starts_fast() -> None:
    done = run_har("--help", code=f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)")
    assert (done.returncode, done.stderr) == (0, "[]\n")
    for name, (_, purpose) in commands.COMMANDS.items():
        assert f"  {name} " in done.stdout and purpose in done.stdout


@pytest.mark.parametrize("name", ["train", "preprocess"])
@pytest.mark.process
def test_the_help_of_a_command_is_that_of_its_module(name: str) -> None:
    module = commands.COMMANDS[name][0]
    command = [sys.executable, "-m", module, "--help"]
    direct = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={"COLUMNS": "10000"}, check=True)
    done = run_har(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"usage: har {name} [-h]" in done.stdout
    assert done.stdout == direct.stdout.replace(f"python -m {module}", f"har {name}")


@pytest.mark.process
def test_exit_code_and_remedy_of_a_command() -> None:
    done = run_har("train", "--model", "lrcn", "--data", "/nowhere")
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith("error: ") and "make a dataset there: har preprocess --input VIDEOS" in line


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("trian", "'trian'; did you mean train? See har --help"),
        ("sample_data", "'sample_data'; did you mean sample-data? See har --help"),
        ("xyzzy", "'xyzzy'. See har --help"),
    ],
)
def test_an_unknown_command(word: str, words: str) -> None:
    done = run_here("pipelines.har", word)
    assert (done.returncode, done.stderr) == (2, f"error: har has no command {words}\n")


def test_without_a_command_it_explains_itself() -> None:
    done = run_here("pipelines.har")
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.startswith("usage: har ")


def complete(script: str, *words: str) -> list[str]:
    """What bash offers for the last word."""
    ask = (
        f"COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; _shtab_har; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    done = subprocess.run(["bash", "-c", f"{script}\n{ask}"], capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.process
def test_completion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "_names", {})
    script = run_here("pipelines.har", "--print-completion", "bash").stdout
    assert complete(script, "har", "pre") == ["preprocess"]
    assert complete(script, "har", "train", "--epo") == ["--epochs"]
    assert complete(script, "har", "train", "--model", "l") == ["lrcn"]
    assert complete(script, "har", "verify", "/et") == ["/etc"]
    for name in commands.COMMANDS:
        assert "--version" in complete(script, "har", name, "--ver")
    assert run_here("pipelines.har", "--print-completion", "zsh").stdout.startswith("#compdef har\n")


@pytest.mark.process
def test_a_reader_that_wants_no_more_is_no_error() -> None:
    """`har ... | true` ends quietly, with the exit code that a shell gives to other programs then."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "pipelines.har", "--print-completion", "bash"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")
