"""The locks hold what the metadata require."""

import re
from importlib.metadata import requires

import pytest
from packaging.requirements import Requirement

from tests import ROOT


def pins(lock: str) -> dict[str, str]:
    """Name to version."""
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ]+) ", (ROOT / lock).read_text(), re.M))


@pytest.mark.parametrize(
    ("lock", "extras"), [("requirements.lock", ("dev", "tfio")), ("requirements-newest.lock", ("dev",))]
)
def test_a_lock_has_what_the_metadata_ask_for(lock: str, extras: tuple[str, ...]) -> None:
    asked = [Requirement(text) for text in requires("har-pipelines") or ()]
    found = pins(lock)
    for item in asked:
        if item.marker is None or any(item.marker.evaluate({"extra": extra}) for extra in extras):
            assert item.specifier.contains(found[item.name.lower()]), item
    assert len(asked) > 30


def test_tensorflow_io_comes_with_the_tensorflow_that_it_was_built_for() -> None:
    """The one requirement that pip doesn't check."""
    default, newest = pins("requirements.lock"), pins("requirements-newest.lock")
    assert (default["tensorflow-io"], default["tensorflow"]) == ("0.37.1", "2.16.2")
    assert "tensorflow-io" not in newest
    assert any(
        requirement.startswith("tensorflow==2.16") and "tfio" in requirement
        for requirement in requires("har-pipelines") or ()
    )
