"""What a model knows about which clips are like those of its training: part of `model_info.json`."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipelines.core.stored.typed_json import Amount, Count

UNFAMILIAR_OUTPUT = "unfamiliar"
"""Name of the SavedModel's output float32 [B]: the distance of a clip over the threshold."""
USUAL_SHARE = 0.1
"""A larger share of unfamiliar clips or videos is worth a warning; of familiar ones, about 5 % are expected."""
NO_RECORD = (
    "the model has no record of how far its validation clips were from its training clips: it was imported, or "
    "exported by an earlier version of this software"
)


@dataclass(frozen=True)
class Familiarity:
    """Whether a model can tell clips that are unlike those of its training, and from which distance on they are.

    Attributes:
        method: how the distance is measured; empty if the model can't tell.
        threshold: the distance beyond which a clip is unfamiliar; 0 if the model can't tell.
        quantiles: share of the validation clips, as a text, to the distance that as many are at most away.
        num_clips: number of validation clips, which the threshold is calibrated on.
        num_groups: number of their groups.
        reason: why the model can't tell; empty if it can.

    Raises:
        ValueError: there is neither a threshold nor a reason, or both.
    """

    method: str = ""
    threshold: Amount = 0.0
    quantiles: Mapping[str, Amount] = field(default_factory=dict)
    num_clips: Count = 0
    num_groups: Count = 0
    reason: str = NO_RECORD

    def __post_init__(self) -> None:
        if not (math.isfinite(self.threshold) and (self.threshold > 0) != bool(self.reason)):
            raise ValueError(f"threshold must be above 0, or there must be a reason, not {self.threshold!r}")

    @property
    def is_known(self) -> bool:
        """Whether the model can tell."""
        return not self.reason
