"""What an evaluation found: what `evaluation.json` holds, and what the page and the table are made from."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Self

from pipelines.core.interval import Interval
from pipelines.core.stored.descriptions import read_versioned
from pipelines.core.stored.json_text import pretty_json
from pipelines.core.stored.typed_json import build

RESULT, PAGE = "evaluation.json", "evaluation.html"
SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class ClassResult:
    """The measures of a class.

    Attributes:
        label: its name.
        truth: number of true events.
        found: number of detections.
        right: number of detections that overlap a true event by half.
        truth_s: seconds of true events.
        found_s: seconds of detections.
        ap: average precision, the mean over all thresholds; None where there is no true event.
        ap_at_half: average precision at a temporal overlap of one half.
        precision: share of detections that are right; None without any.
        recall: share of true events that are found; None without any.
        curve: recall and precision after some detections, best score first.
    """

    label: str
    truth: int
    found: int
    right: int
    truth_s: float
    found_s: float
    ap: Interval | None
    ap_at_half: Interval | None
    precision: float | None
    recall: float | None
    curve: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class VideoResult:
    """How well the labels of a video fit.

    Attributes:
        video: its id in the labels.
        group: its group; empty if the truth gives none.
        length_s: its length in seconds.
        right_s: seconds in which truth and labels agree, those without any label among them.
        truth, found, right: numbers as in `ClassResult`.
        edit: edit score; None where events overlap.
    """

    video: str
    group: str
    length_s: float
    right_s: float
    truth: int
    found: int
    right: int
    edit: float | None

    @property
    def f1(self) -> float:
        """F1 of its detections at half overlap; 1 where there are neither events nor detections."""
        return 2 * self.right / (self.truth + self.found) if self.truth + self.found else 1.0


@dataclass(frozen=True, slots=True)
class Bar:
    """An event on a timeline, true or given; `right` if a detection overlaps a true event by half."""

    label: str
    start_s: float
    end_s: float
    score: float
    right: bool


@dataclass(frozen=True, slots=True)
class Timeline:
    """What happens in a video and what its labels say, the first events of each; `lost` are parts that failed."""

    video: str
    length_s: float
    truth: tuple[Bar, ...]
    found: tuple[Bar, ...]
    lost: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Lost:
    """A video, or a part of it, that has no labels, as it failed; the times are None for a whole video."""

    video: str
    start_s: float | None
    end_s: float | None


@dataclass(frozen=True, slots=True)
class Confusion:
    """Seconds by true and given label, [truth][found]; the last label stands for none."""

    labels: tuple[str, ...]
    seconds: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Evaluation:
    """The measures of some labels against a truth. A notebook shows the page.

    Attributes:
        labels: the labels that were measured.
        truth: the truth.
        background: labels that were taken for nothing.
        models: fingerprints of the models that made the labels.
        counts: `videos`, `groups` (0 if the truth gives none), `events`, `detections`, `only_in_truth`,
            `only_in_labels`, `failed`, `overlapping`, `problems`.
        draws: number of draws of the intervals.
        measures: name to share, None where it isn't defined. See `docs/how-to/evaluate.md`.
        classes: the measures of each class, by name.
        confusion: where the seconds went.
        videos: each video, the worst first.
        timelines: the worst videos.
        notes: what a person should know, those first that put the measures in doubt.
        num_loud: how many of the notes do so.
        problems: what is wrong with events of the truth, the first ones.
        lost: what failed, the first ones.
        only_in_truth: videos that the labels lack, the first ones.
        only_in_labels: videos that the truth lacks, the first ones.
        versions: packages and their versions.
    """

    labels: str
    truth: str
    background: tuple[str, ...]
    models: tuple[str, ...]
    counts: Mapping[str, int]
    draws: int
    measures: Mapping[str, Interval | None]
    classes: tuple[ClassResult, ...]
    confusion: Confusion
    videos: tuple[VideoResult, ...]
    timelines: tuple[Timeline, ...]
    notes: tuple[str, ...]
    num_loud: int
    problems: tuple[str, ...]
    lost: tuple[Lost, ...]
    only_in_truth: tuple[str, ...]
    only_in_labels: tuple[str, ...]
    versions: Mapping[str, str]

    def to_json(self) -> Iterator[str]:
        """The parts of a text that `from_json` reads."""
        value = json.loads(json.dumps({"schema_version": SCHEMA_VERSION, **asdict(self)}, allow_nan=False))
        yield from pretty_json(value, indent=2)
        yield "\n"

    @classmethod
    def from_json(cls, text: str, name: str = RESULT) -> Self:
        """Reads what `to_json` wrote.

        Raises:
            UserError: it is of another version.
            ValueError: the text is something else.
        """
        value = read_versioned(text, name, SCHEMA_VERSION)
        value.pop("schema_version")
        return build(cls, value)

    def _repr_html_(self) -> str:
        from pipelines.evaluation.pages.report import render_evaluation
        from pipelines.reports.embed import framed

        return framed(render_evaluation(self))
