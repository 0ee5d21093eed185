"""Predictions of videos from those of their clips: the mean of the probabilities over the clips, as in labelling."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from pipelines.core.clip_ids import video_of
from trainer.evaluation.calibration import log_softmax
from trainer.evaluation.metrics import evaluate
from trainer.evaluation.predictions import Predictions


@dataclass(frozen=True)
class Tested:
    """What is tested, where some videos have several clips of one class.

    Attributes:
        clips: all clips.
        videos: videos whose clips all have the same class: each is tested as one, by the mean over its clips.
        segments: clips of videos whose clips have different classes: each is tested alone.
    """

    clips: int
    videos: int
    segments: int

    @property
    def sentence(self) -> str:
        """What a reader should know of it."""
        alone = (
            f", and each of the {self.segments:,} clips of videos whose clips have different classes alone"
            if self.segments
            else ""
        )
        return (
            f"test is by video: {self.videos:,} videos, each by the mean of the probabilities over its clips{alone}; "
            f"{self.clips:,} clips in all"
        )


def by_video(predictions: Predictions, temperature: float = 1.0) -> tuple[Predictions, Tested | None]:
    """Predictions in which the clips of a video are one, if they all have the same class and group.

    Args:
        predictions: for clips.
        temperature: at which clips have the probabilities of which a mean is taken.

    Returns:
        Predictions whose logits are logarithms of probabilities, at temperature 1; videos are in the order of their
        first clips, and have the name of the video, or of the clip where they have only one. And what is tested. Where
        no video has several clips that could be one: the predictions as they were given, and None.
    """
    clips: dict[str, list[int]] = {}
    for number, name in enumerate(predictions.video_ids):
        clips.setdefault(video_of(name), []).append(number)
    units: list[tuple[str, list[int]]] = []
    segments = 0
    for video, numbers in clips.items():
        if len({(int(predictions.labels[i]), predictions.groups[i]) for i in numbers}) == 1:
            units.append((video if len(numbers) > 1 else predictions.video_ids[numbers[0]], numbers))
        else:
            segments += len(numbers)
            units += [(predictions.video_ids[i], [i]) for i in numbers]
    if all(len(numbers) == 1 for _, numbers in units):
        return predictions, None
    units.sort(key=lambda unit: unit[1][0])
    order = np.array([i for _, numbers in units for i in numbers])
    sizes = np.array([len(numbers) for _, numbers in units])
    starts = np.cumsum(sizes) - sizes
    # The logarithm of a sum of exponentials, of which the largest is taken out: none of them may become 0.
    logs = log_softmax(predictions.logits, temperature)[order]
    largest = np.maximum.reduceat(logs, starts)
    sums = np.add.reduceat(np.exp(logs - np.repeat(largest, sizes, axis=0)), starts)
    means = largest + np.log(sums / sizes[:, None])
    first = order[starts]
    pooled = Predictions(
        means.astype(np.float32),
        predictions.labels[first],
        tuple(predictions.groups[i] for i in first),
        tuple(name for name, _ in units),
    )
    return pooled, Tested(len(predictions.labels), len(units) - segments, segments)


def evaluate_side(
    side: str, predictions: Predictions, label_names: Sequence[str], temperature: float = 1.0
) -> dict[str, Any]:
    """What metrics.json has of a side: by video where some videos have several clips, and then also by clip."""
    by_clip = evaluate(predictions, label_names, temperature).to_json()
    pooled, tested = by_video(predictions, temperature)
    if tested is None:
        return {side: by_clip}
    found = {side: evaluate(pooled, label_names).to_json(), f"{side}_by_clip": by_clip}
    return {**found, **({"tested": asdict(tested)} if side != "val" else {})}


def tested_of(metrics: Mapping[str, Any]) -> Tested | None:
    """What metrics.json or crossval.json says of it; None where tests are by clip."""
    found = metrics.get("tested")
    return Tested(**found) if found else None


def with_suffix(predictions: Predictions, suffix: str) -> Predictions:
    """The same predictions for videos whose names end with a suffix; clips of one video remain so."""
    videos = [video_of(name) for name in predictions.video_ids]
    names = (
        f"{video}{suffix}{name.removeprefix(video)}" for video, name in zip(videos, predictions.video_ids, strict=True)
    )
    return replace(predictions, video_ids=tuple(names))


def unit_of(metrics: Mapping[str, Any]) -> tuple[str, str]:
    """What the figures of metrics.json or crossval.json count, in singular and plural: `clip` and `clips`."""
    tested = tested_of(metrics)
    if not tested:
        return "clip", "clips"
    return ("video or segment", "videos or segments") if tested.segments else ("video", "videos")
