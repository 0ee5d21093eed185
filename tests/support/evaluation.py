"""Truths and labels for tests of measures, and folders of labels."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pipelines.annotations.types import Annotation
from pipelines.core.failure import Failure
from pipelines.evaluation.events import Events
from pipelines.evaluation.gathering import Gathered, Labelled, gather
from pipelines.labelling.rows import rows, write_rows
from pipelines.labelling.types import LabelledVideo, Segment

Stretch = tuple[str, float, float]
"""Label, start and end in seconds."""


def events(*found: tuple[int, int, float, float] | tuple[int, int, float, float, float]) -> Events:
    """Events from video, label, start, end and perhaps score."""
    return Events.of((*row, 1.0) if len(row) == 4 else row for row in found)


def of_one_video(*found: tuple[int, float, float]) -> Events:
    """Events of one video from label, start and end."""
    return events(*((0, *row) for row in found))


def annotations(truth: Mapping[str, Iterable[Stretch]], groups: Mapping[str, str] | None = None) -> list[Annotation]:
    """The truth of videos, as a table would have it."""
    found: list[Annotation] = []
    for video, stretches in truth.items():
        group = (groups or {}).get(video, "")
        for label, start_s, end_s in stretches:
            found.append(Annotation(video, start_s, end_s, (label,), group, place=f"line {len(found) + 2}"))
    return found


def detections(found: Mapping[str, Sequence[tuple[str, float, float, float]]], length_s: float = 0) -> list[Labelled]:
    """The labels of videos from label, start, end and score."""
    return [
        Labelled(video, video, "00ff", max([length_s, *(row[2] for row in rows)]), tuple(rows), ())
        for video, rows in found.items()
    ]


def gathered(
    truth: Mapping[str, Iterable[Stretch]],
    found: Mapping[str, Sequence[tuple[str, float, float, float]]],
    length_s: float = 0,
    groups: Mapping[str, str] | None = None,
) -> Gathered:
    """Both together."""
    return gather(annotations(truth, groups), detections(found, length_s))


def write_labels(
    folder: Path,
    found: Mapping[str, Sequence[tuple[str, float, float, float]]],
    failures: Sequence[Failure] = (),
) -> Path:
    """A folder as `pipelines.label` leaves it."""
    folder.mkdir()
    name = "labels-00000-of-00001.jsonl"
    videos = [
        LabelledVideo(
            video, video, stretches[-1][2], False,
            tuple(Segment(start, end, label, score, ((label, score),)) for label, start, end, score in stretches),
        )
        for video, stretches in found.items()
    ]  # fmt: skip
    with open(folder / name, "wb") as file:
        write_rows(file, (row for video in videos for row in rows(video, "00ff")), "jsonl")
    (folder / "failures.jsonl").write_text("".join(failure.to_line() for failure in failures))
    (folder / "summary.json").write_text(json.dumps({"files": {"labels": [name]}}))
    return folder
