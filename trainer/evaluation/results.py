"""The files of a finished run, and the summary that is printed. Doesn't load TensorFlow."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.cli import tool
from pipelines.core.errors import UsageError, UserError
from pipelines.core.interval import Interval
from pipelines.core.stored.sealed import load_json
from pipelines.reports.embed import framed
from pipelines.reports.text import plural, some
from trainer.config import LATER, TrainConfig
from trainer.data.check import OpenDataset
from trainer.data.content import content_of
from trainer.evaluation.card.keeping import CARD, is_card
from trainer.evaluation.matching.by_video import unit_of
from trainer.evaluation.proof import damaged_files, write_proof
from trainer.evaluation.streams.work import STREAMS, Work
from trainer.files import storage

METRICS = "metrics.json"
CROSSVAL = "crossval.json"
PREDICTIONS = "predictions.jsonl"
SINGLE_FRAME_PREDICTIONS = "predictions_single_frame.jsonl"
STREAM_PREDICTIONS = {name: f"predictions_{name}.jsonl" for name in STREAMS}
"""Of each stream of a network alone, where it has two."""
_PREDICTED = (PREDICTIONS, SINGLE_FRAME_PREDICTIONS, *STREAM_PREDICTIONS.values())
REPORT = "report.html"
HISTORY = "history.csv"
TRACKING = "tracking.json"
CHECKPOINTS, OLD_EVENTS, MODEL = "checkpoints", "tensorboard", "model"
"""Folders of a run; earlier versions had TensorBoard's event files in one of their own."""
LAST, BEST = "last.npz", "best.npz"
_EVENTS = re.compile(r"events\.out\.tfevents\.\d{13,}\.\d+\.v2")
"""Names of event files as `trainer.training.event_file` gives them; others have the name of a machine in them."""
_SHOWN = 5
LAST_KEPT, LOWEST_KEPT = "last", "lowest"
"""Which epoch's weights a run has kept: the last one's, or those of the lowest validation loss."""
_BEFORE = {"windows": "auto", "init": "", "appearance_weights": "", "features": "", **LATER}
"""What runs of versions without these settings did."""


class Metrics(dict[str, Any]):
    """The content of metrics.json. A notebook shows the report of the run.

    Args:
        values: the content.
        folder: of the run; also an attribute.
    """

    def __init__(self, values: Mapping[str, Any], folder: str) -> None:
        super().__init__(values)
        self.folder = folder

    def _repr_html_(self) -> str:
        return framed(storage.read_bytes(storage.join(self.folder, REPORT)).decode())


def finished(config: TrainConfig, dataset: OpenDataset) -> dict[str, Any] | None:
    """The metrics of the run in the output folder if it is complete; None where it is not, or is to be replaced.

    A run with damaged or missing files isn't complete: they are written again from its checkpoints.

    Raises:
        UsageError: the run has other settings or another dataset, or is damaged and has no checkpoints.
    """
    uri = storage.join(config.output, METRICS)
    if config.overwrite or not storage.exists(uri):
        return None
    damaged = damaged_files(_proof(config.output), config.output)
    metrics: dict[str, Any] = {}
    if METRICS not in damaged:
        try:
            metrics = load_json(storage.read_bytes(uri))
            found = {
                **metrics["configuration"],
                "dataset": metrics["dataset"]["fingerprint"],
                "init": (metrics.get("init") or {"fingerprint": ""})["fingerprint"],
                "appearance_weights": (metrics.get("appearance") or {}).get("source_fingerprint", ""),
                "features": (metrics.get("features") or {}).get("fingerprint", ""),
            }
        except UserError:
            raise
        except (ValueError, KeyError, TypeError):
            damaged.append(METRICS)
        else:
            wanted = {**config.identity(), "dataset": dataset.fingerprint, **content_of(config)}
            check_same(found, wanted, config.output)
    if not damaged:
        return metrics
    shown = ", ".join(damaged[:_SHOWN])
    if not storage.exists(storage.join(config.output, CHECKPOINTS, LAST)):
        raise UsageError(f"{config.output} has damaged files and no checkpoint: {shown}. Train again with --overwrite")
    tool.say(f"note: {config.output} has damaged files, which are made again from its checkpoints: {shown}")
    storage.delete(uri)
    if any(path.startswith(f"{MODEL}/") for path in damaged):
        _remove_model(storage.join(config.output, MODEL))  # a folder that is no longer a model would be refused
    return None


def _remove_model(folder: str) -> None:
    """Removes a model, except its cards: people edit them, and an export keeps what was edited."""
    for name in storage.list_names(folder):
        if not is_card(name):
            storage.delete_tree(storage.join(folder, name))


def prove(output: str) -> None:
    """Records the size and checksum of the files of a finished run, for `finished`; not of the model card, which people
    may edit."""
    write_proof(_proof(output), output, (METRICS, *_PREDICTED, REPORT, HISTORY, MODEL), leave_out=(f"{MODEL}/{CARD}",))


def is_proven(output: str) -> bool:
    """Whether there is a record of a finished run's files, and all of them are as it says."""
    return storage.exists(_proof(output)) and not damaged_files(_proof(output), output)


def begin_files(output: str) -> None:
    """Removes the record of older files; to be called before the files of a finished run are written."""
    storage.delete(_proof(output))


def _proof(output: str) -> str:
    return storage.join(output, CHECKPOINTS, "finished.json")


def differing(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """The settings in which a run differs from those that are wanted."""
    found, wanted = {**_BEFORE, **found}, {**_BEFORE, **wanted}
    return [name for name in wanted if found.get(name) != wanted[name]]


def check_same(found: Mapping[str, Any], wanted: Mapping[str, Any], where: str) -> None:
    """Refuses to resume a run with other settings than it was started with.

    Raises:
        UsageError: they differ; the message names them.
    """
    if names := differing(found, wanted):
        found, wanted = {**_BEFORE, **found}, {**_BEFORE, **wanted}
        shown = "; ".join(f"{name} was {found.get(name)!r}, now {wanted[name]!r}" for name in names)
        raise UsageError(
            f"{where} belongs to a run with other settings: {shown}. Choose another --output, or use --overwrite"
        )


def is_event_file(name: str) -> bool:
    """Whether a file in the folder of a run holds its curves for TensorBoard."""
    return bool(_EVENTS.fullmatch(name))


def remove_run(output: str) -> None:
    """Removes what an earlier run wrote; other files in the folder stay."""
    # The metrics last: without them, what is left is taken for an unfinished run.
    names = (REPORT, HISTORY, *_PREDICTED, CHECKPOINTS, OLD_EVENTS, TRACKING, METRICS)
    for name in (*filter(is_event_file, storage.list_names(output)), *names):
        storage.delete_tree(storage.join(output, name))


def only_class(per_class: Sequence[Mapping[str, Any]]) -> str:
    """The class of all clips of an evaluation; empty where there are several."""
    tested = [scores["label"] for scores in per_class if scores["support"]]
    return tested[0] if len(tested) == 1 else ""


def said_of_unfamiliar(found: Mapping[str, Any], num_clips: int, num_groups: int) -> str:
    """How many test clips the model takes for unlike those of its training, or why it can't tell; empty if unknown.

    Args:
        found: `unfamiliar` of metrics.json.
        num_clips, num_groups: of the test split.
    """
    if "test" not in found:
        return f"can't be told: {found['reason']}" if found else ""
    test = found["test"]
    return (
        f"{test['clips']:,} of {plural(num_clips, 'test clip')} ({test['share_of_clips']:.1%}) and "
        f"{test['groups']:,} of {plural(num_groups, 'group')} are farther from the training clips than is usual"
    )


def baseline_rows(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is printed of the baselines in metrics.json or crossval.json."""
    baselines, several = metrics["baselines"], bool(metrics.get("multi_label"))
    single = baselines["single_frame"]
    shown = str(Interval.from_json(single["mean_ap" if several else "top1"])) if single else "not measured"
    if not several:
        majority = Interval.from_json(baselines["majority"]["top1"])
        return [("One frame", shown), ("Majority", f"{majority}; chance is {baselines['chance']:.1%}")]
    every = Interval.from_json(baselines["every_label"]["macro_f1"])
    return [("One frame", shown), ("Chance", f"mAP {baselines['chance']['mean_ap']:.1%}; F1 of every label {every}")]


def stream_rows(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is printed of the streams of a network; nothing where it hasn't two."""
    if not (streams := metrics.get("streams")):
        return []
    measure, name = ("mean_ap", "mAP ") if metrics.get("multi_label") else ("top1", "")
    alone = [f"{name}{Interval.from_json(streams[stream][measure])}" for stream in STREAMS]
    sentence = Work.from_json(streams).sentence
    return [
        ("Motion alone", alone[0]),
        ("Appearance", f"{alone[1]} alone"),
        ("Streams", sentence),
    ]


def by_clip(metrics: Mapping[str, Any]) -> Mapping[str, Any]:
    """The figures on test clip by clip, which are those on test unless videos are tested as a whole."""
    found: Mapping[str, Any] = metrics.get("test_by_clip") or metrics["test"]
    return found


def said_of_init(metrics: Mapping[str, Any]) -> str:
    """Whether the model that training started from has learnt from groups of test; empty where it has not."""
    init = metrics.get("init")
    if not init:
        return ""
    if init["groups"] is None:
        return "training started from a model of which it isn't known whether it has learnt from groups of test"
    if init["in_test"]:
        return (
            f"training started from a model that has learnt from {plural(len(init['in_test']), 'group')} of test, "
            f"{some(init['in_test'])}: these scores are too good"
        )
    return ""


def said_of_rates(metrics: Mapping[str, Any]) -> str:
    """How layers of the model that training started from learnt; empty where all layers learnt at the same rate."""
    rates = (metrics.get("init") or {}).get("rates")
    if not rates:
        return ""
    (first, low), *_, (last, high) = rates.items()
    return (
        f"with a layer decay of {metrics['init']['layer_decay']:g}, {plural(len(rates), 'layer')} of the model that "
        f"training started from learnt at {low:.2g} ({first}) to {high:.2g} ({last}) of the learning rate"
    )


def print_result(metrics: Mapping[str, Any], output: str) -> None:
    """Prints the summary that a run ends with."""
    test, data = metrics["test"], metrics["dataset"]
    several = bool(metrics.get("multi_label"))
    headline = "mean_ap" if several else "top1"
    tested = f"{plural(test['num_clips'], *unit_of(metrics))} of {plural(test['num_groups'], 'group')}"
    clips = by_clip(metrics)
    rows = [
        ("Test mAP" if several else "Test top-1", f"{Interval.from_json(test[headline])}, {tested}"),
        (
            "By clip",
            "" if clips is test else f"{Interval.from_json(clips['top1'])}, {plural(clips['num_clips'], 'clip')}",
        ),
        ("Macro F1", str(Interval.from_json(test["macro_f1"]))),
        ("Calibration", f"expected error {test['ece']:.3f} at temperature {metrics['calibration']['temperature']:.2f}"),
        *baseline_rows(metrics),
        *stream_rows(metrics),
        ("Unfamiliar", said_of_unfamiliar(metrics.get("unfamiliar") or {}, clips["num_clips"], test["num_groups"])),
        ("Training", f"{plural(metrics['training']['epochs'], 'epoch')} in {metrics['training']['seconds']:.0f} s"),
        ("Model", storage.join(output, MODEL)),
        ("Report", storage.join(output, REPORT)),
    ]
    if data.get("note"):
        rows.append(("Note", data["note"]))
    if said := said_of_init(metrics):
        rows.insert(0, ("WARNING" if metrics["init"]["in_test"] else "Note", said))
    if (only := only_class(test["per_class"])) and not several:
        rows.insert(0, ("WARNING", f"all test clips are of one class, {only}: these scores mean nothing"))
    if data["leaky"]:
        how = "random split" if data.get("protocol") == "random" else "the dataset's own splits"
        rows.insert(0, ("WARNING", f"{how}, clips of one group on both sides: these scores are too good"))
    width = max(len(name) for name, _ in rows)
    for name, value in filter(all, rows):
        print(f"{name.ljust(width)}  {value}")
