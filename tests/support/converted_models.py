"""Networks with random weights as model folders of a dataset, as if they had been trained on it."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from pipelines.core.model_info import ModelInfo
from pipelines.dataset.opened import Dataset
from pipelines.process.tensorflow_start import start_tensorflow
from trainer.data.check import open_dataset

start_tensorflow()

import keras  # noqa: E402

from trainer.export.keras_model import export_model  # noqa: E402
from trainer.networks.build import build_model  # noqa: E402


def untrained(dataset: Path, folder: Path, model: str = "lrcn", variant: str = "default") -> ModelInfo:
    """Writes a model folder whose network has random weights and clearly prefers a class for each clip."""
    opened = open_dataset(str(dataset))
    info = ModelInfo(
        model, variant, opened.info.clip_spec, tuple(opened.info.labels), temperature=0.5,
        dataset={"uri": str(dataset), "fingerprint": opened.fingerprint},
    )  # fmt: skip
    clips = np.stack([clip.frames for clip in Dataset(opened.uri, opened.info).clips("train")])
    return export_model(network(info, clips), str(folder), info, clips[:2])


def network(info: ModelInfo, clips: np.ndarray, seed: int = 0) -> keras.Model:
    """The network of a description, whose last layer spreads the logits of some clips."""
    keras.utils.set_random_seed(seed)
    built = build_model(info.name, info.variant, info.clip_spec.shape, len(info.labels))
    logits = np.asarray(built(clips))
    last = built.get_layer("logits")
    last.kernel.assign(last.kernel * (1.5 / logits.std(axis=0)))
    last.bias.assign(-logits.mean(axis=0) * (1.5 / logits.std(axis=0)))
    return built


def several_labels(info: ModelInfo) -> ModelInfo:
    """The same description of a model whose clips may have several labels."""
    return replace(info, multi_label=True, thresholds=(0.5,) * len(info.labels))


def patches(info: ModelInfo, count: int) -> np.ndarray:
    """Clips uint8 [N, T, H, W, 3] of coloured patches that change from frame to frame, always the same."""
    spec = info.clip_spec
    small = np.random.default_rng(0).integers(0, 256, (count, spec.num_frames, 4, 4, 3), np.uint8)
    rows, columns = (np.arange(side) * 4 // side for side in (spec.height, spec.width))
    return np.ascontiguousarray(small[:, :, rows][:, :, :, columns])
