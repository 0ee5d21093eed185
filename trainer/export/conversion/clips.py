"""The real clips that a converted model is checked with, and calibrated with."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from pipelines.core.errors import UsageError, UserError
from pipelines.core.relative import relative_to
from pipelines.dataset.opened import Dataset, StoredClip
from pipelines.dataset.tfrecord import CorruptRecordError
from pipelines.reports.text import plural
from trainer.data.check import OpenDataset, open_dataset
from trainer.export.conversion.source import Source
from trainer.files import storage

CALIBRATION_CLIPS = 64
"""More of them hardly change the ranges of activations, and each takes as long as labelling it several times."""


@dataclass(frozen=True, eq=False)
class CheckClips:
    """Clips of a dataset.

    Attributes:
        frames: uint8 [N, T, H, W, 3].
        truth: their labels by their place in the model's: int64 [N], or bool [N, C] if a clip may have several.
        calibration: uint8 [M, T, H, W, 3], clips that the model was not tested on; none if they aren't asked for.
        dataset: `uri` of the dataset, relative to the model's folder, its `fingerprint`, and which clips these are.
        sentence: which clips these are, for people.
    """

    frames: np.ndarray
    truth: np.ndarray
    calibration: np.ndarray
    dataset: dict[str, str]
    sentence: str


def read_clips(source: Source, data: str, count: int, calibrate: bool) -> CheckClips:
    """Reads clips to check a converted model with: those of the split `test`, or, if the run is known, those that it
    was tested on, which for a fold are others.

    Args:
        source: the model.
        data: folder of a dataset; empty for the one that the model was trained on.
        count: largest number of clips.
        calibrate: whether clips to calibrate with are needed, too.

    Raises:
        UsageError: there is no such dataset, it has no such clips, or it doesn't fit the model.
        UserError: it is damaged.
    """
    opened, is_own = _open(source, data)
    _check_fits(source, opened)
    dataset = Dataset(opened.uri, opened.info)
    tested = source.tested_on() if is_own else frozenset[str]()
    if not tested and (missing := {"test", *(["train"] if calibrate else [])} - set(opened.info.splits)):
        raise UsageError(f"{opened.uri} has no split {min(missing)}: give another dataset with --data")
    try:
        chosen = list(islice(_clips(dataset, tested, True), count))
        others = list(islice(_clips(dataset, tested, False), CALIBRATION_CLIPS)) if calibrate else []
    except (CorruptRecordError, OSError) as error:
        raise UserError(
            f"cannot read {opened.uri}: {error}. python -m pipelines.verify tells which shards are damaged"
        ) from error
    if not chosen or (calibrate and not others):
        raise UsageError(f"{opened.uri} has too few clips to check with: give another dataset with --data")
    which = "the run's test clips" if tested else "split test"
    fields = {"uri": relative_to(opened.uri, source.folder), "fingerprint": opened.fingerprint, "clips": which}
    frames, calibration = (
        np.stack([clip.frames for clip in some]) if some else _none(source) for some in (chosen, others)
    )
    sentence = f"{plural(len(chosen), 'clip')} of {opened.uri}, {which}"
    return CheckClips(frames, _truth(source, dataset, chosen), calibration, fields, sentence)


def _open(source: Source, data: str) -> tuple[OpenDataset, bool]:
    """The dataset, and whether the model was trained on it."""
    known = str(source.info.dataset.get("uri", ""))
    if not data and not known:
        raise UsageError(
            f"{source.folder} doesn't say which dataset it was trained on, and a converted model is checked on real "
            "clips: give a dataset with --data FOLDER"
        )
    uri = data or (os.path.normpath(storage.join(source.folder, known)) if storage.is_local(known) else known)
    try:
        opened = open_dataset(uri, splits=())
    except UsageError as error:
        if data:
            raise UsageError(f"--data: {error}") from error
        raise UsageError(
            f"the dataset that the model was trained on isn't there any more, and a converted model is checked on real "
            f"clips: give a dataset with --data FOLDER ({error})"
        ) from error
    return opened, opened.fingerprint == source.info.dataset.get("fingerprint")


def _check_fits(source: Source, opened: OpenDataset) -> None:
    ours, theirs = source.info.clip_spec.to_json(), opened.info.clip_spec.to_json()
    if names := [name for name in ours if ours[name] != theirs.get(name)]:
        shown = "; ".join(f"{name} is {theirs.get(name)!r}, the model's {ours[name]!r}" for name in names)
        raise UsageError(f"the clips of {opened.uri} aren't made as the model's: {shown}. Give another with --data")
    if opened.info.multi_label != source.info.multi_label:
        raise UsageError(
            f"clips of {opened.uri} have {'several labels' if opened.info.multi_label else 'one label'}, unlike the "
            "model's. Give another dataset with --data"
        )
    if unknown := sorted(set(opened.info.labels) - set(source.info.labels)):
        raise UsageError(
            f"{opened.uri} has the label {unknown[0]}, which the model doesn't know. Give another with --data"
        )


def _clips(dataset: Dataset, tested: frozenset[str], test: bool) -> Iterator[StoredClip]:
    if not tested:
        yield from dataset.clips("test" if test else "train")
        return
    for split in sorted(dataset.info.splits, key=lambda name: (name != ("test" if test else "train"), name)):
        yield from (clip for clip in dataset.clips(split) if (clip.video_id in tested) == test)


def _truth(source: Source, dataset: Dataset, clips: list[StoredClip]) -> np.ndarray:
    places = [source.info.labels.index(label) for label in dataset.info.labels]
    if not source.info.multi_label:
        return np.array([places[clip.label] for clip in clips])
    truth = np.zeros((len(clips), len(source.info.labels)), np.bool_)
    for row, clip in zip(truth, clips, strict=True):
        row[[places[label] for label in clip.labels]] = True
    return truth


def _none(source: Source) -> np.ndarray:
    return np.zeros((0, *source.info.clip_spec.shape), np.uint8)
