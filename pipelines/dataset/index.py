"""The index of a split: id, group and label of each record, to know them without reading pixels."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from sys import intern

from pipelines import files
from pipelines.core.label_sets import split_labels
from pipelines.core.stored.sealed import load_json
from pipelines.dataset.info import SplitInfo, WrittenVideo

_INDEX_NAME = re.compile(r"index-\w+\.jsonl")


@dataclass(frozen=True, slots=True)
class SplitIndex:
    """Ids, groups and label names of a split's records, shard by shard, in the order of the records.

    A record with several labels has their joined names, as `label_sets.join_labels` gives them.
    """

    video_ids: tuple[str, ...]
    groups: tuple[str, ...]
    labels: tuple[str, ...]

    def difference(self, records: Iterable[tuple[str, str, str]]) -> str:
        """The first line that differs from its record (id, group, label), in words; empty if none does."""
        lines = zip(self.video_ids, self.groups, self.labels, strict=True)
        for number, (line, record) in enumerate(zip_longest(lines, records), 1):
            if line != record:
                return f"line {number} is {line}, but the record is {record}"
        return ""


def index_name(split: str) -> str:
    """The name of the index of a split, `index-train.jsonl`."""
    return f"index-{split}.jsonl"


def is_index_name(name: str) -> bool:
    """Whether a file name is that of an index."""
    return _INDEX_NAME.fullmatch(name) is not None


def index_lines(videos: Iterable[WrittenVideo]) -> Iterator[str]:
    """The lines of an index, one for each record, in the order in which the videos are given."""
    for video in videos:
        yield json.dumps({"video_id": video.video_id, "group": video.group, "label": video.label}) + "\n"


def read_index(folder: str, split: SplitInfo, multi_label: bool = False) -> SplitIndex:
    """Reads the index of a split and compares it with what the dataset's description says of the split.

    Args:
        folder: that of the dataset.
        split: the split, which has an index.
        multi_label: whether its records may have several labels.

    Raises:
        ValueError: the index is missing or differs from the description; the message says how.
        OSError: the index can't be read.
    """
    assert split.index
    uri, size = files.join(folder, split.index.name), split.index.size_bytes
    found = files.stat_file(folder, split.index.name)
    if found.version is None:
        raise ValueError(f"not a regular file but a {found.problem}" if found.problem else "missing")
    if found.size_bytes != size:
        raise ValueError(f"{found.size_bytes} bytes instead of {size}")
    data = files.read_bytes(uri) or b""
    if hashlib.sha256(data).hexdigest() != split.index.sha256:
        raise ValueError("damaged, the checksum differs")
    return _parse(data, split, multi_label)


def count_labels(labels: Iterable[str], multi_label: bool) -> Counter[str]:
    """How many clips each class has, from the label of each clip; one with several counts under each of them."""
    counts = Counter(labels)
    if not multi_label:
        return counts
    apart: Counter[str] = Counter()
    for joined, count in counts.items():
        apart.update(dict.fromkeys(split_labels(joined), count))
    return apart


def _parse(data: bytes, split: SplitInfo, multi_label: bool) -> SplitIndex:
    ids: list[str] = []
    groups: list[str] = []
    labels: list[str] = []
    for number, line in enumerate(data.splitlines(), 1):
        match load_json(line):
            case {"video_id": str(video_id), "group": str(group), "label": str(label)}:
                ids.append(video_id)
                groups.append(intern(group))  # there are far fewer groups and labels than lines
                labels.append(intern(label))
            case _:
                raise ValueError(f"line {number} doesn't hold the texts video_id, group and label")
    if len(ids) != split.num_examples:
        raise ValueError(f"{len(ids)} lines for {split.num_examples} records")
    if count_labels(labels, multi_label) != Counter(split.num_examples_by_class):
        raise ValueError("its labels differ from those of the split")
    if set(groups) != set(split.groups):
        raise ValueError("its groups differ from those of the split")
    return SplitIndex(tuple(ids), tuple(groups), tuple(labels))
