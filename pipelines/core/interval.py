"""A measured share or statistic with its 95 % interval."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Self

from pipelines.core.stored.typed_json import build


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
