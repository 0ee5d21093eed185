"""The settings of a training run: a frozen dataclass that checks itself. `--help` of `trainer.task` explains each."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pipelines.appearance.names import APPEARANCES, NONE
from pipelines.core.settings.common import RUNNING, Common
from pipelines.core.settings.fields import Group, Name, SettingError, check_settings, naming, setting, setting_like
from trainer.setting_texts import parse_augmentations, parse_fold

ALONE = "appearance"
MODELS = ("convlstm", "lrcn", ALONE)
TRAINED_PARTS = ("none", "last", "all")
VARIANTS = ("default", "reference")
STRATEGIES = ("auto", "cpu", "multi_worker")
PRECISIONS = ("auto", "float32", "bfloat16")
SPLITS = ("groups", "random")
CLASS_WEIGHTS = ("auto", "none", "balanced")
COMPILE = ("auto", "on", "off")
WINDOWS = ("auto", "one", "all")
TRACKERS = ("none", "mlflow", "wandb")
WHAT, EVALUATION, TRAINING = Group("what"), Group("evaluation"), Group("training")
LOOKS = Group("appearance", "What single frames look like, to a network that was trained on ImageNet.")


@dataclass(frozen=True)
class TrainConfig:
    """Settings of one run.

    Raises:
        UsageError: a value is of the wrong type or out of range; the message gives the setting and the value.
    """

    model: str = setting(
        group=WHAT, choices=MODELS,
        help="network: `convlstm` has convolutions inside its recurrence, `lrcn` before it, and `appearance` is a "
        "pretrained network that sees single frames and no motion",
    )  # fmt: skip
    data: str = setting(
        group=WHAT, metavar="FOLDER",
        help="dataset to read: a folder that pipelines.preprocess wrote; local, gs:// or s3://",
    )  # fmt: skip
    output: str = setting(group=WHAT, metavar="FOLDER", help="folder of the run: checkpoints, logs, report and model")
    variant: str = setting(
        "default", group=WHAT, choices=VARIANTS,
        help="`default` is the architecture that scored best in our experiments, `reference` that of public "
        "notebooks on UCF50",
    )  # fmt: skip
    init: str = setting(
        "", group=WHAT, metavar="FOLDER", automatic="none",
        help="start from the weights of this run or model, which must be of the same network and variant, with or "
        "without an appearance stream; classes that it knows by name keep their weights",
    )  # fmt: skip
    appearance: str = setting(
        NONE, group=LOOKS, choices=APPEARANCES,
        help="pretrained network to add as a second stream beside the network that sees motion",
    )  # fmt: skip
    train_appearance: str = setting(
        NONE, group=LOOKS, choices=TRAINED_PARTS,
        help="layers of it to train, at a tenth of the learning rate: `none` keeps it as it is, `last` trains its last "
        "stage",
    )  # fmt: skip
    appearance_weights: str = setting(
        "", group=LOOKS, metavar="FILE", automatic="those that come with it",
        help="local file with its weights",
    )  # fmt: skip
    features: str = setting(
        "", group=LOOKS, metavar="FOLDER", automatic="none",
        help="what that network sees in the dataset, by pipelines.features, so that it need not run in training",
    )  # fmt: skip
    layer_decay: float = setting(
        1.0, group=TRAINING, metavar="FACTOR", above=0, high=1,
        help="with --init: factor by which the learning rate of layers with the weights of that model falls from each "
        "layer to the one before it, so that those near the input change least; 1 for the same rate everywhere",
    )  # fmt: skip
    multi_label: bool = setting(
        False, group=WHAT,
        help="a clip may have several labels: must be given for a dataset that was preprocessed so",
    )  # fmt: skip
    split: str = setting(
        "groups", group=EVALUATION, choices=SPLITS,
        help="`groups` takes the dataset's own splits, which share no group; `random` assigns clips at random, to "
        "reproduce published numbers that leak, and marks the results as such",
    )  # fmt: skip
    fold: str = setting(
        "", group=EVALUATION, metavar="I/K", automatic="none",
        help="test on fold I of K folds of groups, whatever the dataset's splits; trainer.crossval runs all of them",
    )  # fmt: skip
    seed: int = setting(
        0, group=TRAINING, metavar="N", low=0, high=2**31 - 1,
        help="seed of the weights, the order of clips, augmentation and dropout",
    )  # fmt: skip
    baseline: bool = setting(
        True, group=EVALUATION,
        help="also train the same network on single frames, to see what the background alone gives away",
    )  # fmt: skip
    epochs: int = setting(
        0, group=TRAINING, metavar="N", low=0, high=100_000, automatic="which chooses at least 30 epochs and 700 steps",
        help="number of epochs over which the learning rate falls to almost zero; early stopping may end training "
        "sooner",
    )  # fmt: skip
    batch_size: int = setting(
        0, group=TRAINING, metavar="N", low=0, high=65_536,
        automatic="which chooses 8 on CPUs and up to 256 for each GPU, by the size of the dataset",
        help="number of clips in a step, over all devices together",
    )  # fmt: skip
    learning_rate: float = setting(
        0.0, group=TRAINING, metavar="RATE", low=0, high=10,
        automatic="which chooses 0.001, or more to suit a batch size that was chosen automatically",
        help="peak learning rate of AdamW",
    )  # fmt: skip
    warmup_epochs: float = setting(
        2.0, group=TRAINING, metavar="N", low=0, high=1000,
        help="number of epochs over which the learning rate rises to its peak",
    )  # fmt: skip
    weight_decay: float = setting(
        0.05, group=TRAINING, metavar="RATE", low=0, high=1, help="weight decay of AdamW on kernels"
    )
    label_smoothing: float = setting(
        0.1, group=TRAINING, metavar="SHARE", low=0, high=0.9,
        help="share of each label that is spread evenly over all classes; of several labels, share that is replaced by "
        "how frequent the class is",
    )  # fmt: skip
    clip_norm: float = setting(
        1.0, group=TRAINING, metavar="NORM", low=1e-6, high=1e6, help="norm to which larger gradients are scaled down"
    )
    ema: float = setting(
        0.99, group=TRAINING, metavar="DECAY", low=0, high=0.99999,
        help="decay of the moving average of the weights that is validated and exported; 0 for no average",
    )  # fmt: skip
    class_weights: str = setting(
        "auto", group=TRAINING, choices=CLASS_WEIGHTS,
        help="weights of the classes in the loss: `balanced` by their number of clips, or `none`; `auto` balances if "
        "the largest class has more than 1.5 times the clips of the smallest",
    )  # fmt: skip
    patience: int = setting(
        0, group=TRAINING, metavar="N", low=0, high=100_000, automatic="half of all epochs",
        help="stop after this many epochs in a row whose (calibrated) validation loss is higher than the lowest by "
        "more than chance explains",
    )  # fmt: skip
    augment: str = setting(
        "auto", group=TRAINING, metavar="A,B,...",
        help="augmentations of training clips: some of flip,crop,color, or none; auto takes all of them, but doesn't "
        "flip if classes are named left, right or clockwise",
    )  # fmt: skip
    windows: str = setting(
        "auto", group=TRAINING, choices=WINDOWS,
        help="clips that an epoch takes of a video with several clips of one class: `one` at random, or `all`; `auto` "
        "takes one if most of these clips overlap or follow each other",
    )  # fmt: skip
    cache: bool = setting(False, group=RUNNING, help="keep all clips in memory")
    shuffle_buffer: int = setting(
        512, group=RUNNING, metavar="N", low=1, high=10_000_000,
        help="number of clips from which the next one is drawn at random",
    )  # fmt: skip
    strategy: str = setting(
        "auto", group=RUNNING, choices=STRATEGIES,
        help="devices to train on: `auto` takes every visible GPU, else the CPU; `multi_worker` takes the machines in "
        "the environment variable TF_CONFIG",
    )  # fmt: skip
    precision: str = setting(
        "auto", group=RUNNING, choices=PRECISIONS,
        help="`bfloat16` computes everything but weights, sums and logits in 16 bits, and continues in float32 if the "
        "loss becomes NaN; `auto` takes float32",
    )  # fmt: skip
    compile: str = setting(
        "auto", group=RUNNING, choices=COMPILE,
        help="whether to compile training steps with XLA, which takes a minute and speeds them up on GPUs; `auto` does "
        "so on one GPU for networks and runs that are known to benefit",
    )  # fmt: skip
    deterministic: bool = setting(
        False, group=RUNNING, help="give bit-identical results every time on the same hardware, which is slower on GPUs"
    )
    track: str = setting(
        "none", group=RUNNING, choices=TRACKERS,
        help="also send settings, curves, results, report and model to MLflow or Weights & Biases, where their own "
        "environment variables say",
    )  # fmt: skip
    checkpoint_every_s: float = setting(
        120.0, group=RUNNING, metavar="SECONDS", low=0, high=1_000_000,
        help="seconds between two checkpoints within an epoch",
    )  # fmt: skip
    overwrite: bool = setting_like(Common, "overwrite", group=WHAT)

    def __post_init__(self) -> None:
        check_settings(self)
        with naming("augment"):
            parse_augmentations(self.augment)
        self._check_appearance()
        if self.fold:
            with naming("fold"):
                parse_fold(self.fold)
            if self.split == "random":
                raise SettingError(
                    "{} splits by groups, so it can't be combined with {} random", Name("fold"), Name("split")
                )

        if self.layer_decay != 1 and not self.init:
            raise SettingError(
                "{} {} is for layers with the weights of another model: give {}, or leave it out",
                Name("layer_decay"), self.layer_decay, Name("init"),
            )  # fmt: skip

    def _check_appearance(self) -> None:
        if self.model == ALONE and self.appearance == NONE:
            eyes = ", ".join(name for name in APPEARANCES if name != NONE)
            raise SettingError("{} appearance sees nothing without {}: choose one of {}", Name("model"), _LOOKS, eyes)
        if self.model == ALONE and self.variant != "default":
            raise SettingError("{} appearance has no {} {}", Name("model"), Name("variant"), self.variant)
        if self.appearance == NONE:
            for name, default in (("train_appearance", NONE), ("appearance_weights", ""), ("features", "")):
                if (value := getattr(self, name)) != default:
                    raise SettingError("{} {} needs {}, which is none", Name(name), value, _LOOKS)
        if self.features and self.train_appearance != NONE:
            raise SettingError("{} need {} none, not {}", _KNOWN, Name("train_appearance"), self.train_appearance)
        if self.features and self.model == ALONE and self.augment not in ("auto", "none"):
            raise SettingError("{} {} can't change {}: give none", Name("augment"), self.augment, _KNOWN)

    def identity(self) -> dict[str, Any]:
        """The settings that determine the weights, beside what lies in other files. A resumed run must have the same.

        One of `LATER` is left out at its default, as runs from before there was that setting don't have it.
        """
        found = {name: value for name, value in asdict(self).items() if name not in _OPERATIONAL}
        return {name: value for name, value in found.items() if name not in LATER or value != LATER[name]}


LATER: Mapping[str, Any] = {"layer_decay": 1.0, "appearance": NONE, "train_appearance": NONE}
"""Settings that were added later and what runs without them did."""
_LOOKS, _KNOWN = Name("appearance"), Name("features")
_OPERATIONAL = (
    *("data", "output", "init", "baseline", "cache", "strategy", "compile", "track", "checkpoint_every_s", "overwrite"),
    "multi_label",  # follows from the dataset, which is part of the identity
    *("appearance_weights", "features"),  # their content is part of the identity, wherever it lies
)
# `cache` changes the order of the clips (see `trainer.data.clips`), so it belongs to the identity.
