"""What is known of the two sides of a comparison, and what it finds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

LABELS, SCORES, DURATIONS = "label shares", "scores", "durations"
BRIGHTNESS, MOTION, RESOLUTION = "brightness", "motion", "resolution"
EMBEDDINGS = "embeddings"
QUANTITIES = (LABELS, SCORES, DURATIONS, BRIGHTNESS, MOTION, RESOLUTION, EMBEDDINGS)
"""All that is compared, in the order of the page."""


@dataclass(frozen=True)
class Measured:
    """What was measured of a video; None or empty where it isn't known.

    Attributes:
        video: its id.
        group: the videos that share its source.
        shares: label to the share of the video, from 0 to 1, that has it.
        score: mean score of its segments, weighted by their lengths.
        duration_s: its length in seconds.
        brightness: mean luma of its frames, from 0 to 255.
        motion: mean absolute difference of successive frames of a clip in luma, from 0 to 255.
        resolution: square root of the number of pixels of a frame of the file.
        embedding: float32 [d], mean over its windows.
    """

    video: str
    group: str
    shares: Mapping[str, float] = field(default_factory=dict)
    score: float | None = None
    duration_s: float | None = None
    brightness: float | None = None
    motion: float | None = None
    resolution: float | None = None
    embedding: npt.NDArray[np.float32] | None = None

    def number(self, quantity: str) -> float | None:
        """The value of a quantity that is a number."""
        value: float | None = getattr(self, {SCORES: "score", DURATIONS: "duration_s"}.get(quantity, quantity))
        return value


@dataclass(frozen=True)
class Side:
    """A dataset, or a run of labels.

    Attributes:
        name: its folder, as it was given.
        kind: `dataset` or `labels`.
        videos: what was measured, a random choice if there are very many.
        num_videos: number of all its videos.
        missing: quantity to the reason why it isn't known.
        notes: sentences about what could be read.
        model: what made the embeddings; those of two models can't be compared.
    """

    name: str
    kind: str
    videos: tuple[Measured, ...]
    num_videos: int
    missing: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    model: str = ""


@dataclass(frozen=True)
class Finding:
    """The comparison of one quantity.

    Attributes:
        quantity: what was compared, one of `QUANTITIES`.
        test: name of the test.
        statistic: its value.
        p_value: how likely such a value is if both sides come from one source.
        adjusted_p: the same, adjusted for the number of tests.
        least_p_value: the smallest that there can be with so few groups, or so many permutations.
        effect: name of the effect size.
        effect_size: how much the sides differ, from 0 to 1, whatever the number of videos.
        videos: number of videos of each side.
        groups: number of independent groups of videos of each side.
        typical: for each side the median, or the most frequent label.
        can_tell: whether there are enough groups for any difference to be significant.
        drifted: whether the difference is significant, and its size above the threshold.
        picture: what a page needs to draw it: for labels their shares, for numbers the values, for each side.
    """

    quantity: str
    test: str
    statistic: float
    p_value: float
    adjusted_p: float
    least_p_value: float
    effect: str
    effect_size: float
    videos: tuple[int, int]
    groups: tuple[int, int]
    typical: tuple[str, str]
    can_tell: bool
    drifted: bool
    picture: tuple[Any, Any] = field(repr=False)


@dataclass(frozen=True)
class Comparison:
    """All findings on two sides.

    Attributes:
        sides: the sides.
        findings: what could be compared.
        left_out: quantity to the reason why it couldn't.
        threshold: the effect size above which a significant difference is drift.
    """

    sides: tuple[Side, Side]
    findings: tuple[Finding, ...]
    left_out: Mapping[str, str]
    threshold: float

    @property
    def drifted(self) -> tuple[Finding, ...]:
        """What has drifted."""
        return tuple(finding for finding in self.findings if finding.drifted)

    def why_left_out(self) -> list[str]:
        """A line for each reason why quantities couldn't be compared."""
        reasons: dict[str, list[str]] = {}
        for quantity, reason in self.left_out.items():
            reasons.setdefault(reason, []).append(quantity)
        return [f"{', '.join(quantities)}: {reason}" for reason, quantities in reasons.items()]

    def to_json(self) -> dict[str, Any]:
        """The content of `drift.json`."""
        first, second = self.sides
        return {
            "drifted": [finding.quantity for finding in self.drifted],
            "threshold": self.threshold,
            "sides": [
                {"name": side.name, "kind": side.kind, "videos": side.num_videos, "notes": list(side.notes)}
                for side in (first, second)
            ],
            "findings": [
                {key: value for key, value in vars(finding).items() if key != "picture"} for finding in self.findings
            ],
            "left_out": dict(self.left_out),
        }
