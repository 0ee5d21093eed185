"""The losses of one label and of several, against their definitions."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from trainer.training.learner import Learner, Learning

WEIGHTS, SHARES, SMOOTHING = (0.5, 2.0, 0.5), (0.25, 0.5, 0.125), 0.2
LOGITS = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]])


def learner(shares: tuple[float, ...]) -> Any:
    """What the losses need of a learner."""
    return SimpleNamespace(_learning=Learning(0.0, SMOOTHING, 1.0, 0.0, WEIGHTS, shares))


def test_several_labels() -> None:
    labels = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    targets = (1 - SMOOTHING) * labels + SMOOTHING * np.array(SHARES)
    p = 1 / (1 + np.exp(-LOGITS))
    expected = -(np.array(WEIGHTS) * (targets * np.log(p) + (1 - targets) * np.log(1 - p))).mean(axis=1)
    found = Learner._several(learner(SHARES), tf.constant(LOGITS, tf.float32), tf.constant(labels, tf.float32))
    assert found.numpy() == pytest.approx(expected, rel=1e-5)
    right = Learner._are_right(learner(SHARES), tf.constant(LOGITS), tf.constant(labels))
    assert right.numpy().tolist() == [True, False]  # a logit of 0 is a probability of 0.5, which says yes


def test_one_label() -> None:
    labels = np.array([2, 1])
    targets = (1 - SMOOTHING) * np.eye(3)[labels] + SMOOTHING / 3
    log_p = LOGITS - np.log(np.exp(LOGITS).sum(axis=1, keepdims=True))
    expected = -(targets * log_p).sum(axis=1) * np.array(WEIGHTS)[labels]
    found = Learner._one(learner(()), tf.constant(LOGITS, tf.float32), tf.constant(labels))
    assert found.numpy() == pytest.approx(expected, rel=1e-5)
    right = Learner._are_right(learner(()), tf.constant(LOGITS), tf.constant(labels))
    assert right.numpy().tolist() == [False, True]
