"""Random numbers are drawn from our own seeds, and the generators of the surrounding program stay as they are."""

import contextlib
import random
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Within its block, weights are drawn from a seed. Afterwards, Python's and NumPy's generators are as before.

    TensorFlow has no global seed afterwards: with one, tf.data doesn't accept a seed that is a tensor. Everything
    random outside of the block has a seed of its own.
    """
    of_python, of_numpy = random.getstate(), np.random.get_state()
    keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(of_python)
        np.random.set_state(of_numpy)
        tf.random.set_seed(None)


@contextlib.contextmanager
def global_seed_kept() -> Iterator[None]:
    """After its block, TensorFlow has the global seed that it had before."""
    before = context.global_seed()
    try:
        yield
    finally:
        tf.random.set_seed(before)
