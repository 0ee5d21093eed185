"""Which time of a video has no labels because it failed."""

from collections.abc import Iterable

Stretch = tuple[float, float]
"""Start and end in seconds."""


def without_labels(failed: Iterable[Stretch], labelled: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """The time that failed, in order and each moment once, without that which has labels all the same.

    Windows overlap: where one fails, its neighbours may give labels to all of its time, and where two in a row do, they
    have the middle in common.
    """
    changes = [(time_s, change, 0) for stretch in failed for time_s, change in zip(stretch, (1, -1), strict=True)]
    changes += [(time_s, 0, change) for stretch in labelled for time_s, change in zip(stretch, (1, -1), strict=True)]
    found: list[Stretch] = []
    before_s, failures, labels = 0.0, 0, 0
    for time_s, failure, label in sorted(changes):
        if failures and not labels and time_s > before_s:
            if found and found[-1][1] == before_s:
                found[-1] = found[-1][0], time_s
            else:
                found.append((before_s, time_s))
        before_s, failures, labels = time_s, failures + failure, labels + label
    return tuple(found)
