"""The segments of finished labels as columns, of which a million fit into memory."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pipelines.labelling.exports.reading import VideoLabels
from pipelines.labelling.types import Segment

NUM_TOP = 5
"""Classes of a segment whose scores are kept."""
_TOLERANCE = 0.01
"""By how much the scores of classes that exclude each other may exceed 1."""


@dataclass(frozen=True, eq=False)
class Segments:
    """Segments that may be chosen, by video and time.

    Attributes:
        videos: ids of their videos, sorted.
        uris: where each video was read from.
        labels: names of the classes.
        video: int64 [N], position in `videos`.
        start_s, end_s: float64 [N], seconds from the video's first frame; the end is exclusive.
        label: int64 [N], position in `labels`.
        score: float64 [N], of the label.
        top: int64 [N, NUM_TOP], positions of the best classes in `labels`, best first; -1 where there are fewer.
        top_scores: float64 [N, NUM_TOP], their scores; 0 where there are fewer.
        unfamiliar: float64 [N], distance from the clips of training, above 1 for those that are unlike them; NaN if
            the model can't tell.
        num_failed: videos without any label, which aren't among these.
        num_doubtful: videos that aren't among these because parts of them failed, or because of a remark.
        num_known: segments that aren't among these because they are annotated already.
    """

    videos: Sequence[str]
    uris: Sequence[str]
    labels: Sequence[str]
    video: np.ndarray
    start_s: np.ndarray
    end_s: np.ndarray
    label: np.ndarray
    score: np.ndarray
    top: np.ndarray
    top_scores: np.ndarray
    unfamiliar: np.ndarray
    num_failed: int = 0
    num_doubtful: int = 0
    num_known: int = 0

    def __len__(self) -> int:
        return len(self.video)

    @property
    def doubt(self) -> np.ndarray:
        """How uncertain each is, float64 [N] from 0 to 1: 1 less the margin between its two best classes, and where
        only one is listed, 1 less its score.

        Scores of a model that gives several labels don't exclude each other: then it is how near the score is to 1/2.
        """
        if (self.top_scores.sum(axis=1) > 1 + _TOLERANCE).any():
            return np.asarray(1 - np.abs(2 * self.score - 1))
        return np.asarray(1 - (self.top_scores[:, 0] - self.top_scores[:, 1]))


def gather(found: Iterable[VideoLabels], is_known: Callable[[VideoLabels, Segment], bool] | None = None) -> Segments:
    """The segments of all videos but those that failed, even in part, or have a remark: their pixels or times are in
    doubt, so that people would correct what isn't there.

    Args:
        found: each video once, in any order; one at a time is in memory.
        is_known: whether a segment is annotated already; None if none is.
    """
    failed = doubtful = known = 0

    def sound() -> Iterator[VideoLabels]:
        nonlocal failed, doubtful
        for video in found:
            if not video.segments:
                failed += 1
            elif video.failures or video.remark:
                doubtful += 1
            else:
                yield video

    videos: list[str] = []
    uris: list[str] = []
    codes: dict[str, int] = {}
    whole = {name: array("q") for name in ("video", "label", "top")}
    real = {name: array("d") for name in ("start_s", "end_s", "score", "top_scores", "unfamiliar")}
    for video in sound():
        for segment in video.segments:
            if is_known and is_known(video, segment):
                known += 1
                continue
            best = segment.top[:NUM_TOP]
            missing = NUM_TOP - len(best)
            whole["video"].append(len(videos))
            whole["label"].append(codes.setdefault(segment.label, len(codes)))
            whole["top"].extend([*(codes.setdefault(label, len(codes)) for label, _ in best), *[-1] * missing])
            real["top_scores"].extend([*(score for _, score in best), *[0.0] * missing])
            real["start_s"].append(segment.start_s)
            real["end_s"].append(segment.end_s)
            real["score"].append(segment.score)
            real["unfamiliar"].append(np.nan if segment.unfamiliar is None else segment.unfamiliar)
        videos.append(video.video)
        uris.append(video.uri)
    columns = {name: np.array(values, np.int64) for name, values in whole.items()}
    columns |= {name: np.array(values, np.float64) for name, values in real.items()}
    for name in ("top", "top_scores"):
        columns[name] = columns[name].reshape(-1, NUM_TOP)
    ordered = _in_order(videos, uris, [*codes], columns)
    return replace(ordered, num_failed=failed, num_doubtful=doubtful, num_known=known)


def _in_order(
    videos: Sequence[str],
    uris: Sequence[str],
    labels: Sequence[str],
    columns: dict[str, Any],
) -> Segments:
    """The same whatever the order in which videos were found: names sorted, segments by video and time."""
    by_name = sorted(range(len(videos)), key=lambda number: videos[number])
    by_label = sorted(range(len(labels)), key=lambda number: labels[number])
    columns["video"] = _places(by_name)[columns["video"]]
    places = np.append(_places(by_label), -1)  # what is missing, -1, stays so
    columns |= {name: places[columns[name]] for name in ("label", "top")}
    order = np.lexsort((columns["label"], columns["end_s"], columns["start_s"], columns["video"]))
    columns = {name: values[order] for name, values in columns.items()}
    return Segments(
        videos=[videos[number] for number in by_name],
        uris=[uris[number] for number in by_name],
        labels=[labels[number] for number in by_label],
        **columns,
    )


def _places(order: Sequence[int]) -> np.ndarray:
    """For each number, its place in an order of all of them."""
    places = np.empty(len(order), np.int64)
    places[np.array(order, np.int64)] = np.arange(len(order))
    return places
