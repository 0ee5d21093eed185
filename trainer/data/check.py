"""Checks a dataset before training: its description, and whether its shards match that."""

import hashlib
import struct
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from pipelines.core.errors import ChangedFileError, UsageError, UserError, WorkerError
from pipelines.core.file_names import DATASET_INFO
from pipelines.core.names import special_kind
from pipelines.dataset.description_check import dataset_fingerprint
from pipelines.dataset.info import DatasetInfo, ShardInfo
from pipelines.dataset.tfrecord import CorruptRecordError, read_records
from trainer.files import storage
from trainer.files.copies import Copies

FULL_CHECK_BYTES = 8 * 10**9
"""Below this size every byte is read before training starts: that takes two seconds per GB on two cores."""
_CHUNK_BYTES = 1 << 20
_LOCAL_THREADS, _REMOTE_THREADS = 4, 16
_SHOWN = 10
_LENGTH = struct.Struct("<Q")
_FRAMING_BYTES = 16
"""Around a record: length, checksum of the length, checksum of the data."""


class _Split(Protocol):
    @property
    def shards(self) -> tuple[ShardInfo, ...]: ...


class _Info(Protocol):
    @property
    def compression(self) -> str: ...
    @property
    def splits(self) -> Mapping[str, _Split]: ...


class Opened(Protocol):
    """A folder of shards, of clips or of their features, and its description."""

    @property
    def uri(self) -> str: ...
    @property
    def info(self) -> _Info: ...


@dataclass(frozen=True)
class OpenDataset:
    """A complete dataset.

    Attributes:
        uri: its folder.
        info: its description.
        fingerprint: equal for two datasets exactly when labels, clip settings and the bytes of all shards are equal.
    """

    uri: str
    info: DatasetInfo
    fingerprint: str


def open_dataset(uri: str, splits: Iterable[str] = ("train",)) -> OpenDataset:
    """Reads the description of a dataset.

    Args:
        uri: its folder, local or in a store.
        splits: those that must have clips.

    Raises:
        UsageError: there is no complete dataset, or none that can be trained on.
        UserError: the description is damaged or can't be read.
    """
    uri = storage.normalise(uri)
    info = DatasetInfo.read(uri)
    dataset = OpenDataset(uri, info, dataset_fingerprint(info))
    if len(info.labels) < 2:
        raise UsageError(
            f"{uri} has only one class ({', '.join(info.labels)}): there is nothing to tell apart. Preprocess videos "
            "of at least two classes"
        )
    for split in splits:
        _require(dataset, split)
    return dataset


def check_several(dataset: OpenDataset, multi_label: bool) -> None:
    """Refuses to train for several labels a clip on a dataset with one, or the other way round.

    Args:
        dataset: the dataset, which knows what it has.
        multi_label: what the run is told.

    Raises:
        UsageError: they differ.
    """
    if dataset.info.multi_label and not multi_label:
        raise UsageError(f"clips of {dataset.uri} may have several labels: train with --multi-label")
    if multi_label and not dataset.info.multi_label:
        how = "train without --multi-label, or preprocess with --multi-label"
        raise UsageError(f"each clip of {dataset.uri} has one label: {how}")


def _require(dataset: OpenDataset, split: str) -> None:
    sizes = ", ".join(f"{name} {num_clips(dataset, name)}" for name in dataset.info.splits)
    remedy = "Preprocess again with other --splits or --split-groups, and into another --output or with --overwrite"
    if not any(num_clips(dataset, name) for name in dataset.info.splits):
        counts = ", ".join(f"{name} {dataset.info.counts.get(name, 0):,}" for name in ("listed", "failed", "filtered"))
        raise UsageError(f"{dataset.uri} has no clips at all (videos: {counts}). Its preview.html says why")
    if len(set().union(*(part.groups for part in dataset.info.splits.values()))) == 1:
        remedy = "All clips are of one group, which is never divided. Preprocess videos of others, too"
    if not num_clips(dataset, split):
        raise UsageError(f"{dataset.uri} has no clips in the split {split!r} (clips: {sizes}). {remedy}")
    present = [label for label, count in class_counts(dataset, split).items() if count]
    if split == "train" and len(present) < 2:
        raise UsageError(f"{dataset.uri} has only one class in the split 'train' ({present[0]}). {remedy}")


def num_clips(dataset: OpenDataset, split: str) -> int:
    """Number of clips in a split; 0 where the dataset has no such split."""
    return found.num_examples if (found := dataset.info.splits.get(split)) else 0


def class_counts(dataset: OpenDataset, split: str) -> dict[str, int]:
    """Number of clips of each class in a split, in the order of the label ids; all classes are named."""
    found = dataset.info.splits.get(split)
    return {label: found.num_examples_by_class.get(label, 0) if found else 0 for label in dataset.info.labels}


def _shards(dataset: Opened, splits: Iterable[str]) -> list[ShardInfo]:
    return [shard for name in splits if name in dataset.info.splits for shard in dataset.info.splits[name].shards]


def check_shards(
    dataset: Opened,
    splits: Iterable[str],
    full: bool | None = None,
    copies: Copies | None = None,
    description: str = DATASET_INFO,
    maker: str = "pipelines.preprocess",
) -> None:
    """Checks, before training starts, that the shards match the description.

    Args:
        dataset: the dataset.
        splits: names of the splits to check; those that the dataset doesn't have are skipped.
        full: whether to read every byte and compare checksums. Otherwise: sizes, the number of records, and the first
            and the last record; in a store or in compressed files, sizes and the first record. None: full for less than
            `FULL_CHECK_BYTES`.
        copies: copies of the shards, if these are in a store. A copy that will be kept is made now where all is read.
        description: name of the file that describes them, for messages.
        maker: the tool that makes them again.

    Raises:
        UserError: shards are missing, damaged or can't be read; one error names them all.
        WorkerError: there is no room for copies.
    """
    shards = _shards(dataset, splits)
    full = sum(shard.size_bytes for shard in shards) < FULL_CHECK_BYTES if full is None else full
    stop, unread = threading.Event(), []

    def check(shard: ShardInfo) -> str | None:
        uri = storage.join(dataset.uri, shard.name)
        try:
            if storage.is_local(uri) and storage.exists(uri) and (kind := special_kind(uri)):
                return f"not a regular file but {kind}"
            found = storage.size_bytes(uri)
            if found is None:
                return "missing"
            if found != shard.size_bytes:
                return f"{found} bytes instead of {shard.size_bytes}"
            if full and copies and copies.keep:
                with copies.held(uri):
                    return None
            if full:
                return _check_content(uri, shard, stop)
            return _check_framing(uri, shard, dataset.info.compression)
        except (CorruptRecordError, ChangedFileError) as error:
            return str(error) if isinstance(error, UserError) else f"damaged, {error}"
        except WorkerError:  # it is about this machine, not about the shard
            raise
        except UserError as error:
            unread.append(f"{shard.name}: {error}")
            return None

    with ThreadPoolExecutor(_LOCAL_THREADS if storage.is_local(dataset.uri) else _REMOTE_THREADS) as threads:
        try:
            problems = list(threads.map(check, shards))
        except BaseException:  # Ctrl-C among them: it must not wait until gigabytes are read
            stop.set()
            if copies:
                copies.close()
            threads.shutdown(cancel_futures=True)
            raise
    bad = [f"{shard.name}: {problem}" for shard, problem in zip(shards, problems, strict=True) if problem]
    if bad or unread:
        of = f"of {len(shards)} shards of {dataset.uri}"
        mismatch = f"{len(bad)} {of} {_describe(dataset.uri, bad, description, maker)}" if bad else ""
        no_answer = f"{len(unread)} {of} can't be checked:{_lines(sorted(unread))}" if unread else ""
        raise UserError("\n".join(filter(None, (mismatch, no_answer))))


def _check_content(uri: str, shard: ShardInfo, stop: threading.Event) -> str | None:
    sha256 = hashlib.sha256()
    with storage.open_read(uri) as file:
        while not stop.is_set() and (chunk := file.read(_CHUNK_BYTES)):
            sha256.update(chunk)
    return None if stop.is_set() or sha256.hexdigest() == shard.sha256 else "damaged, the checksum differs"


def _check_framing(uri: str, shard: ShardInfo, compression: str) -> str | None:
    if compression != "none" or not shard.num_examples:
        return None
    # Records are of similar length: one request brings most of the first one, and a second request the rest.
    with storage.open_read(uri, shard.size_bytes // shard.num_examples + _FRAMING_BYTES) as file:
        next(read_records(file), None)
        if not storage.is_local(uri):
            return None  # each step to another record would be a request
        last, count = _last_record(file, shard.size_bytes)
        if count != shard.num_examples:
            return f"damaged, {count} records instead of {shard.num_examples}"
        file.seek(last)
        next(read_records(file), None)
    return None


def _last_record(file: BinaryIO, size: int) -> tuple[int, int]:
    """Position of the last record, and the number of records, going by their lengths alone.

    Raises:
        CorruptRecordError: the lengths don't lead to the end of the file.
    """
    position = last = count = 0
    while position < size:
        file.seek(position)
        header = file.read(_LENGTH.size)
        last, count = position, count + 1
        position += _FRAMING_BYTES + (_LENGTH.unpack(header)[0] if len(header) == _LENGTH.size else size)
    if position != size:
        raise CorruptRecordError(f"wrong length of a record at or before byte {last}")
    return last, count


def _lines(problems: Sequence[str]) -> str:
    more = [f"and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
    return "".join(f"\n  {line}" for line in [*problems[:_SHOWN], *more])


def _describe(uri: str, bad: Sequence[str], description: str, maker: str) -> str:
    verb = "does" if len(bad) == 1 else "do"
    whole = f". `python -m pipelines.verify {uri}` checks the whole dataset" if description == DATASET_INFO else ""
    return (
        f"{verb} not match {description}:{_lines(bad)}\n"
        f"If {'the dataset was' if whole else 'they were'} copied there, copy these files again. If "
        f"{'it was' if whole else 'they were'} made there, remove them and run the same {maker} command again: it "
        f"writes only the missing ones{whole}"
    )
