"""Windows is refused at once, in one line."""

import subprocess
import sys

import pytest

from tests import ROOT

pytestmark = [pytest.mark.process]


def import_on_windows(program: str) -> "subprocess.CompletedProcess[str]":
    code = f"import sys; sys.platform = 'win32'; sys.argv = [{program!r}]; import pipelines"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)


def test_a_tool_ends_with_one_line() -> None:
    for program in ("-m", r"C:\venv\Scripts\har.exe", r"C:\venv\Scripts\har-script.py"):
        done = import_on_windows(program)
        assert done.returncode == 2
        [line] = done.stderr.splitlines()
        assert line.startswith("error: ") and "WSL" in line


def test_a_program_that_imports_this_gets_an_error() -> None:
    done = import_on_windows("notebook.py")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("ImportError: har-pipelines runs on Linux and macOS")
