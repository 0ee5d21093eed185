"""The histogram of the durations of a dataset's clips."""

import math
import sys
from collections import Counter
from collections.abc import Mapping, Sequence

from pipelines.reports.charts import Column, histogram, nice_step
from pipelines.reports.parts import color_key, series_color, soft
from pipelines.reports.text import human_seconds, plural

_NUM_BINS = 32


def durations(seconds: Mapping[str, Sequence[float]], facts: str) -> str:
    """A plot of durations, with the splits stacked. Values that are NaN, infinite or below 0 are left out.

    Args:
        seconds: name of a split to its durations in seconds.
        facts: a line about all of them.
    """
    known = {name: [value for value in values if 0 <= value < math.inf] for name, values in seconds.items()}
    together = [value for values in known.values() for value in values]
    if not together:
        return soft("No clips of known duration.")
    step, num_bins = choose_bins(together)
    bins = [Counter[str]() for _ in range(num_bins)]
    for name, values in known.items():
        for value in values:
            bins[_bin_of(value, step, num_bins)][name] += 1
    columns: list[Column] = []
    for index, counts in enumerate(bins):
        bars = [(series_color(color), counts[name]) for color, name in enumerate(known) if counts[name]]
        said = ", ".join(f"{plural(counts[name], 'clip')} in {name}" for name in known if counts[name])
        columns.append((bars, f"{_shown(index * step)} to {_shown((index + 1) * step)}: {said or 'no clips'}"))
    notes = [facts]
    if max(together) > num_bins * step:
        notes.append("the last bar holds all longer ones too")
    if left_out := sum(map(len, seconds.values())) - len(together):
        notes.append(f"{plural(left_out, 'clip')} of unknown duration")
    keys = "".join(color_key(color, name) for color, name in enumerate(known))
    ticks = [_shown(num_bins * step * quarter / 4) for quarter in range(5)]
    return histogram("durations", "clip", columns, keys, ticks, " · ".join(notes))


def _shown(seconds: float) -> str:
    return human_seconds(seconds).replace(".0 s", " s")


def choose_bins(values: Sequence[float]) -> tuple[float, int]:
    """Width and number of equal bins from 0 on; the last is open if a few videos are much longer than all others."""
    ordered = sorted(values)
    top, most = ordered[-1], ordered[int(0.99 * (len(ordered) - 1))]
    if top > 3 * most > 0:
        top = most
    step = nice_step(max(top / _NUM_BINS, 0.01))
    return step, _bin_of(top, step, sys.maxsize) + 1


def _bin_of(value: float, step: float, num_bins: int) -> int:
    return min(int(value / step + 1e-9), num_bins - 1)  # the small addend: 0.3 / 0.1 is less than 3
