"""What counts as the same model, and what is said of one that isn't."""

import json

import numpy as np
import pytest

from pipelines.core.errors import UserError
from trainer.export.conversion.agreement import Agreement, refuse_other
from trainer.export.conversion.converting import why_not
from trainer.export.conversion.forms import ONNX, TFLITE, TFLITE_INT8, Form, forms_of

MODEL = np.array([[0.7, 0.3], [0.4, 0.6], [0.9, 0.1], [0.2, 0.8]])
TRUTH = np.array([0, 1, 1, 1])


def test_one_label_a_clip() -> None:
    converted = MODEL.copy()
    converted[1] = [0.55, 0.45]  # was right
    found = Agreement.of(converted, MODEL, TRUTH)
    assert (found.num_clips, found.same, found.accuracy, found.accuracy_of_model) == (4, 0.75, 0.5, 0.75)
    assert found.largest_difference == pytest.approx(0.15)
    assert json.loads(json.dumps(found.to_json()))["largest_difference"] == 0.15


def test_several_labels_a_clip() -> None:
    truth = np.array([[1, 0], [1, 1], [1, 0], [0, 1]], bool)
    converted = MODEL.copy()
    converted[3, 0] = 0.5  # was below its threshold, rightly
    found = Agreement.of(converted, MODEL, truth, (0.4, 0.5))
    assert (found.same, found.accuracy, found.accuracy_of_model) == (7 / 8, 7 / 8, 1.0)


@pytest.mark.parametrize(
    ("form", "difference", "accuracy", "refusal"),
    [
        (TFLITE, 1e-4, 0.9, ""),
        (TFLITE, 2e-4, 0.9, "model.tflite was not written: on 200 clips its probabilities differ .* by up to 0.0002"),
        (ONNX, float("nan"), 0.9, "by up to nan"),
        (TFLITE_INT8, 0.3, 0.89, ""),
        (TFLITE_INT8, 0.3, 0.885, "right for 88.5%, the SavedModel for 90.0%; one point is allowed, which is 2 clips"),
        (TFLITE_INT8, 0.3, 0.915, "right for 91.5%"),
        (TFLITE_INT8, 0.3, float("nan"), "right for nan"),
    ],
)
def test_what_is_refused(form: Form, difference: float, accuracy: float, refusal: str) -> None:
    found = Agreement(200, difference, 0.99, accuracy, 0.9)
    if not refusal:
        refuse_other(form, found)
        return
    with pytest.raises(UserError, match=refusal):
        refuse_other(form, found)


def test_probabilities_that_are_nan_are_refused_in_int8_too() -> None:
    found = Agreement.of(np.full((4, 2), np.nan), MODEL, TRUTH)
    with pytest.raises(UserError, match="by up to nan"):
        refuse_other(TFLITE_INT8, found)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("loc(x): error: 'tf.Igamma' op is neither a custom op nor a flex op\n", "Igamma is not among its built-in"),
        ("TF Select ops: Igamma, Einsum\nDetails:\n", "Einsum, Igamma are not among its built-in operators"),
        ("ERROR - Tensorflow op [a/b: Igamma] is not supported\n", "Igamma is not among"),
        ("error: 'tf.TensorListReserve' op requires element_shape to be static\n", "TensorListReserve is not among"),
        ("Traceback\n  File x\nValueError: no such thing\n", "no such thing. Use"),
        ("loc(y)\nLLVM ERROR: Failed to infer result type(s).\n", "Failed to infer result"),
        ("", "ended with code -6 and without a reason"),
    ],
)
def test_why_a_converter_fails(said: str, told: str) -> None:
    assert told in why_not(said, -6)


def test_forms() -> None:
    assert forms_of("onnx", False) == (ONNX,)
    assert forms_of("tflite", False) == (TFLITE,)
    assert forms_of("tflite", True) == (TFLITE, TFLITE_INT8)
