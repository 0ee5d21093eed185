"""The settings of a training run: a frozen dataclass that checks itself. `--help` of `trainer.task` explains each."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from pipelines.core.config import check_type

MODELS = ("convlstm", "lrcn")
VARIANTS = ("default", "reference")
STRATEGIES = ("auto", "cpu", "multi_worker")
PRECISIONS = ("auto", "float32", "bfloat16")
SPLITS = ("groups", "random")
AUGMENTATIONS = ("flip", "crop", "color")
CLASS_WEIGHTS = ("auto", "none", "balanced")
COMPILE = ("auto", "on", "off")


@dataclass(frozen=True)
class TrainConfig:
    """Settings of one run.

    Raises:
        ValueError: a value is out of range; the message names it.
    """

    model: str
    data: str
    output: str
    variant: str = "default"
    split: str = "groups"
    fold: str = ""
    seed: int = 0
    baseline: bool = True
    epochs: int = 0
    batch_size: int = 0
    learning_rate: float = 0.0
    warmup_epochs: float = 2.0
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    clip_norm: float = 1.0
    ema: float = 0.99
    class_weights: str = "auto"
    patience: int = 0
    augment: str = "auto"
    cache: bool = False
    shuffle_buffer: int = 512
    strategy: str = "auto"
    precision: str = "auto"
    compile: str = "auto"
    deterministic: bool = False
    checkpoint_every_s: float = 120.0
    overwrite: bool = False

    def __post_init__(self) -> None:
        for item in fields(self):
            check_type(item.name, getattr(self, item.name), str if item.name in REQUIRED else type(item.default))
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}, not {getattr(self, name)!r}")
        for name, (low, high) in _RANGES.items():
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} must be from {low:g} to {high:g}, not {getattr(self, name):g}")
        parse_augmentations(self.augment)
        if self.fold:
            parse_fold(self.fold)
            if self.split == "random":
                raise ValueError("fold cuts by groups; it can't go together with split random")

    def identity(self) -> dict[str, Any]:
        """The settings which decide about the weights; a run that goes on must agree in them."""
        return {name: value for name, value in asdict(self).items() if name not in _OPERATIONAL}


REQUIRED = ("model", "data", "output")
CHOICES = {
    "model": MODELS,
    "variant": VARIANTS,
    "split": SPLITS,
    "class_weights": CLASS_WEIGHTS,
    "strategy": STRATEGIES,
    "precision": PRECISIONS,
    "compile": COMPILE,
}
_RANGES = {
    "seed": (0, 2**31 - 1),
    "epochs": (0, 100_000),
    "batch_size": (0, 65_536),
    "learning_rate": (0, 10),
    "warmup_epochs": (0, 1000),
    "weight_decay": (0, 1),
    "label_smoothing": (0, 0.9),
    "clip_norm": (1e-6, 1e6),
    "ema": (0, 0.99999),
    "patience": (0, 100_000),
    "shuffle_buffer": (1, 10_000_000),
    "checkpoint_every_s": (0, 1e6),
}
_OPERATIONAL = ("data", "output", "baseline", "cache", "strategy", "compile", "checkpoint_every_s", "overwrite")
# `cache` changes the order in which clips come, see data.py: it belongs to the identity.


def parse_augmentations(text: str) -> tuple[str, ...] | None:
    """`flip,crop` as a tuple, `none` as an empty one, `auto` as None.

    Raises:
        ValueError: an unknown name.
    """
    if text == "auto":
        return None
    if text == "none":
        return ()
    chosen = tuple(part.strip() for part in text.split(","))
    for name in chosen:
        if name not in AUGMENTATIONS:
            raise ValueError(f"augment must be auto, none, or some of {','.join(AUGMENTATIONS)}, not {text!r}")
    return chosen


def parse_fold(text: str) -> tuple[int, int]:
    """`2/5` as (2, 5): the second of five folds.

    Raises:
        ValueError: it isn't of this form.
    """
    number, slash, count = text.partition("/")
    if not slash or not number.isdigit() or not count.isdigit() or not 1 <= int(number) <= int(count) >= 2:
        raise ValueError(f"fold must look like 2/5, the second of five, not {text!r}")
    return int(number), int(count)
