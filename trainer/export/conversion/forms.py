"""The forms that a model can be converted to. Pure."""

from dataclasses import dataclass

INT8_POINT = 0.01
"""How far the accuracy of an int8 model may be from that of the SavedModel: one percentage point."""


INT8_ACTIVATIONS = 0.05
"""How far a probability may be off for activations to be in int8, too. In recurrent layers their rounding adds up: of
the default ConvLSTM, probabilities then differ by up to 0.99, of the default LRCN by 0.004."""
WEIGHTS_ALONE = "weights"
"""In place of the file with clips to calibrate with: weights in int8, activations in float32."""


@dataclass(frozen=True)
class Form:
    """One of them.

    Attributes:
        key: its name in `exports` of model_info.json.
        file: its name in the folder of the model.
        kind: `tflite` or `onnx`.
        precision: `float32` or `int8`.
        tolerance: largest difference of a probability from the SavedModel's; 1 where it is only told.
    """

    key: str
    file: str
    kind: str
    precision: str = "float32"
    tolerance: float = 1e-4


TFLITE = Form("tflite", "model.tflite", "tflite")
TFLITE_INT8 = Form("tflite_int8", "model_int8.tflite", "tflite", "int8", 1.0)
ONNX = Form("onnx", "model.onnx", "onnx")
KINDS = {"tflite": "TensorFlow Lite", "onnx": "ONNX"}
"""What `--to` takes, and what people call it."""


def forms_of(kind: str, int8: bool) -> tuple[Form, ...]:
    """The forms that a command line asks for, in the order in which they are written."""
    if kind == "onnx":
        return (ONNX,)
    return (TFLITE, TFLITE_INT8) if int8 else (TFLITE,)
