"""Measures of segmentations, where each moment has one label or none: edit score, F1 at overlaps, and seconds.

The edit score and F1 are those of Lea et al. (Temporal Convolutional Networks for Action Segmentation and Detection,
2017) and Farha and Gall (MS-TCN, 2019). Background is not a segment. Segments of one label that touch are one, as they
would be among labels of frames.
"""

import numpy as np

from pipelines.evaluation.events import Events, temporal_iou

OVERLAPS = np.array([0.1, 0.25, 0.5])
"""Intersections over union of F1@10, F1@25 and F1@50."""
TOUCHING_S = 0.0015
"""Files have times to the millisecond: what is closer touches."""


def overlaps_itself(events: Events) -> bool:
    """Whether two events of one video are at the same time."""
    latest = np.maximum.accumulate(events.end_s)
    return bool(np.any(events.start_s[1:] < latest[:-1] - TOUCHING_S))


def joined(events: Events) -> Events:
    """The segments of one video that doesn't overlap itself, in order, with those that touch and are alike joined."""
    if not len(events):
        return events
    new = (events.label[1:] != events.label[:-1]) | (events.start_s[1:] > events.end_s[:-1] + TOUCHING_S)
    starts = np.flatnonzero(np.concatenate([[True], new]))
    first = events.where(starts)
    ends = np.append(starts[1:], len(events)) - 1
    return Events(first.video, first.label, first.start_s, events.end_s[ends], first.score)


def edit_score(truth: np.ndarray, found: np.ndarray) -> float:
    """1 minus the Levenshtein distance of two sequences of labels, divided by the length of the longer one.

    It is 1 where both are empty: that nothing happens is right.

    Args:
        truth: int64 [M], labels of the segments in order.
        found: int64 [N].
    """
    longer = max(len(truth), len(found))
    if not longer:
        return 1.0
    places = np.arange(len(found) + 1)
    row = places.copy()
    for label in truth:
        replaced = row[:-1] + (found != label)
        row = np.minimum(row + 1, np.concatenate([[row[0] + 1], replaced]))
        row = np.minimum.accumulate(row - places) + places  # with what is left out of `found`
    return float(1 - row[-1] / longer)


def segment_hits(truth: Events, found: Events, overlaps: np.ndarray = OVERLAPS) -> np.ndarray:
    """The number of segments that are right at each overlap, int64 [K].

    Each segment is compared with the true one of its label that it overlaps most. Only the first that reaches the
    overlap with a true segment is right about it.
    """
    if not len(truth) or not len(found):
        return np.zeros(len(overlaps), np.int64)
    iou = np.where(found.label[:, None] == truth.label, temporal_iou(found, truth), 0.0)
    best = iou.argmax(axis=1)
    reached = iou[np.arange(len(found)), best]
    return np.array([len(np.unique(best[reached >= overlap])) for overlap in overlaps])


def seconds_by_pair(truth: Events, found: Events, end_s: float, num_labels: int) -> np.ndarray:
    """How long each true label was given each label, float64 [C + 1, C + 1]: seconds, [truth][found].

    The last row and column are for no label. All seconds add up to the length of the video. Where several labels are
    given at one moment, those that truth and labels have in common are right, each of the others on one side faces
    each of the others on the other side in equal parts, and those that are too many on one side face no label. The
    moment is divided equally among all of these.

    Args:
        truth, found: events of one video.
        end_s: length of the video; no event ends later.
        num_labels: the number of labels C.
    """
    local, places = np.unique(np.concatenate([truth.label, found.label]), return_inverse=True)
    edges = np.unique(np.concatenate([[0.0, end_s], truth.start_s, truth.end_s, found.start_s, found.end_s]))
    lengths = np.diff(edges)
    sides = [
        _at_moments(events, labels, edges, len(local))
        for events, labels in ((truth, places[: len(truth)]), (found, places[len(truth) :]))
    ]
    both, only_true, only_found = sides[0] & sides[1], sides[0] & ~sides[1], sides[1] & ~sides[0]
    num_both, num_true, num_found = (side.sum(axis=1) for side in (both, only_true, only_found))
    most = np.maximum(num_true, num_found)
    nothing = num_both + most == 0
    weight = lengths / np.maximum(num_both + most, 1)
    pair = weight / np.maximum(most, 1)
    inner = only_true.T @ (only_found * pair[:, None]) + np.diag(weight @ both)
    table = np.zeros((num_labels + 1, num_labels + 1))
    table[np.ix_(local, local)] = inner
    table[local, -1] = (pair * (most - num_found)) @ only_true
    table[-1, local] = (pair * (most - num_true)) @ only_found
    table[-1, -1] = lengths[nothing].sum()
    return table


def _at_moments(events: Events, labels: np.ndarray, edges: np.ndarray, num_labels: int) -> np.ndarray:
    """Which labels hold between one edge and the next, bool [K, L]."""
    changes = np.zeros((len(edges), num_labels), np.int64)
    np.add.at(changes, (np.searchsorted(edges, events.start_s), labels), 1)
    np.add.at(changes, (np.searchsorted(edges, events.end_s), labels), -1)
    return np.cumsum(changes, axis=0)[:-1] > 0
