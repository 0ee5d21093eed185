"""What a run is to do: how long it is, and its learning rate over time."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MIN_EPOCHS, MIN_STEPS = 30, 700
"""Small datasets have few steps in an epoch; a network needs several hundred of them to learn."""


@dataclass(frozen=True)
class Plan:
    """What a run is to do.

    Attributes:
        title: shown in front of progress.
        folder: where the checkpoints go.
        epochs, learning_rate, warmup_epochs, patience: see `--help` of `trainer.task`.
        checkpoint_every_s: time between two checkpoints within an epoch.
        identity: everything that determines the weights; a resumed run must have the same.
        ahead: steps that may be under way before the loss of the first of them is read.
    """

    title: str
    folder: str
    epochs: int
    learning_rate: float
    warmup_epochs: float
    patience: int
    checkpoint_every_s: float
    identity: Mapping[str, Any]
    ahead: int = 0


def choose_length(epochs: int, patience: int, steps: int) -> tuple[int, int]:
    """Epochs and patience, where 0 stands for a choice by the number of steps in an epoch.

    Early stopping waits for half of the run: the loss on few validation clips is a rough guide, at first especially.
    """
    epochs = epochs or max(MIN_EPOCHS, -(-MIN_STEPS // steps))
    return epochs, patience or -(-epochs // 2)


def learning_rate(position: float, epochs: int, peak: float, warmup_epochs: float) -> float:
    """Rises linearly to its peak, then falls along a cosine to a hundredth of it.

    Args:
        position: epochs done, with the fraction of the current one.
        epochs: length of the run.
        peak: the highest rate.
        warmup_epochs: length of the rise; at most half of the run.
    """
    warmup = min(warmup_epochs, epochs / 2)
    if position < warmup:
        return peak * (position + 1e-3) / (warmup + 1e-3)
    share = (position - warmup) / max(epochs - warmup, 1e-9)
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(share, 1.0))))
