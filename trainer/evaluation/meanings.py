"""What the figures of a report mean, each in a line for people who don't know them."""

import math
from collections.abc import Mapping
from typing import Any

TOP1 = "how often the most probable class is the right one"
TOP5 = "how often the right class is among the five most probable ones"
MACRO_F1 = "mean of the F1 of all classes, so that rare ones count as much as frequent ones"
ECE = "how far the probabilities are from how often the model is right; 0% is perfect"
SINGLE_FRAME = "the same network on one frame of each clip: what the scene gives away without motion"
MAJORITY = "always naming the class with the most training clips"
CHANCE = "guessing, each class equally often"
PARAMETERS = "numbers that training sets, and the size of the stored model"
UNFAMILIAR = "farther from the training clips than is usual; of clips like those of training, about 5% are"
CLIPS = "what was measured; no clip was trained on"
GROUPS = "sets of clips with one source; ranges are over these"
RANGES = (
    "Ranges are 95% intervals over groups: if the model were tested on other groups like these, about 19 of 20 such "
    "ranges would hold the true value. Few groups give wide ranges."
)
CLASSES = (
    "Recall: share of the clips of a class that are recognised. Precision: share of the clips said to be of a class "
    "that are. F1: high only where both are."
)
CONFUSION = (
    "A row has the clips of one class, by what the model says: right answers in blue on the diagonal, errors in red. "
    "The stronger the colour, the greater the share of the row."
)
ACCURACY = (
    "Share of clips whose most probable class is right: train while the weights change, on augmented clips; val after "
    "each epoch, with the weights that are kept."
)
MEAN_AP = "mean over the classes of how well their scores rank the clips with the label before those without"
LABELS_F1 = "mean of the F1 of all classes, each at its own threshold"
MICRO_F1 = "F1 of all labels of all clips together, so that frequent ones count more"
EXACT = "how often a clip gets all of its labels and no other"
SEVERAL_ECE = "how far the probabilities are from how often clips have the label; 0% is perfect"
SEVERAL_CROSS_ENTROPY = (
    "minus the log of the probability of what is true, on average over clips and classes: 0 is perfect"
)
SEVERAL_CHANCE = "mAP of scores at random: the share of clips that have a label, on average over the classes"
EVERY_LABEL = "macro-F1 of giving every clip every label"
SEVERAL_CLASSES = (
    "AP, average precision: how well the scores of a class rank the clips with its label before those without; scores "
    "at random give the share of clips that have the label. A clip gets a label from the threshold on, which gave the "
    "best F1 on val. Recall: share of the clips with the label that get it. Precision: share of the clips that get it "
    "that have it."
)
SEVERAL_LOSS = (
    "Cross-entropy: minus the log of the probability of what is true of a clip and a class, on average. Train is with "
    "weights of the classes and with label smoothing, if any, and is measured while the weights change, on augmented "
    "clips; val has neither, and is measured with the weights that are kept."
)
SEVERAL_ACCURACY = (
    "Share of clips that get exactly their labels, at a probability of 0.5 for each: train while the weights change, "
    "on augmented clips; val after each epoch, with the weights that are kept. The model has better thresholds."
)
LEARNING_RATE = "How far a step changes the weights: it rises at first, then falls."


def cross_entropy(num_classes: int) -> str:
    """What the cross-entropy means."""
    guessing = math.log(num_classes)
    return f"minus the log of the right class's probability, on average: 0 is perfect, guessing gives {guessing:.2f}"


def smoothing_floor(smoothing: float, num_classes: int) -> float:
    """The least loss that is possible where a share of each label is spread evenly over all classes."""
    other = smoothing / num_classes
    right = 1 - smoothing + other
    return -sum(count * share * math.log(share) for share, count in ((right, 1), (other, num_classes - 1)) if share > 0)


def loss(configuration: Mapping[str, Any], num_classes: int) -> str:
    """What the curves of the loss mean, and why they can't be compared directly."""
    smoothing = float(configuration.get("label_smoothing") or 0)
    says = "Cross-entropy: minus the log of the right class's probability, on average. "
    if smoothing:
        floor = smoothing_floor(smoothing, num_classes)
        says += (
            f"Train is with label smoothing: {smoothing:.0%} of each label is spread evenly over all classes, so that "
            f"the network doesn't become too sure. That alone makes a loss of {floor:.2f}, which is taken off in the "
            "curve without it; there, 0 is perfect. Val is never smoothed. "
        )
    return says + "Train is measured while the weights change, on augmented clips; val with the weights that are kept."
