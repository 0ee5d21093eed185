"""What curves are called, and the picture of a confusion matrix."""

from typing import Any

import cv2
import numpy as np
import pytest

from tests.support.metrics import HISTORY, make_metrics
from trainer.tracking.confusion import confusion_picture, confusion_png
from trainer.tracking.names import curves_of, figures_of


def test_accuracy_comes_first() -> None:
    curves = curves_of(HISTORY[1])
    groups = [name.partition("/")[0] for name in sorted(curves)]
    assert [*dict.fromkeys(groups)] == ["accuracy", "loss", "optimizer", "speed"]
    assert (curves["accuracy/val"], curves["loss/train"]) == (HISTORY[1]["val_accuracy"], HISTORY[1]["train_loss"])
    assert len(curves) == 6


def test_figures_have_their_intervals_and_their_baselines() -> None:
    metrics = make_metrics()
    figures = figures_of(metrics)
    top1 = metrics["test"]["top1"]
    assert [figures[f"test/top1{end}"] for end in ("", "_low", "_high")] == [top1["value"], top1["low"], top1["high"]]
    assert figures["baseline/single_frame/top1"] == 0.5 and figures["baseline/chance"] == pytest.approx(1 / 6)
    assert figures["model/parameters"] == 67234 and figures["test/ece"] == metrics["test"]["ece"]
    assert not [name for name in figures if "val/" in name]
    without = make_metrics()
    without["baselines"]["single_frame"] = None
    assert not [name for name in figures_of(without) if "single_frame" in name]


def test_those_of_a_cross_validation_are_pooled() -> None:
    metrics: dict[str, Any] = make_metrics()
    mean = {"value": 0.6, "low": 0.5, "high": 0.7}
    figures = figures_of({**metrics, "pooled": metrics.pop("test"), "mean": mean})
    assert figures["folds/mean_low"] == 0.5 and "test/top1" in figures


RIGHT, WRONG = (33, 102, 172), (178, 24, 43)


@pytest.mark.parametrize("count", [1, 2, 6, 101, 700])
def test_every_cell_has_its_colour(count: int) -> None:
    confusion = np.diag(np.full(count, 9))
    picture = confusion_picture(confusion.tolist(), [f"class {number}" for number in range(count)])
    assert max(picture.shape) < 3200 and picture.dtype == np.uint8
    blue = (np.abs(picture.astype(int) - RIGHT).sum(axis=-1) < 30).sum()
    cell = max(4, min(44, 2400 // count))
    assert blue > 0.5 * count * cell * cell  # the rest has numbers on it
    assert not (np.abs(picture.astype(int) - WRONG).sum(axis=-1) < 30).any()


def test_names_and_counts_are_drawn_at_their_rows_and_columns() -> None:
    labels = ["Jump", "Run", "Wave"]
    one = confusion_picture([[5, 0, 0], [0, 5, 0], [0, 0, 5]], labels)
    other = confusion_picture([[5, 0, 0], [0, 5, 0], [0, 3, 2]], labels)
    rows, columns = np.nonzero((one != other).any(axis=-1))
    side = 44
    left, top = one.shape[1], one.shape[0] - 12 - 3 * side
    left = int(np.nonzero((one == RIGHT).all(axis=-1))[1].min())
    assert rows.min() >= top + 2 * side and columns.min() >= left + side, "only in the row of Wave, from Run on"
    renamed = confusion_picture([[5, 0, 0], [0, 5, 0], [0, 0, 5]], ["Jump", "Ran", "Wave"])
    rows, columns = np.nonzero((one != renamed).any(axis=-1))
    beside = columns < left
    assert top + side <= rows[beside].min() <= rows[beside].max() < top + 2 * side
    assert left + side <= columns[~beside].min() <= columns[~beside].max() < left + 2 * side


def test_names_that_the_font_lacks_get_a_number() -> None:
    matrix = [[1, 0], [0, 1]]
    assert (confusion_picture(matrix, ["\u8dd1", "a"]) == confusion_picture(matrix, ["class 1", "a"])).all()
    assert confusion_picture(matrix, ["x" * 500, "a"]).shape == confusion_picture(matrix, ["x" * 400, "a"]).shape


def test_the_file_holds_the_picture() -> None:
    found = cv2.imdecode(np.frombuffer(confusion_png([[3, 1], [0, 2]], ["a", "b"]), np.uint8), cv2.IMREAD_COLOR)
    assert (found[..., ::-1] == confusion_picture([[3, 1], [0, 2]], ["a", "b"])).all()
