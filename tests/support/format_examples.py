"""The examples of formats in `docs/`, compared with files that were really written."""

import json
import re
from typing import Any

from tests import ROOT

NAMES = {
    "splits", "num_examples_by_class", "failures_by_reason", "segments_by_label", "seconds_by_label", "versions",
    "missing_classes", "quantiles", "groups", "num_clips", "measures",
}  # fmt: skip
"""Objects whose keys are names of something, so that others may have other keys."""
_EXAMPLE = re.compile(r"^<!-- example of: (\S+) -->\n```json\n(.*?)^```$", re.M | re.S)


def examples() -> dict[str, list[Any]]:
    """The values in the examples, by the name of the file that they are of: one for each line of a `.jsonl`."""
    found: dict[str, list[Any]] = {}
    for page in sorted((ROOT / "docs").rglob("*.md")):
        for name, text in _EXAMPLE.findall(page.read_text()):
            lines = text.splitlines() if name.endswith(".jsonl") else [text]
            found[name] = [json.loads(line) for line in lines]
    return found


def check_like_the_example(name: str, text: str) -> None:
    """Checks that a file has the keys that its example has, with values of the same types, and no others."""
    values = [json.loads(line) for line in (text.splitlines() if name.endswith(".jsonl") else [text])]
    ours, theirs = (shape(found) for found in (examples()[name], values))
    # An example may have an item where the file has an empty list or object, and the other way round.
    empty = [place for place in {*ours} ^ {*theirs} if place.endswith(("[]", ".*"))]
    for place in {*ours} ^ {*theirs}:
        assert any(place.startswith(start) for start in empty), f"{name}: {place} is only in one of example and file"
    for place in {*ours} & {*theirs}:
        assert ours[place] & theirs[place] or None in ours[place] | theirs[place], (name, place, ours, theirs)


def shape(value: Any, place: str = "") -> dict[str, set[Any]]:
    """The types at each place of a JSON value; items of a list are at one place, and so are the values of `NAMES`."""
    kind = float if type(value) is int else type(value)
    found: dict[str, set[Any]] = {place: {None if value is None else kind}}
    items: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        named = place.rpartition(".")[2] in NAMES
        items = [(f"{place}.{'*' if named else key}", item) for key, item in value.items()]
    elif isinstance(value, list):
        items = [(f"{place}[]", item) for item in value]
    for inner, item in items:
        for where, kinds in shape(item, inner).items():
            found.setdefault(where, set()).update(kinds)
    return found
