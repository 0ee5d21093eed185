"""The learning rate over a run."""

import math


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
