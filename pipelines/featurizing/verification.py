"""Whether features match their description, and the dataset and the network that it says they are of."""

import posixpath
from collections.abc import Sequence
from functools import partial

import numpy as np

from pipelines import files
from pipelines.core.errors import UserError
from pipelines.core.file_names import DATASET_INFO
from pipelines.core.stored.sealed import DamagedError, unseal
from pipelines.dataset.description_check import dataset_fingerprint
from pipelines.dataset.info import DatasetInfo, ShardInfo
from pipelines.dataset.verification import ShardCheck, check_index, read_shard, repeated, strange_shards, take
from pipelines.featurizing.folder import layout_uri
from pipelines.featurizing.info import FEATURES_INFO, FeaturesInfo, FeaturesReport
from pipelines.featurizing.plan import FeaturesLayout, FeaturesTask, Sight, make_plan
from pipelines.featurizing.records import decode_features
from pipelines.files.shard_reports import report_uri


def holds_features(folder: str) -> bool:
    """Whether a folder holds features, complete or not, and no dataset."""
    return not files.exists(files.join(folder, DATASET_INFO)) and any(
        map(files.exists, (files.join(folder, FEATURES_INFO), layout_uri(folder)))
    )


def check_features_shard(folder: str, split: str, shard: ShardInfo, info: FeaturesInfo) -> ShardCheck:
    """Reads a whole shard and notes everything that differs from `features_info.json`."""
    check = ShardCheck(split, shard)
    read_shard(folder, info.compression, FEATURES_INFO, check, partial(_check_record, info, check))
    return check


def _check_record(info: FeaturesInfo, check: ShardCheck, record: bytes) -> None:
    clip, features = decode_features(record, info.clip_spec.num_frames, info.size)
    take(clip, check)
    if not np.isfinite(features).all():
        raise ValueError(f"{clip.video_id}: a feature is not a finite number")


def check_all_features(
    folder: str, info: FeaturesInfo, checks: Sequence[ShardCheck]
) -> tuple[dict[str, str], list[str], str]:
    """What only shows beyond single shards.

    Returns:
        problems of shards by name, other problems, and a note on what could not be compared, empty if all could.
    """
    problems = [*repeated(checks), *strange_shards(folder, checks), *_check_layout(folder, info)]
    uri = info.dataset.get("uri", "")
    place = posixpath.normpath(files.join(folder, uri)) if files.is_local(folder) and files.is_local(uri) else uri
    try:
        files.check_stores(place)
        dataset = DatasetInfo.read(place)
    except UserError as error:
        return {}, problems, f"the features could not be compared with their dataset: {error}"
    there, said = dataset_fingerprint(dataset), info.dataset.get("fingerprint")
    if there != said:
        return (
            {},
            [*problems, f"the dataset {place} has the fingerprint {there}, not {said} as {FEATURES_INFO} says"],
            "",
        )
    of_dataset = {name: [(s.name, s.num_examples) for s in split.shards] for name, split in dataset.splits.items()}
    of_features = {name: [(s.name, s.num_examples) for s in split.shards] for name, split in info.splits.items()}
    if of_dataset != of_features or dataset.clip_spec != info.clip_spec:
        return {}, [*problems, f"{FEATURES_INFO} has other shards or clips than the dataset {place}"], ""
    for name, split in dataset.splits.items():
        mine = [check for check in checks if check.split == name]
        if split.index and (problem := check_index(place, split, mine, dataset.multi_label)):
            problems.append(f"{name}: compared with {files.join(place, split.index.name)}: {problem}")
    sight = Sight(info.appearance, info.weights, info.size, info.clip_spec.height, info.clip_spec.width)
    tasks = make_plan(dataset, sight).tasks
    found = files.in_parallel(lambda task: _other_task(folder, task), tasks)
    return {task.name: problem for task, problem in zip(tasks, found, strict=True) if problem}, problems, ""


def _check_layout(folder: str, info: FeaturesInfo) -> list[str]:
    """Compares the description with what the job noted when it began; without that, as in a copy, there is nothing."""
    if (data := files.read_bytes(layout_uri(folder))) is None:
        return []
    try:
        noted = FeaturesLayout.from_json(unseal(data))
    except (DamagedError, ValueError) as error:
        return [f"{layout_uri(folder)} is damaged: {error}"]
    described = FeaturesLayout(info.appearance, info.weights, info.clip_spec.fingerprint(), info.size)
    return [] if noted == described else [f"{FEATURES_INFO} describes {described}, but the job computed {noted}"]


def _other_task(folder: str, task: FeaturesTask) -> str:
    """What is wrong with the report on a shard, if there is one: it tells what the job made the shard from."""
    if (data := files.read_bytes(report_uri(folder, task.name))) is None:
        return ""
    try:
        report = FeaturesReport.from_json(unseal(data))
    except (DamagedError, ValueError) as error:
        return f"its report is damaged: {error}"
    same = report.task == task.fingerprint
    return "" if same else f"made from another shard of the dataset, or by another network, than {FEATURES_INFO} says"
