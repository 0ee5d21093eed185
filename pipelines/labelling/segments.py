"""From the probabilities of a video's windows to segments with one label at a time: smoothing, shares of time, merging.

`segmentation.several` makes those of models that give several labels.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pipelines.core.label_sets import UNKNOWN
from pipelines.core.settings.fields import Name, SettingError, check_settings, setting
from pipelines.labelling.segmentation.runs import DIGITS, absorb_short, check, ms, owned, runs_of, segment_of, smooth
from pipelines.labelling.types import Segment
from pipelines.video.windows import Window


@dataclass(frozen=True, slots=True)
class SegmentSpec:
    """How the windows of a video become segments.

    Attributes:
        min_score: windows whose best class has a lower score after smoothing are `UNKNOWN`.
        min_duration_s: shorter segments are joined to a neighbour.
        smooth: number of windows over which a probability is averaged, with weights that fall off to both sides; 1 for
            no smoothing.
        top_k: number of classes that a segment lists with their probabilities.

    Raises:
        ValueError: a value is out of range; the message names it.
    """

    min_score: float = setting(
        0.0, metavar="SCORE", low=0, high=1,
        help="label a segment `unknown` if its best class has a lower score than this",
    )  # fmt: skip
    min_duration_s: float = setting(
        0.0, metavar="SECONDS", low=0, help="join segments shorter than this to a neighbour"
    )
    smooth: int = setting(
        3, metavar="N", low=1, help="average scores over this many windows, an odd number; 1 leaves them as they are"
    )
    top_k: int = setting(5, metavar="N", low=1, help="list this many classes with their scores, the best first")

    def __post_init__(self) -> None:
        check_settings(self)
        if self.smooth % 2 == 0:
            raise SettingError("{} must be an odd number of windows, not {}", Name("smooth"), self.smooth)

    def identity(self) -> dict[str, Any]:
        """The fields as a JSON object."""
        return asdict(self)


def make_segments(
    windows: Sequence[Window],
    probabilities: np.ndarray,
    labels: Sequence[str],
    spec: SegmentSpec,
    duration_s: float,
    num_windows: int | None = None,
    unfamiliar: np.ndarray | None = None,
) -> tuple[Segment, ...]:
    """The segments of a video, in order of time; each ends where the next one starts, unless windows are missing there.

    Args:
        windows: the N windows that were scored, by index, inside the video; a missing index is a window that failed.
        probabilities: float32 [N, C], a row for each window.
        labels: the C names of the classes. A class called `UNKNOWN` counts like too low a score.
        spec: how segments are made.
        duration_s: duration of the video in seconds.
        num_windows: how many windows the video has, including those that failed; None if all were scored. A video of
            a single window is one segment from 0 to `duration_s`.
        unfamiliar: float [N], how far each window is from the clips of training; None if the model can't tell.

    Returns:
        Segments with times rounded to milliseconds and scores to 6 decimals; none if there are no windows.

    Raises:
        ValueError: shapes don't match, values are not probabilities, or windows are out of order.
    """
    if not windows:
        return ()
    check(windows, probabilities, labels)
    shares = owned(windows, duration_s, num_windows)
    smoothed = smooth(np.array([window.index for window in windows]), probabilities.astype(np.float64), spec.smooth)
    unknown = labels.index(UNKNOWN) if UNKNOWN in labels else -1
    # Rounded as shown, so that no window of 0.7 misses a threshold of 0.7 by the last bit of a float32.
    surely = np.round(smoothed.max(axis=1), DIGITS) >= spec.min_score
    runs = runs_of(np.where(surely, smoothed.argmax(axis=1), unknown).tolist(), shares)
    runs = absorb_short(runs, ms(spec.min_duration_s))
    return tuple(segment_of(run, smoothed, shares, labels, spec.top_k, unfamiliar) for run in runs)
