"""CONTRIBUTING.md and docs/reference/reliability.md name what exists; locks and continuous integration are as said."""

import ast
import itertools
import re
from importlib.metadata import metadata, requires
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
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


def pins(lock: str) -> dict[str, str]:
    """Name to version."""
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ]+) ", (ROOT / lock).read_text(), re.M))


@pytest.mark.parametrize(
    ("lock", "extras"), [("requirements.lock", ("dev", "oldest")), ("requirements-newest.lock", ("dev",))]
)
def test_a_lock_has_what_the_metadata_ask_for(lock: str, extras: tuple[str, ...]) -> None:
    asked = [Requirement(text) for text in requires("har-pipelines") or ()]
    found = pins(lock)
    for item in asked:
        if item.marker is None or any(item.marker.evaluate({"extra": extra}) for extra in extras):
            assert item.specifier.contains(found[item.name.lower()]), item
    assert len(asked) > 30


TESTS = ROOT / "tests"


def names_in(path: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def test_every_test_that_is_named_exists() -> None:
    """A test without a file belongs to the file named before it on its line."""
    found = 0
    for line in (ROOT / "docs" / "reference" / "reliability.md").read_text().splitlines():
        path = None
        for file, test in re.findall(r"`([\w/]+\.py)?(?:::)?(test_\w+)?`", line):
            path = TESTS / file if file else path
            if path is None or not (file or test):
                continue
            assert path.is_file(), f"{path} of: {line}"
            assert not test or test in names_in(path), f"{test} of {path} of: {line}"
            found += 1
    assert found > 40, "what is written about tests isn't understood"
