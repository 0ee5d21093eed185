"""The files of a finished run, and whether they are whole. Doesn't load TensorFlow."""

import re
from collections.abc import Mapping
from typing import Any

from pipelines.cli import tool
from pipelines.core.errors import UsageError, UserError
from pipelines.core.stored.sealed import load_json
from pipelines.reports.embed import framed
from trainer.config import LATER, TrainConfig
from trainer.data.check import OpenDataset
from trainer.data.content import content_of
from trainer.evaluation.card.keeping import CARD, is_card
from trainer.evaluation.proof import damaged_files, write_proof
from trainer.evaluation.streams.work import STREAMS
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
