"""The files that a finished run consists of, and what is printed of them. Knows no TensorFlow."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipelines.core.errors import UsageError
from trainer import storage
from trainer.config import TrainConfig

if TYPE_CHECKING:
    from trainer.dataset import OpenDataset  # which asks what lies in a folder, and that is told by the names below

METRICS = "metrics.json"
CROSSVAL = "crossval.json"
PREDICTIONS = "predictions.jsonl"
SINGLE_FRAME_PREDICTIONS = "predictions_single_frame.jsonl"
REPORT = "report.html"
HISTORY = "history.csv"
CHECKPOINTS, TENSORBOARD, MODEL = "checkpoints", "tensorboard", "model"


def finished(config: TrainConfig, dataset: "OpenDataset") -> dict[str, Any] | None:
    """The metrics of the run in the output folder if it is complete; None where it is not, or is to be made anew.

    Raises:
        UsageError: it is one of other settings, or on another dataset.
    """
    uri = storage.join(config.output, METRICS)
    if config.overwrite or not storage.exists(uri):
        return None
    try:
        metrics: dict[str, Any] = json.loads(storage.read_text(uri))
        found = {**metrics["configuration"], "dataset": metrics["dataset"]["fingerprint"]}
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{uri} is damaged ({error}); train anew with --overwrite") from error
    check_same(found, {**config.identity(), "dataset": dataset.fingerprint}, config.output)
    return metrics


def check_same(found: Mapping[str, Any], wanted: Mapping[str, Any], where: str) -> None:
    """Refuses to go on with other settings than those that a run was begun with.

    Raises:
        UsageError: they differ; the message names them.
    """
    names = [name for name in wanted if found.get(name) != wanted[name]]
    if names:
        shown = "; ".join(f"{name} was {found.get(name)!r}, now {wanted[name]!r}" for name in names)
        raise UsageError(
            f"{where} belongs to a run of other settings: {shown}. Choose another --output, or --overwrite"
        )


def remove_run(output: str) -> None:
    """Removes what an earlier run wrote; other files in the folder stay."""
    names = (METRICS, REPORT, HISTORY, PREDICTIONS, SINGLE_FRAME_PREDICTIONS, CHECKPOINTS, TENSORBOARD)
    for name in names:
        storage.delete_tree(storage.join(output, name))


def interval_text(value: Mapping[str, float]) -> str:
    """`91.2% (85.0% to 95.1%)`."""
    return f"{value['value']:.1%} ({value['low']:.1%} to {value['high']:.1%})"


def print_result(metrics: Mapping[str, Any], output: str) -> None:
    """The summary that a run ends with."""
    test, data, baselines = metrics["test"], metrics["dataset"], metrics["baselines"]
    single = baselines["single_frame"]
    rows = [
        ("Test top-1", f"{interval_text(test['top1'])}, {test['num_clips']} clips of {test['num_groups']} groups"),
        ("Macro F1", interval_text(test["macro_f1"])),
        ("Calibration", f"expected error {test['ece']:.3f} at temperature {metrics['calibration']['temperature']:.2f}"),
        ("One frame", interval_text(single["top1"]) if single else "not measured"),
        ("Majority", f"{interval_text(baselines['majority']['top1'])}; chance is {baselines['chance']:.1%}"),
        ("Training", f"{metrics['training']['epochs']} epochs in {metrics['training']['seconds']:.0f} s"),
        ("Model", storage.join(output, MODEL)),
        ("Report", storage.join(output, REPORT)),
    ]
    if data["leaky"]:
        rows.insert(0, ("WARNING", "random split, clips of one group on both sides: these scores are too good"))
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name.ljust(width)}  {value}")
