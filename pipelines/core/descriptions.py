"""What the descriptions of a dataset and of a model have in common: reading them, and what must agree in them."""

import reprlib
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipelines.core.errors import UserError
from pipelines.core.labels import LabelMap
from pipelines.core.sealed import load_json
from pipelines.core.spec import COMPRESSIONS, ClipSpec
from pipelines.core.typed_json import build

if TYPE_CHECKING:
    from pipelines.dataset.info import DatasetInfo


def read_versioned(text: str, name: str, version: int) -> dict[str, Any]:
    """The JSON object of a description that has to be of a certain schema version.

    Raises:
        UserError: it is of another version.
        ValueError: it is something else.
    """
    value = load_json(text)
    if not isinstance(value, dict) or "schema_version" not in value:
        raise ValueError("it must be an object with a schema_version")
    if (found := value["schema_version"]) != version:
        raise UserError(f"{name}: schema version {reprlib.repr(found)}, this software reads version {version}")
    return value


def check_clip_spec(value: Any, problem: str, remedy: str) -> dict[str, Any]:
    """The clip spec of a description without its fingerprint, which says whether this software makes the same pixels.

    Raises:
        UserError: it makes others; the message begins with `problem` and ends with `remedy`.
        ValueError: it is something else.
    """
    if not isinstance(value, dict) or "fingerprint" not in value:
        raise ValueError("clip_spec must be an object with a fingerprint")
    recorded = value.pop("fingerprint")
    spec = build(ClipSpec, value)
    if spec.fingerprint() != recorded:
        found = f"clip fingerprint {reprlib.repr(recorded)}, here {spec.fingerprint()}"
        raise UserError(f"{problem} ({found}); {remedy}")
    return value


def check_labels(labels: tuple[str, ...]) -> None:
    """Checks that labels are such as a `LabelMap` holds.

    Raises:
        ValueError: they aren't; the message shows them.
    """
    if not labels or labels != LabelMap(labels).names:
        raise ValueError(f"labels must be sorted names, each once, not {reprlib.repr(list(labels))}")


def take_stated(splits: Any) -> dict[str, Any]:
    """Takes out of each split the number of its examples, which follows from the other fields."""
    if not isinstance(splits, dict):
        return {}
    return {name: split.pop("num_examples", None) for name, split in splits.items() if isinstance(split, dict)}


def check_dataset(info: "DatasetInfo", stated: Mapping[str, Any]) -> None:
    """Checks that a description says nothing impossible and doesn't contradict itself.

    Args:
        info: the description.
        stated: split name to the number of its examples, as `take_stated` gives it.

    Raises:
        ValueError: it does; the message gives both values.
    """
    if info.compression not in COMPRESSIONS:
        raise ValueError(f"compression must be one of {', '.join(COMPRESSIONS)}, not {reprlib.repr(info.compression)}")
    check_labels(info.labels)
    names = Counter(shard.name for split in info.splits.values() for shard in split.shards)
    if twice := [name for name, count in names.items() if count > 1]:
        raise ValueError(f"shard {reprlib.repr(twice[0])} is listed twice")
    for name, split in info.splits.items():
        place = f"splits.{name}.num_examples"
        _must_agree(place, stated[name], "its shards", split.num_examples)
        _must_agree(place, stated[name], f"{place}_by_class", sum(split.num_examples_by_class.values()))
        if strange := sorted(split.num_examples_by_class.keys() - set(info.labels)):
            raise ValueError(f"{place}_by_class.{strange[0]} is of no label")
    counts = info.counts
    if missing := {"listed", "written", "failed", "filtered"} - counts.keys():
        raise ValueError(f"counts.{min(missing)} is missing")
    _must_agree("counts.written", counts["written"], "the splits", sum(s.num_examples for s in info.splits.values()))
    _must_agree("counts.failed", counts["failed"], "failures_by_reason", sum(info.failures_by_reason.values()))
    parts = counts["written"] + counts["failed"] + counts["filtered"]
    _must_agree("counts.listed", counts["listed"], "written + failed + filtered", parts)


def _must_agree(what: str, count: Any, other: str, other_count: int) -> None:
    if count != other_count:
        raise ValueError(f"{what} is {reprlib.repr(count)}, but {other} give {other_count}")
