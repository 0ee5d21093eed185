"""Reads the two sides that are to be compared, and compares them."""

from collections.abc import Sequence
from dataclasses import replace

from pipelines.core.errors import UsageError, UserError
from pipelines.core.spec import ClipSpec, FrameEncoding
from pipelines.dataset.opened import Dataset, open_dataset
from pipelines.shift.compare import compare
from pipelines.shift.datasets import read_dataset
from pipelines.shift.groups import Groups, read_groups
from pipelines.shift.label_runs import read_label_run
from pipelines.shift.types import BRIGHTNESS, MOTION, Comparison, Side
from pipelines.shift.videos import decoders


def compare_places(
    datasets: Sequence[str], labels: Sequence[str], groups: str, threshold: float, sample: int, seed: int
) -> Comparison:
    """Compares two datasets, two runs of labels, or one of each.

    Args:
        datasets: folders of datasets.
        labels: folders of labels; two folders in all.
        groups: a table of the groups of labelled videos; empty for none.
        threshold: the effect size above which a significant difference is drift.
        sample: number of videos of each side whose pixels are measured.
        seed: chooses videos and permutations.

    Raises:
        UsageError: a side isn't complete, or is damaged.
        OSError: a file can't be read.
    """
    of_table = read_groups(groups) if groups else Groups()
    opened = [*map(_open, datasets)]
    spec, encoding = (opened[0].info.clip_spec, opened[0].info.encoding) if opened else (ClipSpec(), FrameEncoding())
    sides = [read_dataset(data, sample, seed) for data in opened]
    with decoders() as pool:
        sides += [read_label_run(place, pool, spec, encoding, of_table, sample, seed) for place in labels]
    if len({data.info.clip_spec for data in opened}) > 1:
        sides = [_without_pixels(side) for side in sides]
    first, second = sides
    return compare(first, second, threshold, seed)


def _open(place: str) -> Dataset:
    """A dataset; a damaged one can't be compared, which mustn't look like drift to a caller that sees exit codes."""
    try:
        return open_dataset(place)
    except UserError as error:
        raise UsageError(str(error)) from error


def _without_pixels(side: Side) -> Side:
    """A side whose clips are made in another way than those of the other side."""
    reason = "the clips of the two datasets have other sizes or numbers of frames"
    videos = tuple(replace(video, brightness=None, motion=None) for video in side.videos)
    return replace(side, videos=videos, missing={**side.missing, BRIGHTNESS: reason, MOTION: reason})
