"""CONTRIBUTING.md names files that exist, and the continuous integration runs what it says."""

import itertools
import re
from importlib.metadata import metadata

import yaml
from packaging.specifiers import SpecifierSet

from tests import ROOT

PATH = re.compile(r"(?:pipelines|trainer|tests|docs|configs|scripts|benchmarks)/[\w./*{},-]*")


def expanded(path: str) -> list[str]:
    """A path for each name in braces."""
    parts = [part.split(",") for part in re.split(r"[{}]", path)]
    return ["".join(choice) for choice in itertools.product(*parts)] if "{" in path else [path]


def named_paths() -> list[str]:
    """All paths between backticks."""
    found = re.findall(r"`([^`\n]+)`", (ROOT / "CONTRIBUTING.md").read_text())
    return [path for item in found if PATH.fullmatch(item) for path in expanded(item)]


def test_the_files_that_it_names_are_there() -> None:
    named = [path for path in named_paths() if "xyz" not in path]
    assert not [path for path in named if not list(ROOT.glob(path.rstrip("/")))]
    assert len(named) > 40


def test_the_folders_that_are_there_are_named() -> None:
    for package in ("pipelines", "trainer"):
        folders = [path.parent.name for path in (ROOT / package).glob("*/__init__.py")]
        assert {f"{package}/{name}/" for name in folders} <= set(named_paths())


def test_every_python_that_the_metadata_allows_is_tested() -> None:
    job = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]["test"]
    allowed = SpecifierSet(metadata("har-pipelines")["Requires-Python"])
    assert job["strategy"]["matrix"]["python"] == [f"3.{n}" for n in range(30) if f"3.{n}" in allowed]
    assert {"run": "scripts/test", "env": {"PYTHON": "python"}} in job["steps"]


def test_hooks_are_those_of_the_test_command() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    script = (ROOT / "scripts/test").read_text()
    for hook in hooks:
        assert hook["entry"].removesuffix(" --force-exclude") in script
