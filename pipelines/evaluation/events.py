"""Stretches of videos as arrays."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np

Row = tuple[int, int, float, float, float]
"""Number of the video, number of the label, start and end in seconds, score."""


@dataclass(frozen=True)
class Events:
    """Stretches of videos in which something happens, sorted by video, start, end and label.

    Attributes:
        video: int64 [N], number of the video.
        label: int64 [N], number of the label.
        start_s: float64 [N], in seconds from the video's first frame.
        end_s: float64 [N], exclusive.
        score: float64 [N], how certain it is; 1 for the truth.
    """

    video: np.ndarray
    label: np.ndarray
    start_s: np.ndarray
    end_s: np.ndarray
    score: np.ndarray

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Self:
        """The events of some rows, in any order."""
        ordered = sorted(rows, key=lambda row: (row[0], row[2], row[3], row[1], -row[4]))
        columns = np.array(ordered, np.float64).reshape(len(ordered), 5).T
        return cls(columns[0].astype(np.int64), columns[1].astype(np.int64), *columns[2:])

    def __len__(self) -> int:
        return len(self.video)

    def where(self, chosen: np.ndarray | slice) -> Self:
        """The events that a mask, indices or a slice choose."""
        return type(self)(
            self.video[chosen], self.label[chosen], self.start_s[chosen], self.end_s[chosen], self.score[chosen]
        )

    def by_video(self, num_videos: int) -> list[Self]:
        """The events of each video."""
        edges = np.searchsorted(self.video, np.arange(num_videos + 1))
        return [self.where(slice(start, end)) for start, end in pairwise(edges)]

    def counts(self, num_videos: int, num_labels: int) -> np.ndarray:
        """The number of events, int64 [V, C]."""
        counts = np.zeros((num_videos, num_labels), np.int64)
        np.add.at(counts, (self.video, self.label), 1)
        return counts


def temporal_iou(a: Events, b: Events) -> np.ndarray:
    """Temporal intersection over union of each event in `a` with each in `b`, float64 [N, M]; labels and videos don't
    matter."""
    common = np.minimum(a.end_s[:, None], b.end_s) - np.maximum(a.start_s[:, None], b.start_s)
    common = np.maximum(common, 0)
    union = (a.end_s - a.start_s)[:, None] + (b.end_s - b.start_s) - common
    return common / np.maximum(union, 1e-12)
