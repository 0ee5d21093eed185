"""The doctor as a user runs it: page, JSON, exit codes, and what it leaves behind."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT
from tests.conftest import run_here, run_tool, write_video

pytestmark = [pytest.mark.process]


def without_environment(findings: list[dict[str, str]]) -> list[dict[str, str]]:
    """The findings that depend on what a test gave, not on the machine that runs it."""
    return [finding for finding in findings if finding["section"] in ("paths", "input", "estimate")]


def test_a_good_input_as_json(tmp_path: Path) -> None:
    for number in range(1, 5):
        write_video(tmp_path / "videos" / ("Run", "Walk")[number % 2] / f"v_g0{number}_c01.avi", 20 + number)
    (tmp_path / "out").mkdir()
    arguments = ("--input", tmp_path / "videos", "--path", tmp_path / "out")
    done = run_tool("pipelines.doctor", "--json", *arguments, cwd=ROOT)
    value = json.loads(done.stdout)
    assert {finding["section"] for finding in value["findings"]} == {
        *("versions", "machine", "decoding", "GPUs", "credentials", "paths", "input", "estimate")
    }
    problems = [finding for finding in value["findings"] if finding["problem"]]
    assert done.returncode == bool(problems) and value["ok"] == (not problems)
    assert not without_environment(problems) and not done.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_problems_are_told_with_their_remedies(tmp_path: Path) -> None:
    write_video(tmp_path / "videos" / "Run" / "a.avi", 30)
    (tmp_path / "videos" / "Run" / "b\x1b[31m.avi").write_bytes(b"nothing")
    done = run_here("pipelines.doctor", "--input", tmp_path / "videos", "--path", "/sys/kernel", "--num-frames", "5")
    assert done.returncode == 1 and "\x1b[31m" not in done.stdout
    lines = done.stdout.splitlines()
    unusable = next(number for number, line in enumerate(lines) if line.startswith("  unusable"))
    assert "b\\u001b[31m" in lines[unusable + 1] and lines[unusable + 1].startswith("    problem         no clip")
    assert lines[unusable + 2].startswith("    remedy          Replace or remove")
    assert "  /sys/kernel       not usable" in lines and "5 frames of 64x64" in done.stdout
    assert lines[-1].endswith("problems found.")


def test_a_full_disk(tmp_path: Path) -> None:
    done = run_tool("pipelines.doctor", "--json", "--path", tmp_path, max_file_bytes=0)
    assert done.returncode == 1, done.stderr
    found = {finding["name"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert found[str(tmp_path)]["problem"] == "File too large" and found[str(tmp_path)]["remedy"]
    assert "No usable temporary directory" in found["temporary folder"]["problem"]
    assert "TMPDIR" in found["runner"]["remedy"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--input", "no/such/folder"], "no such folder or manifest"),
        (["--input", "README.md"], "README.md"),
        (["--size", "64"], "give --input, too"),
        (["--input", "tests", "--size", "big"], "size must be a number or HEIGHTxWIDTH, not 'big'"),
        (["--path", ""], "--path is empty"),
        (["--path", "s3://me:secret@bucket/a"], "an address must not contain a user, key or token"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    done = run_here("pipelines.doctor", *arguments)
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.startswith("error: ") and message in done.stderr and done.stderr.count("\n") == 1


def test_without_any_package_it_says_what_is_missing(tmp_path: Path) -> None:
    """Run with the wrong Python, as by newcomers who forget to activate the environment."""
    command = [sys.executable, "-S", "-m", "pipelines.doctor", "--input", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1 and not done.stderr
    assert "scripts/setup" in done.stdout
    assert "No module named 'apache_beam'" in done.stdout and done.stdout.endswith("problems found.\n")
