"""Whether a dataset matches its description: every record, every shard, and all of them together."""

import gzip
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from sys import intern
from typing import BinaryIO, cast

from pipelines import files
from pipelines.core.file_names import DATASET_INFO, FAILURES
from pipelines.core.hashing import HashingReader
from pipelines.core.label_sets import join_labels
from pipelines.core.names import special_kind
from pipelines.core.spec import ClipSpec
from pipelines.core.video_files import IGNORED
from pipelines.dataset.config import OFFICIAL_SPLITS
from pipelines.dataset.example import Example, decode
from pipelines.dataset.index import count_labels, read_index
from pipelines.dataset.info import DatasetInfo, ShardInfo, SplitInfo
from pipelines.dataset.tfrecord import CorruptRecordError, read_records, unpacked
from pipelines.video.images import decode_frames


@dataclass
class ShardCheck:
    """What was found in one shard."""

    split: str
    info: ShardInfo
    num_records: int = 0
    ids: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    several: bool = False  # whether a clip may have several labels, joined in `labels`
    problems: list[str] = field(default_factory=list)


def check_shard(folder: str, split: str, shard: ShardInfo, info: DatasetInfo) -> ShardCheck:
    """Reads a whole shard and notes everything that differs from `dataset_info.json`."""
    check = ShardCheck(split, shard)
    read_shard(
        folder, info.compression, DATASET_INFO, check, lambda record: _check_example(decode(record), info, check)
    )
    return check


def read_shard(
    folder: str, compression: str, description: str, check: ShardCheck, check_record: Callable[[bytes], None]
) -> None:
    """Reads a whole shard and notes what differs from its description.

    Args:
        folder, compression: where the shard is, and how it is stored.
        description: name of the file that describes it.
        check: what is to be checked, and where problems are noted.
        check_record: looks at a record, and raises a ValueError if it isn't right.
    """
    shard = check.info
    uri = files.join(folder, shard.name)
    try:
        if files.is_local(uri) and (kind := special_kind(uri)):
            check.problems.append(f"not a regular file but {kind}")
            return
        with files.open_read(uri) as file:
            reader = HashingReader(file)
            _check_records(cast(BinaryIO, reader), compression, check, check_record)
            while reader.read(1 << 20):  # the bytes after a damaged record still count for the file's checksum
                pass
    except FileNotFoundError:
        check.problems.append("the file is missing")
        return
    except OSError as error:
        check.problems.append(f"can't be read: {error.strerror or error}")
        return
    if reader.size_bytes != shard.size_bytes:
        check.problems.append(f"{reader.size_bytes} bytes instead of {shard.size_bytes}")
    elif reader.sha256.hexdigest() != shard.sha256:
        check.problems.append(f"the content differs from the checksum in {description}")
    if check.num_records != shard.num_examples:
        check.problems.append(f"{check.num_records} readable records instead of {shard.num_examples}")


def _check_records(file: BinaryIO, compression: str, check: ShardCheck, check_record: Callable[[bytes], None]) -> None:
    try:
        for number, record in enumerate(read_records(unpacked(file, compression))):
            check.num_records += 1
            try:
                check_record(record)
            except ValueError as error:
                check.problems.append(f"record {number}: {error}")
    except (CorruptRecordError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        check.problems.append(str(error))


def take(example: Example, check: ShardCheck) -> None:
    """Notes which clip a record is."""
    check.ids.append(example.video_id)
    check.groups.append(intern(example.group))
    check.labels.append(intern(example.label_name))
    check.several = check.several or bool(example.labels)


def _check_example(example: Example, info: DatasetInfo, check: ShardCheck) -> None:
    take(example, check)
    decode_frames(example.frames, info.clip_spec, info.encoding)
    _check_labels(example, info)
    if not _is_sampled(example, info.clip_spec):
        raise ValueError(f"{example.video_id}: its frames don't follow the rule {info.clip_spec.sampling!r}")
    if len(example.timestamps_s) != info.clip_spec.num_frames:
        raise ValueError(f"{example.video_id}: {len(example.timestamps_s)} timestamps")


def _check_labels(example: Example, info: DatasetInfo) -> None:
    labels, found = info.labels, list(example.labels)
    if found and not info.multi_label:
        raise ValueError(f"{example.video_id}: it has the key labels, but clips of this dataset have one label")
    if not info.multi_label:
        if not 0 <= example.label < len(labels) or labels[example.label] != example.label_name:
            raise ValueError(f"{example.video_id}: label {example.label} is not the id of {example.label_name!r}")
        return
    if not found or found != sorted(set(found)) or not 0 <= found[0] <= found[-1] < len(labels):
        raise ValueError(f"{example.video_id}: labels {found} are not ascending ids of classes")
    if found[0] != example.label or join_labels(labels[label] for label in found) != example.label_name:
        raise ValueError(
            f"{example.video_id}: labels {found} don't fit label {example.label} and name {example.label_name!r}"
        )


def _is_sampled(example: Example, spec: ClipSpec) -> bool:
    """Whether a clip's frames are those that its rule chooses; for a rule based on time, whether they could be."""
    indices = example.frame_indices
    if spec.by_time:
        return (
            len(indices) == spec.num_frames and indices == sorted(indices) and indices[-1] < example.num_source_frames
        )
    return tuple(indices) == spec.sample(example.num_source_frames)


def check_whole(folder: str, info: DatasetInfo, checks: Sequence[ShardCheck]) -> list[str]:
    """Problems that only show in all shards together: repeated videos, groups in several splits, counts."""
    problems = repeated(checks)
    splits_of: dict[str, set[str]] = {}
    for check in checks:
        for group in set(check.groups):
            splits_of.setdefault(group, set()).add(check.split)
    # Official splits are kept as they were given; a note in the dataset names such groups.
    as_given = info.configuration.get("splits") == OFFICIAL_SPLITS or info.configuration.get("split_file")
    for group, splits in sorted(splits_of.items()):
        if len(splits) > 1 and not as_given:
            problems.append(f"group {group} is in {' and '.join(sorted(splits))}: scores would be too good")
    for name, split in info.splits.items():
        mine = [check for check in checks if check.split == name]
        found = count_labels((label for check in mine for label in check.labels), info.multi_label)
        if dict(sorted(found.items())) != dict(split.num_examples_by_class):
            problems.append(f"{name}: the examples by class differ from {DATASET_INFO}")
        if not any(check.problems for check in mine) and set().union(*(c.groups for c in mine)) != set(split.groups):
            problems.append(f"{name}: the groups differ from {DATASET_INFO}")
        if split.index and (problem := check_index(folder, split, mine, info.multi_label)):
            problems.append(f"{split.index.name}: {problem}")
    counts = info.counts
    accounted = counts["written"] + counts["failed"] + counts["filtered"]
    listed = counts["listed"] + counts.get("extra", 0)
    if listed != accounted:
        problems.append(f"listed {listed}, but written + failed + filtered = {accounted}")
    if sum(check.num_records for check in checks) != counts["written"]:
        problems.append(f"{sum(c.num_records for c in checks)} records, but {counts['written']} were written")
    for name, what, number in (
        (FAILURES, "failures", counts["failed"]),
        (IGNORED, "ignored files", counts.get("ignored", 0)),
    ):
        text = files.read_text(files.join(folder, name))
        if text is None or text.count("\n") != number:
            problems.append(f"{name} doesn't hold the {number} {what}")
    return [*problems, *strange_shards(folder, checks)]


def repeated(checks: Sequence[ShardCheck]) -> list[str]:
    """A problem where a clip occurs more than once."""
    ids = Counter(video_id for check in checks for video_id in check.ids)
    doubles = sorted(video_id for video_id, count in ids.items() if count > 1)
    occur = "1 video occurs" if len(doubles) == 1 else f"{len(doubles)} videos occur"
    return [f"{occur} more than once, for example {doubles[0]}"] if doubles else []


def strange_shards(folder: str, checks: Sequence[ShardCheck]) -> list[str]:
    """A problem where there are more shards than were checked."""
    known = {check.info.name for check in checks}
    strange = sorted(n for n in files.list_folder(folder) if n.endswith(".tfrecord") and n not in known)
    return [of_no_split(strange)] if strange else []


def of_no_split(names: Sequence[str]) -> str:
    """Says of files that they are none of the dataset's."""
    belong = "1 file belongs" if len(names) == 1 else f"{len(names)} files belong"
    return f"{belong} to no split, for example {names[0]}; readers may see them"


def check_index(folder: str, split: SplitInfo, checks: Sequence[ShardCheck], multi_label: bool) -> str:
    """What is wrong with the index of a split, compared with its description and, if they are whole, its shards."""
    try:
        found = read_index(folder, split, multi_label)
    except OSError as error:
        return f"can't be read: {error.strerror or error}"
    except ValueError as error:
        return str(error)
    records = (row for check in checks for row in zip(check.ids, check.groups, check.labels, strict=True))
    return "" if any(check.problems for check in checks) else found.difference(records)
