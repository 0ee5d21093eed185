"""Labels videos with a TensorFlow Lite file: `python examples/tflite_label.py runs/lrcn/model/model.tflite VIDEO...`

Needs OpenCV, NumPy and an interpreter (ai-edge-litert, or TensorFlow), and nothing of this project. A video becomes one
clip, so this is for videos about as long as those of training; `pipelines.label` cuts longer ones into windows.
"""

import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np

try:
    from ai_edge_litert.interpreter import Interpreter
except ImportError:
    from tensorflow.lite.python.interpreter import Interpreter

KNOWN = {"sampling": "uniform", "resize": "stretch", "interpolation": "area"}
"""How clips must be made for the code below to make them: what `pipelines.preprocess` does by default."""


def count_frames(video: str) -> int:
    """Frames of a video, counted: headers may be wrong, and seeking may miss a frame."""
    capture = cv2.VideoCapture(video)
    count = 0
    while capture.grab():
        count += 1
    return count


def read_clip(video: str, num_frames: int, height: int, width: int) -> np.ndarray:
    """The middle frames of equal spans of a video, uint8 [T, H, W, 3], RGB."""
    count = count_frames(video)
    if not count:
        sys.exit(f"{video}: no frame can be read")
    wanted = [(2 * i + 1) * count // (2 * num_frames) for i in range(num_frames)]
    capture = cv2.VideoCapture(video)
    frames: dict[int, np.ndarray] = {}
    for number in range(wanted[-1] + 1):
        capture.grab()
        if number in wanted:
            small = cv2.resize(capture.retrieve()[1], (width, height), interpolation=cv2.INTER_AREA)
            frames[number] = small[..., ::-1]  # OpenCV's colours are in the order blue, green, red
    return np.stack([frames[number] for number in wanted])


def main(model: str, *videos: str) -> None:
    info: dict[str, Any] = json.loads(Path(model).with_name("model_info.json").read_text())
    spec, labels = info["clip_spec"], info["labels"]
    if any(spec[name] != value for name, value in KNOWN.items()) or info["encoding"]["format"] != "raw":
        sys.exit(f"{model} takes clips that this example doesn't make: {spec}, {info['encoding']}")
    interpreter = Interpreter(model_path=model)
    run = interpreter.get_signature_runner()
    for video in videos:
        clip = read_clip(video, spec["num_frames"], spec["height"], spec["width"])
        probabilities = run(**{info["input_name"]: clip[None]})[info["output_name"]][0]
        if info.get("multi_label"):
            found = [number for number, value in enumerate(probabilities) if value >= info["thresholds"][number]]
        else:
            found = [int(probabilities.argmax())]
        print(video, *(f"{labels[number]} {probabilities[number]:.3f}" for number in found), sep="  ")


if __name__ == "__main__":
    main(*sys.argv[1:])
