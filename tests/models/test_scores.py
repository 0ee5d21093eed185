"""What a model says of a clip, and whether that makes sense."""

import math

import numpy as np
import pytest

from pipelines.models.scores import Scored, ScoreError, scored


@pytest.mark.parametrize(
    ("row", "one", "several"),
    [
        ((0.25, 0.75), True, True),
        ((0.5, 0.75), False, True),  # labels by themselves need not add up to 1
        ((0.0, 0.0), False, True),
        ((1.0, 1.0005), False, True),
        ((1.0, 1.01), False, False),
        ((-0.1, 1.1), False, False),
        ((math.nan, 0.5), False, False),
        ((math.inf, 0.5), False, False),
    ],
)
def test_what_are_probabilities(row: tuple[float, ...], one: bool, several: bool) -> None:
    values = np.array(row, np.float32)
    for multi_label, expected in ((False, one), (True, several)):
        found = scored(values, multi_label=multi_label)
        assert isinstance(found, Scored if expected else ScoreError)
