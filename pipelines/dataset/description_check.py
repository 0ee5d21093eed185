"""Whether the description of a dataset is consistent, and which dataset it describes."""

import reprlib
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipelines.core.hashing import fingerprint
from pipelines.core.label_sets import SEPARATOR
from pipelines.core.spec import COMPRESSIONS

if TYPE_CHECKING:
    from pipelines.dataset.info import DatasetInfo
from pipelines.core.stored.descriptions import check_labels


def take_stated(splits: Any) -> dict[str, Any]:
    """Removes from each split the number of its examples, which follows from the other fields, and returns them."""
    if not isinstance(splits, dict):
        return {}
    return {name: split.pop("num_examples", None) for name, split in splits.items() if isinstance(split, dict)}


def check_dataset(info: "DatasetInfo", stated: Mapping[str, Any]) -> None:
    """Checks that a description is possible and doesn't contradict itself.

    Args:
        info: the description.
        stated: split name to the number of its examples, as `take_stated` gives it.

    Raises:
        ValueError: the description is impossible or contradicts itself; the message gives the values.
    """
    if info.compression not in COMPRESSIONS:
        raise ValueError(f"compression must be one of {', '.join(COMPRESSIONS)}, not {reprlib.repr(info.compression)}")
    check_labels(info.labels)
    if info.multi_label and (joined := [label for label in info.labels if SEPARATOR in label]):
        raise ValueError(f"label {reprlib.repr(joined[0])} has a {SEPARATOR}, which separates labels")
    names = Counter(shard.name for split in info.splits.values() for shard in split.shards)
    if twice := [name for name, count in names.items() if count > 1]:
        raise ValueError(f"shard {reprlib.repr(twice[0])} is listed twice")
    for name, split in info.splits.items():
        place = f"splits.{name}.num_examples"
        _must_agree(place, stated[name], "its shards", split.num_examples)
        by_class = split.num_examples_by_class
        if info.multi_label:
            _check_several(f"{place}_by_class", by_class, split.num_examples)
        else:
            _must_agree(place, stated[name], f"{place}_by_class", sum(by_class.values()))
        if strange := sorted(split.num_examples_by_class.keys() - set(info.labels)):
            raise ValueError(f"{place}_by_class.{strange[0]} is not one of the labels")
    _check_tars(info)
    counts = info.counts
    if missing := {"listed", "written", "failed", "filtered"} - counts.keys():
        raise ValueError(f"counts.{min(missing)} is missing")
    _must_agree("counts.written", counts["written"], "the splits", sum(s.num_examples for s in info.splits.values()))
    _must_agree("counts.failed", counts["failed"], "failures_by_reason", sum(info.failures_by_reason.values()))
    parts = counts["written"] + counts["failed"] + counts["filtered"]
    listed = counts["listed"] + counts.get("extra", 0)
    _must_agree("counts.listed", listed, "written + failed + filtered", parts)


def dataset_fingerprint(info: "DatasetInfo") -> str:
    """Equal for two datasets exactly when labels, clip settings and the bytes of all shards are equal."""
    shards = sorted((shard.name, shard.sha256) for split in info.splits.values() for shard in split.shards)
    return fingerprint({"labels": info.labels, "clip_spec": info.clip_spec.fingerprint(), "shards": shards})


def _check_tars(info: "DatasetInfo") -> None:
    """Where there are tar files, there is one for each shard."""
    if info.webdataset and set(info.webdataset) != set(info.splits):
        raise ValueError(f"webdataset names the splits {reprlib.repr(sorted(info.webdataset))}")
    for name, tars in info.webdataset.items():
        found, wanted = ([item.num_examples for item in items] for items in (tars, info.splits[name].shards))
        if found != wanted:
            raise ValueError(f"webdataset.{name} gives {reprlib.repr(found)} clips, but its shards {wanted}")


def _check_several(place: str, by_class: Mapping[str, int], num_examples: int) -> None:
    """A clip with several labels counts once for each of its classes, and has at least one."""
    most, total = max(by_class.values(), default=0), sum(by_class.values())
    if not most <= num_examples <= total:
        raise ValueError(f"{place} can't be those of {num_examples} clips: the largest is {most}, their sum {total}")


def _must_agree(what: str, count: Any, other: str, other_count: int) -> None:
    if count != other_count:
        raise ValueError(f"{what} is {reprlib.repr(count)}, but {other} give {other_count}")
