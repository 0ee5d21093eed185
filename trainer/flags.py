"""The command line of the tools that train: flags, configuration file, and what they become."""

import argparse
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from pipelines.cli import tool
from pipelines.core import config as configuration
from pipelines.core.errors import UsageError
from trainer.config import CHOICES, REQUIRED, TrainConfig
from trainer.files import storage

DEFAULT_DATA, DEFAULT_OUTPUT = "data/sample", "runs/MODEL"
EPILOG = """\
exit codes: 0 trained, evaluated and exported; 1 unexpected error; 2 wrong usage or input, nothing was started;
4 incomplete (full disk, lost permission, lost worker): run the same command again; 5 the loss became NaN;
75 stopped by SIGTERM after writing a checkpoint: run the same command again; 130 interrupted by Ctrl-C, likewise."""

_GROUPS: dict[str, dict[str, str]] = {
    "what": {
        "model": "network: convolutions inside the recurrence, or before it",
        "variant": "default: the best found; reference: as public notebooks on UCF50 build it",
        "data": f"folder of a dataset that pipelines.preprocess made; local, gs:// or s3:// ({DEFAULT_DATA})",
        "output": "folder of the run: checkpoints, logs, report, model ({output})",
        "overwrite": "train anew where a run is already",
    },
    "evaluation": {
        "split": "groups: the dataset's own splits, no group on two sides. random: clips at random, to reproduce leaky "
        "published numbers; marked as such wherever it shows",
        "fold": "i/k: test on the i-th of k folds of groups, whatever the dataset's splits; see trainer.crossval",
        "baseline": "also train the same network on single frames: what the background alone gives away",
    },
    "training": {
        "epochs": "length of the learning rate's course; early stopping may end it before. 0: 30, or as many more as "
        "make 700 steps",
        "batch_size": "clips in a step, over all devices together. 0: 8 on CPUs; on GPUs up to 256 each, by the "
        "dataset's size",
        "learning_rate": "of AdamW at its peak. 0: 0.001, or as much more as suits the batch that --batch-size 0 chose",
        "warmup_epochs": "in which the learning rate rises",
        "weight_decay": "of AdamW, on kernels",
        "label_smoothing": "share of a label that is spread over all classes",
        "clip_norm": "largest norm of a gradient",
        "ema": "decay of the moving average of the weights that is validated and exported; 0 for none",
        "class_weights": "of the loss; auto balances where the largest class has 1.5 times the clips of the smallest",
        "patience": "epochs without a lower (calibrated) validation loss after which training stops; 0: half of all",
        "augment": "auto, none, or some of flip,crop,color; auto doesn't flip where classes are named left, right or "
        "clockwise",
        "seed": "decides about weights, order, augmentation and dropout",
    },
    "running": {
        "strategy": "auto: every visible GPU, else the CPU; cpu; multi_worker: several machines, from TF_CONFIG",
        "precision": "auto: float32; bfloat16: all but weights, sums and logits, goes on in float32 should the loss "
        "become NaN",
        "compile": "training steps with XLA, which takes a minute and makes them faster on GPUs; auto: on one GPU, "
        "for networks and runs that are known to gain by it",
        "deterministic": "equal bits every time on equal hardware, slower on GPUs",
        "cache": "keep all clips in memory",
        "shuffle_buffer": "clips among which the next one is drawn",
        "checkpoint_every_s": "seconds between two checkpoints within an epoch",
    },
}  # fmt: skip


_METAVARS = {
    "data": "FOLDER", "output": "FOLDER", "fold": "I/K", "learning_rate": "RATE", "weight_decay": "RATE",
    "label_smoothing": "SHARE", "clip_norm": "NORM", "ema": "DECAY", "augment": "A,B,...", "checkpoint_every_s": "S",
}  # fmt: skip


def add_flags(parser: argparse.ArgumentParser, leave_out: Sequence[str] = (), output: str = DEFAULT_OUTPUT) -> None:
    """Adds a flag for every setting of `TrainConfig`; flags that are not given are absent from the result."""
    default = TrainConfig("lrcn", "", "")
    for title, names in _GROUPS.items():
        group = parser.add_argument_group(title)
        for name, text in names.items():
            if name not in leave_out:
                _add(
                    group, name, text.replace("{output}", output), None if name in REQUIRED else getattr(default, name)
                )
        if title == "what":
            group.add_argument(
                "--config", metavar="FILE", help="YAML file with any of these settings; flags come before it"
            )


def _add(group: Any, name: str, text: str, default: Any) -> None:
    flag = f"--{name.replace('_', '-')}"
    if isinstance(default, bool):
        group.add_argument(flag, action=argparse.BooleanOptionalAction, help=f"{text} (default: {_shown(default)})")
        return
    shown = f" (default: {default})" if default not in (None, "") else ""
    options: dict[str, Any] = {"choices": CHOICES[name]} if name in CHOICES else {"metavar": _METAVARS.get(name, "N")}
    group.add_argument(flag, type=str if default is None else type(default), help=text + shown, **options)


def _shown(value: bool) -> str:
    return "yes" if value else "no"


def make_parser(prog: str, description: str) -> argparse.ArgumentParser:
    """A parser in the style of the tools."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {prog}", description=description, epilog=EPILOG, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter, argument_default=argparse.SUPPRESS,
    )  # fmt: skip
    tool.add_version(parser)
    return parser


def parse(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> dict[str, Any]:
    """The values of a command line, over those of its configuration file.

    Raises:
        UsageError: an unknown flag or key, or a file that can't be read.
    """
    given, unknown = parser.parse_known_args(list(arguments))
    flags = [flag for action in parser._actions for flag in action.option_strings if flag.startswith("--")]
    tool.refuse_unknown_flags(unknown, flags, arguments)
    values = vars(given)
    if name := values.pop("config", None):
        if not storage.exists(name):
            raise UsageError(f"no such configuration file: {name}")
        known = tuple(item.name for item in fields(TrainConfig))
        values = {**configuration.read_yaml(storage.read_text(name), name, known), **values}
    return values


def make_config(values: dict[str, Any], output: str = DEFAULT_OUTPUT) -> TrainConfig:
    """The configuration out of such values, with the defaults of data and output (`MODEL` stands for the network).

    Raises:
        UsageError: a value is missing or out of range.
    """
    if "model" not in values:
        raise UsageError("say which network: --model convlstm or --model lrcn")
    if isinstance(values.get("augment"), tuple):
        values["augment"] = ",".join(values["augment"])
    if values.get("augment") is False:  # YAML takes `none` for text, but `no` for false
        values["augment"] = "none"
    if isinstance(values.get("compile"), bool):  # likewise `on` and `off`
        values["compile"] = "on" if values["compile"] else "off"
    values = {"data": DEFAULT_DATA, "output": output.replace("MODEL", str(values["model"])), **values}
    for name in ("data", "output"):
        values[name] = storage.normalise(str(values[name]), f"--{name}")
    return configuration.build(TrainConfig, values)
