"""The table of attacks and faults names tests that exist."""

import ast
import re
from pathlib import Path

from tests import ROOT

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
