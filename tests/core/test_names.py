"""Names from files and stores: which ones stay below the folder that they are joined to."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.names import why_not_below, why_not_plain

PARTS = st.text("ab./\\\0:C~ ", max_size=8)


@pytest.mark.parametrize("name", ["a", "a.b", "...", "..a", "a..", ".hidden", "ab:c", "~", "-", " ", "a b", "ü", "C"])
def test_plain_names(name: str) -> None:
    assert why_not_plain(name) == why_not_below(name) == why_not_below(f"folder/{name}") == ""


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "is ''"), (".", "is '.'"), ("..", "is '..'"), ("/", "contains a slash"), ("a/b", "contains a slash"),
        ("/etc/passwd", "contains a slash"), ("..\\a", "contains a backslash"),
        ("a\0.tfrecord", "contains a control character"),
        ("a\nb", "contains a control character"), ("\x1b[31m", "contains a control character"),
        ("\ud800", "contains characters that can't be in a file name"),
        ("C:", "begins with a drive letter"), ("c:a", "begins with a drive letter"),
    ],
)  # fmt: skip
def test_names_that_are_none(name: str, reason: str) -> None:
    assert why_not_plain(name) == reason


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/etc/passwd", "begins with a slash"), ("a/../../b", "has a part that is '..'"), ("..", "is '..'"),
        ("a//b", "has a part that is ''"), ("a/", "has a part that is ''"), ("./a", "has a part that is '.'"),
        ("a/..\\..\\b", "contains a backslash"), ("", "is ''"),
        ("D:a/b", "begins with a drive letter"), ("a/b\0", "contains a null byte"),
    ],
)  # fmt: skip
def test_paths_that_lead_elsewhere(path: str, reason: str) -> None:
    assert why_not_below(path) == reason


@given(PARTS)
def test_what_passes_stays_below(path: str) -> None:
    if not why_not_below(path):
        joined = os.path.normpath(os.path.join("/folder", path))
        assert joined == f"/folder/{path}"
