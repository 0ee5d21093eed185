"""How long a run is, and the learning rate over it."""

import math

MIN_EPOCHS, MIN_STEPS = 30, 700
"""Small datasets have few steps in an epoch; to find out what matters, a network needs some hundreds of them."""


def choose_length(epochs: int, patience: int, steps: int) -> tuple[int, int]:
    """Epochs and patience, where 0 stands for a choice by the number of steps in an epoch.

    Early stopping waits for half of the run: the loss on few validation clips is a rough guide, above all at the start.
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
