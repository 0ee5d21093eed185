"""Which runs of packets give the wanted frames of a video whose packets are listed. Pure, over numbers."""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np


class Run(NamedTuple):
    """Packets that are decoded on their own, by their positions in stored order.

    Attributes:
        first: position of the key frame to start from.
        end: position after that of the last packet.
        wanted: positions of the packets whose frames are wanted, ascending.
    """

    first: int
    end: int
    wanted: tuple[int, ...]


def plan_runs(pts: np.ndarray, keys: np.ndarray, wanted: Collection[int]) -> list[Run] | None:
    """The runs that give some frames, each from the nearest key frame; None where not all have one.

    Pictures that are stored after a key frame and shown before it may refer to what precedes it: they are decoded from
    an earlier one. A key frame helps only if nothing stored before it is shown after it.

    Args:
        pts: int64 [n], distinct: when the packets, in stored order, are shown.
        keys: bool [n], which are key frames.
        wanted: display indices of the wanted frames.
    """
    order = np.argsort(pts, kind="stable")
    latest_before = np.concatenate((pts[:1] - 1, np.maximum.accumulate(pts)[:-1]))
    starts = np.flatnonzero(keys & (latest_before < pts))
    runs: dict[int, list[int]] = {}
    for position in sorted(order[sorted(wanted)].tolist()):
        place = int(np.searchsorted(starts, position, side="right")) - 1
        while place >= 0 and pts[starts[place]] > pts[position]:
            place -= 1
        if place < 0:
            return None
        runs.setdefault(int(starts[place]), []).append(position)
    return [Run(first, found[-1] + 1, tuple(found)) for first, found in sorted(runs.items())]
