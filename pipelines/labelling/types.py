"""The results of the labelling job: segments, labelled videos, examples, and reports."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from pipelines.core.failure import Failure

SCORE_BINS = 20
"""Number of bins of equal width from 0 to 1 in histograms of scores."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a video with one label.

    Attributes:
        start_s: its start, in seconds from the video's first frame.
        end_s: its end, exclusive.
        label: name of the class, or `UNKNOWN`.
        score: mean probability of the best class over the segment, after smoothing; calibrated if the model is. Of a
            model that gives several labels, that of the segment's own class.
        top: the best classes with their mean probabilities, best first.
        unfamiliar: mean over the segment of how far its windows are from the clips of training, in units of the
            largest usual distance; None if the model can't tell.
    """

    start_s: float
    end_s: float
    label: str
    score: float
    top: tuple[tuple[str, float], ...]
    unfamiliar: float | None = None

    @property
    def is_unfamiliar(self) -> bool | None:
        """Whether it is unlike the clips of training; None if the model can't tell."""
        return None if self.unfamiliar is None else self.unfamiliar > 1


def covered_s(segments: Iterable[Segment]) -> float:
    """Seconds in which there is at least one of some segments, which may overlap and are ordered by their start."""
    total, end = 0.0, -math.inf
    for segment in segments:
        total += max(segment.end_s - max(segment.start_s, end), 0.0)
        end = max(end, segment.end_s)
    return total


@dataclass(frozen=True, slots=True)
class LabelledVideo:
    """A video with its segments in order, by start. Those of a model that gives several labels may overlap.

    `damaged` if only a part of its frames could be decoded; `remark` is what a person should know about it.
    """

    video: str
    uri: str
    duration_s: float
    damaged: bool
    segments: tuple[Segment, ...]
    remark: str = ""

    @property
    def is_unfamiliar(self) -> bool:
        """Whether more than half of its labelled time is unlike the clips of training.

        Time with several labels counts for each of them.
        """
        total = sum(segment.end_s - segment.start_s for segment in self.segments)
        far = [segment for segment in self.segments if segment.is_unfamiliar]
        if total <= 0:  # a video without duration, which has one segment
            return bool(far)
        return sum(segment.end_s - segment.start_s for segment in far) > total / 2


@dataclass(frozen=True, slots=True)
class Example:
    """A segment to look at, with some frames of it: `strip` is a JPEG file in base64."""

    video: str
    start_s: float
    end_s: float
    label: str
    score: float
    top: tuple[tuple[str, float], ...]
    strip: str
    is_unfamiliar: bool = False
    uri: str = ""


@dataclass(frozen=True, slots=True)
class ListedSegment:
    """A segment in the list of a page, with where to find its video."""

    video: str
    uri: str
    start_s: float
    end_s: float
    label: str
    score: float
    is_unfamiliar: bool = False


@dataclass(frozen=True)
class LabelReport:
    """The report on one shard of labels, or on all of them: what the summary and the page are made from.

    A notebook shows the page.

    Attributes:
        videos: number of videos listed for the shard.
        labelled: number of videos with at least one segment.
        failed: number of videos without segments.
        damaged: number of labelled videos of which only a part could be decoded.
        remarked: number of labelled videos with a remark.
        single: number of labelled videos that are a single picture.
        unfamiliar: number of labelled videos that are unlike the clips of training.
        unfamiliar_segments: number of segments that are.
        windows: number of clips that were scored.
        duration_s: total duration of the labelled videos in seconds.
        covered_s: seconds of these in segments, however many there are at a time.
        segments_by_label: label to number of segments, `UNKNOWN` among them.
        seconds_by_label: label to seconds; where segments overlap, these add up to more than `covered_s`.
        score_histogram: number of segments in each of `SCORE_BINS` equal bins of the score, the last one closed.
        failures_by_reason: type of the error to number of failure records.
        failures: the first failure records by video and time; the full list is in `failures.jsonl`.
        uncertain: the segments with the lowest scores, the lowest first, `UNKNOWN` ones among them.
        remarks: the first videos with a remark, each with the remark.
        timelines: the videos with the most segments, if more than one, most first.
        segments: of each label the segments with the lowest and the highest scores, by label, score and place; all, if
            they are few.
    """

    videos: int = 0
    labelled: int = 0
    failed: int = 0
    damaged: int = 0
    remarked: int = 0
    single: int = 0
    unfamiliar: int = 0
    unfamiliar_segments: int = 0
    windows: int = 0
    duration_s: float = 0.0
    covered_s: float = 0.0
    segments_by_label: Mapping[str, int] = field(default_factory=dict)
    seconds_by_label: Mapping[str, float] = field(default_factory=dict)
    score_histogram: tuple[int, ...] = (0,) * SCORE_BINS
    failures_by_reason: Mapping[str, int] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    uncertain: tuple[Example, ...] = ()
    timelines: tuple[LabelledVideo, ...] = ()
    segments: tuple[ListedSegment, ...] = ()
    remarks: tuple[tuple[str, str], ...] = ()

    @property
    def labelled_s(self) -> float:
        """Seconds in segments, each counted once."""
        return self.covered_s or sum(self.seconds_by_label.values())

    @property
    def overlaps(self) -> bool:
        """Whether some time has several labels."""
        return sum(self.seconds_by_label.values()) > self.labelled_s + 1e-3 * sum(self.segments_by_label.values())

    def _repr_html_(self) -> str:
        from pipelines.labelling.report import render_label_report
        from pipelines.reports.embed import framed

        return framed(render_label_report(self, {}, "Labels"))

    def to_json(self) -> str:
        """One line of JSON; `from_json` reads it."""
        return json.dumps({**asdict(self), "failures": [failure.to_json() for failure in self.failures]})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads what `to_json` wrote.

        Raises:
            ValueError, TypeError, KeyError: the text has another form or is cut off.
        """
        value: dict[str, Any] = json.loads(text)
        if "covered_s" not in value:  # of an earlier version, in which segments didn't overlap
            value["covered_s"] = round(math.fsum(value["seconds_by_label"].values()), 3)
        value["score_histogram"] = tuple(value["score_histogram"])
        value["failures"] = tuple(map(Failure.from_json, value["failures"]))
        value["uncertain"] = tuple(Example(**{**item, "top": _pairs(item["top"])}) for item in value["uncertain"])
        value["segments"] = tuple(ListedSegment(**item) for item in value.get("segments", ()))
        value["timelines"] = tuple(_video(item) for item in value["timelines"])
        value["remarks"] = tuple((video, remark) for video, remark in value["remarks"])
        return cls(**value)


def _pairs(value: Any) -> tuple[tuple[str, float], ...]:
    return tuple((name, score) for name, score in value)


def _video(value: dict[str, Any]) -> LabelledVideo:
    segments = tuple(Segment(**{**item, "top": _pairs(item["top"])}) for item in value["segments"])
    return LabelledVideo(**{**value, "segments": segments})
