"""A folder with what newcomers have, and the table of docs/errors.md: what they run, and what they are told."""

import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pipelines.cli.commands import COMMANDS
from pipelines.core.model_info import ModelInfo
from pipelines.core.spec import ClipSpec
from tests import ROOT
from tests.conftest import make_tree, preprocess, run_here
from tests.support.listings import touch

HOME = "/home/me"
"""What the page calls the folder in which the commands are run."""
_PAGE = "errors.md"
_ROW = re.compile(r"^\| `(?P<command>[^`]+)` \| (?P<code>\d+) \| `(?P<message>[^`]+)` \| (?P<remedy>\S.*\S) \|$", re.M)


@dataclass(frozen=True)
class Mistake:
    """A row of the table: a command, its exit code, and its only line."""

    command: str
    code: int
    message: str


def mistakes() -> list[Mistake]:
    """The rows of the page, which is somewhere below docs/. A bar in a cell is written with a backslash before it."""
    [page] = (ROOT / "docs").rglob(_PAGE)
    text = page.read_text().replace("\\|", "\0")
    found = [(row["command"], int(row["code"]), row["message"]) for row in _ROW.finditer(text)]
    return [Mistake(command.replace("\0", "|"), code, message.replace("\0", "|")) for command, code, message in found]


def make_home(home: Path) -> Path:
    """Fills a folder with good and bad inputs of all kinds, without training anything."""
    make_tree(home / "UCF50", ("Run", "Wave"), groups=3, clips=1)
    make_tree(home / "one-class", ("Run",), groups=3, clips=1)
    (home / "clips").mkdir()
    for number in (1, 2):
        shutil.copy(home / f"UCF50/Run/v_Run_g0{number}_c01.avi", home / f"clips/{number}.avi")
    touch(home, "UCF50.rar", "UCF50.zip", "jump.avi", "notes.txt", "lrcn.keras", "videos.xlsx")
    touch(home, "run/metrics.json", "run/model/saved_model/saved_model.pb")
    (home / "run/model/model_info.json").write_text(ModelInfo("lrcn", "default", ClipSpec(), ("Run", "Wave")).to_json())
    (home / "empty").mkdir()
    video = "UCF50/Run/v_Run_g01_c01.avi"
    for name, text in {
        "no-header.csv": f"{video},Run,g01\n",
        "other-names.csv": f"filename,class\n{video},Run\n",
        "spaces.csv": f"path label\n{video} Run\n",
        "too-many.csv": f"path,label\n{video},Run, fast\n",
        "moved.csv": "path,label\nold/1.avi,Run\nold/2.avi,Wave\n",
        "two-labels.csv": f"path,label\n{video},Run\n{video},Wave\n",
        "typo.yaml": "num_frame: 20\n",
    }.items():
        (home / name).write_text(text)
    (home / "excel.csv").write_bytes(f"path,label\n{video},Fußball\n".encode("cp1252"))
    for name, source in (("dataset", "UCF50"), ("one-class-dataset", "one-class")):
        made = preprocess("--input", home / source, "--output", home / name, "--num-frames", 4, "--size", 32)
        assert made.returncode == 0, made.stderr
    make_tree(home / "one-group", ("Run", "Wave"), groups=1, clips=2)
    made = preprocess("--input", home / "one-group", "--output", home / "one-group-dataset", "--size", 32)
    assert made.returncode == 0, made.stderr
    return home


def tell(command: str, home: Path) -> "subprocess.CompletedProcess[str]":
    """Runs a command of the page in that folder, which is the current one; `har` in this process.

    In what it prints, that folder's path is left out, as on the page.
    """
    words = shlex.split(command)
    if words[0] == "har":
        known = words[1] in COMMANDS
        module, arguments = (COMMANDS[words[1]][0], words[2:]) if known else ("pipelines.har", words[1:])
        done = run_here(module, *arguments)
    else:
        environment = {"PATH": os.environ["PATH"]}
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT, env=environment)
    return subprocess.CompletedProcess(
        words, done.returncode, done.stdout, done.stderr.replace(f"{home}/", "").replace(str(home), HOME)
    )
