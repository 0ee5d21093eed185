"""Which epoch's weights a run keeps, and when it stops early. Pure: knows neither files nor TensorFlow.

The learning rate falls to almost zero and weights are averaged, so the last epoch is the one to expect most of. The
lowest of many validation losses lies lower by chance alone, the more so the fewer groups validate: with three or four,
an early epoch often wins that is clearly worse on new groups (docs/explanation/results.md has the figures). So the last
epoch is kept, unless its loss is higher than the lowest by more than chance explains.
"""

import math

import numpy as np

from trainer.evaluation.intervals import quantile
from trainer.training.checkpoint import State


def end_epoch(state: State, losses: np.ndarray, groups: np.ndarray, patience: int, epochs: int) -> bool:
    """Records an epoch's validation in the state: whether it is the best so far, and whether training stops.

    Args:
        state: before its `epoch` is counted up; afterwards it is.
        losses: float [N], the calibrated loss of each validation clip.
        groups: int [N], the number of each clip's group.
        patience, epochs: see `Plan`.

    Returns:
        whether the loss is the lowest so far.
    """
    counts = np.bincount(groups)
    sums = np.bincount(groups, losses)
    loss = float(losses.mean())
    best = state.best_loss is None or loss < state.best_loss
    if best:
        state.best_loss, state.best_epoch, state.best_sums = loss, state.epoch, sums.tolist()
    if state.keeps_lowest:
        waited = state.epoch - state.best_epoch
    else:
        state.worse = state.worse + 1 if is_clearly_higher(sums, np.array(state.best_sums), counts) else 0
        waited = state.worse
    state.epoch += 1
    if waited >= patience:
        state.stopped = "early"
    elif state.epoch >= epochs:
        state.stopped = "finished"
    state.last_kept = bool(state.stopped) and not state.keeps_lowest and not state.worse
    return best


def is_clearly_higher(sums: np.ndarray, other: np.ndarray, counts: np.ndarray) -> bool:
    """Whether the mean loss of the same clips is higher than another one by more than chance explains.

    The clips of a group are good or bad together, so chance is what differs between groups: a t test, at 5 %, of the
    mean over all clips of the difference, with the groups as the units that were drawn (Cochran 1977, "Sampling
    Techniques", section 6.3: a ratio estimate). One group tells nothing about others.

    Args:
        sums, other: float [G], the sum of the losses of each group's clips.
        counts: int [G], how many these are.
    """
    number, clips = len(counts), counts.sum()
    if number < 2:
        return False
    differences = sums - other
    mean = differences.sum() / clips
    spread = math.sqrt(float(np.square(differences - mean * counts).sum()) * number / (number - 1)) / clips
    return bool(mean > quantile(number - 1) * spread)
