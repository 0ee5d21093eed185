"""How much each class counts in the loss."""

from collections.abc import Sequence

MOST_WEIGHT = 10.0
"""Of a class' head, where clips may have several labels, in units of that of the commonest class."""


def class_weights(class_counts: Sequence[int], choice: str) -> tuple[float, ...]:
    """The weight of each class in the loss: inverse to its frequency, 1 on average over the clips; all 1 for `none`.

    `auto` weighs where the largest class has more than one and a half times the clips of the smallest.
    """
    present = [count for count in class_counts if count]
    if choice == "none" or (choice == "auto" and max(present) <= 1.5 * min(present)):
        return (1.0,) * len(class_counts)
    return tuple(sum(present) / (len(present) * count) if count else 0.0 for count in class_counts)


def head_weights(class_counts: Sequence[int], choice: str) -> tuple[float, ...]:
    """The weight of each class in the loss where clips may have several labels; 1 on average over the classes.

    It holds for the clips with the label as for those without, so that probabilities stay those of a clip's having the
    label. It is inverse to the number of clips with the label, but at most ten times that of the commonest, as few
    clips must not decide everything. A class without clips has the least weight: it is learnt never to occur.

    Args:
        class_counts: number of training clips of each class.
        choice: as for `class_weights`.
    """
    present = [count for count in class_counts if count]
    if choice == "none" or (choice == "auto" and max(present) <= 1.5 * min(present)):
        return (1.0,) * len(class_counts)
    raw = [min(max(present) / count, MOST_WEIGHT) if count else 1.0 for count in class_counts]
    return tuple(weight * len(raw) / sum(raw) for weight in raw)
