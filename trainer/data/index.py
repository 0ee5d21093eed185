"""Ids, groups and labels of records from a dataset's indexes, without reading shards."""

from collections.abc import Callable, Iterable

import numpy as np

from pipelines.core.errors import UserError
from pipelines.core.file_names import DATASET_INFO
from pipelines.core.label_sets import ids_of
from pipelines.dataset import index
from pipelines.dataset.info import DatasetInfo
from trainer.data.parts import Index, Part
from trainer.files import storage, stores


def check_indexes(uri: str, info: DatasetInfo, splits: Iterable[str]) -> None:
    """Checks the indexes of some splits. Splits without one, as in a dataset of an earlier version, are skipped.

    Args:
        uri: the dataset's folder.
        info: its description.
        splits: their names.

    Raises:
        UserError: an index is missing, damaged, or contradicts the description.
    """
    for split in splits:
        read_index(uri, info, split)


def read_index(uri: str, info: DatasetInfo, split: str) -> Index | None:
    """The ids, groups and labels of all records of a split; None where the dataset has no index for it.

    Args:
        uri: the dataset's folder.
        info: its description.
        split: the name of the split.

    Raises:
        UserError: the index is missing, damaged, or contradicts the description.
    """
    described = info.splits.get(split)
    if not described or not described.index:
        return None
    file = storage.join(uri, described.index.name)
    try:
        with stores.explained(file, "read"):
            found = index.read_index(uri, described, info.multi_label)
    except ValueError as error:
        raise UserError(
            f"{file} does not match {DATASET_INFO}: {error}. Copy it again if the dataset was copied there, or run the "
            "same pipelines.preprocess command again, which writes it again and keeps the shards"
        ) from error
    ids = {label: number for number, label in enumerate(info.labels)}
    if not info.multi_label:
        return Index(found.video_ids, found.groups, np.array([ids[label] for label in found.labels], np.int64))
    targets = np.zeros((len(found.labels), len(ids)), np.bool_)
    for row, joined in zip(targets, found.labels, strict=True):
        row[list(ids_of(joined, info.labels))] = True
    return Index(found.video_ids, found.groups, targets.argmax(axis=1), targets)


def index_of(part: Part, read: Callable[[str], Index | None]) -> Index | None:
    """The ids, groups and labels of a part's clips in the order of their records.

    Args:
        part: the part.
        read: returns the index of a split.

    Returns:
        None where a split has no index, or the part's shards are not those of splits.
    """
    found = [records for split in part.splits if (records := read(split)) is not None]
    if not found or len(found) < len(part.splits):
        return None
    everything = Index(
        tuple(video_id for records in found for video_id in records.video_ids),
        tuple(group for records in found for group in records.groups),
        np.concatenate([records.labels for records in found]),
        np.concatenate([records.targets for records in found if records.targets is not None])
        if found[0].targets is not None
        else None,
    )
    return everything if part.keep is None else everything.where(part.keep)
