"""What a run chooses where the user doesn't: its batch, the learning rate for it, and whether steps are compiled.

Pure: knows neither files nor TensorFlow. The measurements behind it are in docs/how-to/train.md.
"""

import math
from dataclasses import dataclass

SMALL_FRAMES, LARGE_FRAMES = 96, 160
"""Pixels of the shorter side between which a pretrained network sees enough and isn't needlessly slow."""
CPU_BATCH, LARGEST_BATCH = 8, 256
"""On a CPU, a larger batch doesn't make clips cheaper; on a GPU, little is gained beyond the largest."""
BATCH_BYTES = 64 * 2**20
"""Size of the pixels of the largest batch on a GPU, so that large clips don't exhaust its memory."""
BATCHES_OF_DATASET = 8
"""A dataset has at least this many batches, with training, validation and test together."""
BASE_RATE = 1e-3
"""The learning rate for `CPU_BATCH` clips in a step."""


def choose_batch(batch_size: int, on_gpu: bool, replicas: int, num_clips: int, clip_bytes: int) -> int:
    """Clips in a step, where 0 stands for a choice by device and dataset: 8, or on GPUs a power of two, up to 256 each.

    Args:
        batch_size: what was asked for.
        on_gpu: whether training runs on GPUs.
        replicas: how many devices share the batch.
        num_clips: of the whole dataset, so that all folds of it get the same batch.
        clip_bytes: pixels of a clip.
    """
    if batch_size or not on_gpu:
        return batch_size or CPU_BATCH
    most = min(num_clips // BATCHES_OF_DATASET, replicas * min(LARGEST_BATCH, BATCH_BYTES // clip_bytes))
    return max(CPU_BATCH, 2 ** int(math.log2(max(most, 1))))


def choose_rate(learning_rate: float, batch_size: int, chosen_batch: int) -> float:
    """The peak of the learning rate, where 0 stands for 1e-3, or for more if a larger batch was chosen.

    It grows with the root of the batch, as suits optimizers that divide by the size of gradients (Malladi et al. 2022,
    "On the SDEs and Scaling Rules for Adaptive Gradient Algorithms", https://arxiv.org/abs/2205.10287).

    Args:
        learning_rate: what was asked for.
        batch_size: the batch that was asked for, 0 for a choice.
        chosen_batch: the batch that was chosen.
    """
    return learning_rate or BASE_RATE * (1.0 if batch_size else math.sqrt(chosen_batch / CPU_BATCH))


@dataclass(frozen=True)
class Gain:
    """What compiling a network's step with XLA costs once, and saves in each step and for each clip, in seconds."""

    once_s: float
    step_s: float
    clip_s: float


_GAINS = {("convlstm", "default"): Gain(60.0, 5e-3, 1e-4)}
"""By network and variant. On an H200, with 64 clips in bfloat16, our uncompiled step took 18 ms, and one that XLA had
compiled for `Model.fit` 8 ms, after 42 s. Our own compiled step has not been measured: these are guesses, of that gain
at a higher cost. For networks that aren't listed, no gain is known.
"""
_WORTH = 1.5
"""Compiling must save this many times its cost: other cards and clips differ from those that were measured."""


def choose_compile(
    compile: str, on_gpu: bool, replicas: int, deterministic: bool, network: tuple[str, str], steps: int, batch: int
) -> bool:
    """Whether training steps are compiled with XLA; `auto` does it on one GPU, where that is known to pay.

    Args:
        compile: `auto`, `on` or `off`.
        on_gpu, replicas: see `choose_batch`.
        deterministic: whether bit-identical results are asked for, which XLA's kernels don't promise.
        network: its name and variant.
        steps: of the whole run at most.
        batch: clips in a step.
    """
    if compile != "auto":
        return compile == "on"
    gain = _GAINS.get(network)
    if not gain or not on_gpu or replicas > 1 or deterministic:
        return False
    return steps * (gain.step_s + batch * gain.clip_s) > _WORTH * gain.once_s


def said_of_frames(height: int, width: int) -> list[str]:
    """What is to be said of the size of frames for a pretrained network that was trained on 224 x 224 pixels."""
    side, shown = min(height, width), f"frames of {height}x{width} pixels"
    if side < SMALL_FRAMES:
        return [
            f"WARNING: {shown} are small for a pretrained network, which recognises little below {SMALL_FRAMES}: "
            f"preprocess with --size {SMALL_FRAMES} or more"
        ]
    if side > LARGE_FRAMES:
        return [
            f"note: {shown}: the pretrained network's time grows with their area, and {SMALL_FRAMES} to {LARGE_FRAMES} "
            "a side usually suffice"
        ]
    return []
