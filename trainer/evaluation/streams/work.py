"""Which stream of a two-stream network does the work: what each keeps of its accuracy with the other switched off.

A stream is enough if, alone, it keeps at least `ENOUGH` of what both together gain over a guess: over chance, or over
always naming the most frequent class if that scores more. Where one stream is enough, it does the work; where each is,
either would; where none is, it takes both. A network that isn't clearly better than a guess has done no work.

The answer is sure if for each stream its margin, which is what it gains alone minus `ENOUGH` of what both gain on the
same clips, is clearly above or below 0 (`streams.margins.is_clear`). The interval of a share can't tell that: where few
groups are all alike, it is wide by construction.

Pure: knows neither files nor TensorFlow.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from pipelines.core.interval import Interval

MOTION, APPEARANCE = STREAMS = ("motion", "appearance")
BOTH, EITHER, UNKNOWN = "both", "either", "unknown"
ENOUGH = 0.9


@dataclass(frozen=True)
class Work:
    """Who does the work.

    Attributes:
        by: `motion`, `appearance`, `both`, `either` or `unknown`.
        sure: whether differences between groups leave no other answer.
        kept: for each stream, how much of what both gain over a guess it keeps alone; empty where that is unknown.
    """

    by: str
    sure: bool
    kept: Mapping[str, Interval]

    @classmethod
    def from_json(cls, streams: Mapping[str, Any]) -> Self:
        """Reads `streams` of metrics.json or crossval.json."""
        found = {name: streams[name].get("kept") for name in (MOTION, APPEARANCE)}
        kept = {name: Interval.from_json(value) for name, value in found.items() if value}
        return cls(str(streams["work"]), bool(streams["sure"]), kept)

    @property
    def sentence(self) -> str:
        """It in words."""
        if self.by == UNKNOWN:
            return "which stream does the work can't be told: the model isn't clearly better than a guess"
        shares = {name: f"{max(value.value, 0.0):.0%}" for name, value in self.kept.items()}
        motion, appearance = shares[MOTION], shares[APPEARANCE]
        said = {
            MOTION: f"motion does the work: alone, it keeps {motion} of the gain over a guess, appearance {appearance}",
            APPEARANCE: f"appearance does the work: alone, it keeps {appearance} of the gain over a guess, motion "
            f"{motion}",
            BOTH: f"it takes both streams: of the gain over a guess, motion alone keeps {motion}, appearance alone "
            f"{appearance}",
            EITHER: f"either stream would do: of the gain over a guess, motion alone keeps {motion}, appearance alone "
            f"{appearance}",
        }[self.by]
        return said if self.sure else f"{said}; differences between groups leave room for another answer"


def named_network(model: Mapping[str, Any]) -> str:
    """A network in words, from `model` of metrics.json: `lrcn (default) with efficientnet-lite0`."""
    appearance = f" with {model['appearance']}" if model.get("appearance") else ""
    return f"{model['name']} ({model['variant']}){appearance}"


def who_works(together: Interval, guess: float, worse_by: Mapping[str, Interval], sure: bool) -> Work:
    """Who does the work, by the rule above.

    Args:
        together: accuracy, or mAP, of both streams.
        guess: that of the best guess.
        worse_by: for each stream, the figure of both minus its own alone, on the same clips.
        sure: whether the margin of each is clear.
    """
    if together.low <= guess:
        return Work(UNKNOWN, False, {})
    gain = together.value - guess
    kept = {
        name: Interval(*(1 - loss / gain for loss in (worse.value, worse.high, worse.low)))
        for name, worse in worse_by.items()
    }
    enough = {name for name, share in kept.items() if share.value >= ENOUGH}
    by = {0: BOTH, len(kept): EITHER}.get(len(enough)) or next(iter(enough))
    return Work(by, sure, kept)
