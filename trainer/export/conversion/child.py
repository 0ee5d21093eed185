"""The process that converts: `python -m trainer.export.conversion.child PARENT KIND SAVED_MODEL OUTPUT [CALIBRATION]`.

Converters print what nobody can use, and native code of theirs ends the process where it doesn't know how to go on.
Here, neither reaches the user: `converting` reads what this one says.
"""

import sys
from pathlib import Path

from pipelines.process.lifetime import end_with_parent
from trainer.export.conversion.forms import WEIGHTS_ALONE

OPSET = 17
"""Version of ONNX's set of operators, which runtimes know since 2022."""


def to_tflite(saved_model: str, calibration: str = "") -> bytes:
    """A SavedModel for batches of a fixed size as a TensorFlow Lite file with built-in operators only.

    Args:
        saved_model: its folder.
        calibration: a file with clips uint8 [N, T, H, W, 3], from which the ranges of activations are taken that int8
            covers. Weights and activations then are int8 wherever TensorFlow Lite has an operator for them; inputs and
            outputs stay as they are. With `WEIGHTS_ALONE`, activations stay float32; empty: everything does.
    """
    import numpy as np
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(saved_model, signature_keys=["serving_default"])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if calibration:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if calibration and calibration != WEIGHTS_ALONE:
        clips = np.load(calibration)
        ((name, _),) = (
            tf.saved_model.load(saved_model).signatures["serving_default"].structured_input_signature[1].items()
        )
        converter.representative_dataset = lambda: ({name: clip[None]} for clip in clips)
    return bytes(converter.convert())


def to_onnx(saved_model: str, output: str) -> None:
    """Writes a SavedModel as an ONNX file."""
    from tf2onnx import convert

    sys.argv[1:] = ["--saved-model", saved_model, "--output", output, "--opset", str(OPSET), "--tag", "serve"]
    sys.argv += ["--signature_def", "serving_default"]
    convert.main()


def main(parent: str, kind: str, saved_model: str, output: str, calibration: str = "") -> None:
    """Writes the converted model to `output`."""
    end_with_parent(int(parent))
    if kind == "onnx":
        to_onnx(saved_model, output)
    else:
        Path(output).write_bytes(to_tflite(saved_model, calibration))


if __name__ == "__main__":
    main(*sys.argv[1:])
