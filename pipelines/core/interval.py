"""A measured statistic with its 95 % interval, by bootstrap: from its values in many draws of whole groups."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Self

import numpy as np

from pipelines.core.stored.typed_json import build

NUM_RESAMPLES = 1000
_RESAMPLES_AT_ONCE = 100
_TAIL = 0.025


@dataclass(frozen=True, slots=True)
class Interval:
    """A statistic and its 95 % interval.

    Raises:
        ValueError: the value is not between the ends.
    """

    value: float
    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.value <= self.high:
            raise ValueError(f"{self.value} is not from {self.low} to {self.high}")

    @property
    def limits(self) -> str:
        """Its ends in percent, `85.0 to 95.1%`."""
        return f"{100 * self.low:.1f} to {self.high:.1%}"

    def __str__(self) -> str:
        return f"{self.value:.1%} ({self.limits})"

    def to_json(self) -> dict[str, float]:
        """As a dictionary for JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, float]) -> Self:
        """Reads what `to_json` returned.

        Raises:
            ValueError: the value is something else.
        """
        return build(cls, value)


def draws(num_groups: int, num_resamples: int = NUM_RESAMPLES) -> Iterator[np.ndarray]:
    """How often each group is drawn, int64 [rows, G] at a time, `num_resamples` rows in all; the same every time.

    Raises:
        ValueError: there are no groups, or no resamples are asked for.
    """
    if not num_groups or num_resamples < 1:
        raise ValueError(f"no interval without clips and resamples: {num_groups} groups, {num_resamples} resamples")
    rng = np.random.default_rng(0)
    for start in range(0, num_resamples, _RESAMPLES_AT_ONCE):
        rows = min(_RESAMPLES_AT_ONCE, num_resamples - start)
        drawn = rng.integers(num_groups, size=(rows, num_groups)) + np.arange(rows)[:, None] * num_groups
        yield np.bincount(drawn.ravel(), minlength=rows * num_groups).reshape(rows, num_groups)


def interval_of(
    value: float, values: np.ndarray, num_groups: int, bounds: tuple[float, float] = (0.0, 1.0)
) -> Interval:
    """The interval of a statistic from its values in draws of groups; see `trainer.evaluation.intervals`.

    Args:
        value: of all groups.
        values: [R], of the draws; NaN where a draw has none.
        num_groups: number of groups.
        bounds: least and greatest value that the statistic can take.
    """
    values = values[np.isfinite(values)]
    if num_groups == 1 or not len(values):
        return Interval(value, *bounds)
    low, high = (float(end) for end in np.quantile(values, [_TAIL, 1 - _TAIL]))
    if high - low < 1e-12:
        alike = _TAIL ** (1 / num_groups)
        low, high = (alike * value + (1 - alike) * bound for bound in bounds)
    return Interval(value, min(low, value), max(high, value))
