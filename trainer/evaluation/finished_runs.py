"""Finished runs, read from their folders."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from pipelines.core.errors import UsageError, UserError
from pipelines.core.interval import Interval
from pipelines.core.stored.sealed import load_json
from pipelines.files.nearest import nearest
from pipelines.inputs.source_hints import why_no_run
from pipelines.reports.text import some
from trainer.evaluation.intervals import worse_by
from trainer.evaluation.matching.by_video import by_video, unit_of
from trainer.evaluation.metrics import Evaluation
from trainer.evaluation.predictions import Predictions
from trainer.evaluation.results import (
    CHECKPOINTS,
    CROSSVAL,
    HISTORY,
    METRICS,
    OLD_EVENTS,
    PREDICTIONS,
    REPORT,
    is_event_file,
)
from trainer.evaluation.streams.work import Work
from trainer.files import storage

SCHEMA_VERSION = 1
_ROUNDING = 1e-6
_TRACES = (CHECKPOINTS, HISTORY, OLD_EVENTS)
"""Files and folders in the folder of a run that has begun."""


@dataclass(frozen=True, eq=False)
class Run:
    """A finished run, or a cross-validation with its folds pooled.

    Attributes:
        name: the folder's name, or its path where several runs have the same name.
        model: the model's name, its variant if that isn't the default, and its pretrained network if it has one.
        leaky: whether groups are on both sides of the split, or were on those of a model that training started from.
        dataset: its fingerprint.
        dataset_name: the name of its folder; empty where the figures don't tell it.
        protocol: what cut it into sides: `groups`, `random`, `fold 2 of 5`, or `5 folds of groups`.
        labels: the class names.
        test_groups: the groups of the test clips; empty for a cross-validation, which tests all groups.
        test: its scores on those clips.
        majority, single_frame: accuracies of the baselines.
        parameters, size_bytes: of the model.
        clips_per_s: in inference; None where it wasn't measured.
        seconds: time spent training.
        epochs: number of epochs of each network, the fewest and the most; None if unknown.
        folds: number of folds of a cross-validation; 0 for a single run.
        fold_mean: mean top-1 of the folds.
        single_frame_worse_by: how much worse a single frame is on the same clips; None where it wasn't measured.
        predictions: those for each test clip, if they were kept; for each video where tests are by video.
        unit: what is tested, in singular and plural, such as `clip` and `clips`.
        started_leaky: whether training started from a model that had learnt from groups of test.
        folder: where its files are.
        work: which of its two streams does the work; None where it hasn't two.
    """

    name: str
    model: str
    leaky: bool
    dataset: str
    dataset_name: str
    protocol: str
    labels: tuple[str, ...]
    test_groups: frozenset[str]
    test: Evaluation
    majority: Interval
    single_frame: Interval | None
    parameters: int
    size_bytes: int
    clips_per_s: float | None
    seconds: float
    epochs: tuple[int, int] | None = None
    folds: int = 0
    fold_mean: Interval | None = None
    single_frame_worse_by: Interval | None = None
    predictions: Predictions | None = None
    folder: str = ""
    unit: tuple[str, str] = ("clip", "clips")
    started_leaky: bool = False
    work: Work | None = None

    @classmethod
    def from_json(cls, name: str, value: Mapping[str, Any]) -> Self:
        """Takes what is needed from metrics.json or crossval.json.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: something is missing or has another form.
        """
        folds = int(value.get("folds", 0))
        model, data, baselines, speed = value["model"], value["dataset"], value["baselines"], value.get("speed")
        single = baselines["single_frame"]
        started_leaky = bool((value.get("init") or {}).get("in_test"))
        return cls(
            name=name,
            model=_model(model),
            leaky=bool(data.get("leaky", False)) or started_leaky,
            dataset=data["fingerprint"],
            dataset_name=storage.base_name(str(data.get("uri", ""))),
            protocol=str(data.get("protocol", f"{folds} folds of groups" if folds else "groups")),
            labels=tuple(data["labels"]),
            test_groups=frozenset(() if folds else data["groups"]["test"]),
            test=Evaluation.from_json(value["pooled" if folds else "test"]),
            majority=Interval.from_json(baselines["majority"]["top1"]),
            single_frame=Interval.from_json(single["top1"]) if single else None,
            parameters=int(model["parameters"]),
            size_bytes=int(model["size_bytes"]),
            clips_per_s=float(speed["clips_per_s"]) if speed else None,
            seconds=float(value["training"]["seconds"]),
            epochs=_epochs(value["training"].get("epochs")),
            folds=folds,
            fold_mean=Interval.from_json(value["mean"]) if folds else None,
            single_frame_worse_by=worse_by(single),
            unit=unit_of(value),
            started_leaky=started_leaky,
            work=Work.from_json(value["streams"]) if value.get("streams") else None,
        )


def _model(model: Mapping[str, Any]) -> str:
    variant = "" if model["variant"] == "default" else f" / {model['variant']}"
    appearance = f" + {model['appearance']}" if model.get("appearance") else ""
    return f"{model['name']}{variant}{appearance}"


def _epochs(value: Any) -> tuple[int, int] | None:
    """Of a run their number, of a cross-validation the fewest and the most of its runs."""
    ends = value if isinstance(value, dict) else {"fewest": value, "most": value}
    return None if value is None else (int(ends["fewest"]), int(ends["most"]))


def read_runs(folders: Sequence[str]) -> list[Run]:
    """Reads each run; a folder that is named twice counts once.

    Raises:
        UsageError: a run isn't there, isn't finished, or its files are damaged.
    """
    storage.check_stores(*folders)
    places = {folder.rstrip("/") if "://" in folder else os.path.realpath(folder): folder for folder in folders}
    names = [storage.base_name(place) for place in places]
    return [
        _read_run(folder.rstrip("/"), name if names.count(name) == 1 else folder)
        for folder, name in zip(places.values(), names, strict=True)
    ]


def _read_run(folder: str, name: str) -> Run:
    if not folder.strip():
        raise UsageError("the folder of a run is empty (''). Give a path; the current folder is called .")
    files = (storage.join(folder, file) for file in (METRICS, CROSSVAL))
    source = next(filter(storage.exists, files), None)
    if source is None:
        raise UsageError(_what_is_missing(folder))
    again = f"Run the training command of {folder} again, or leave this run out"
    try:
        value = load_json(_read_text(source))
        version = value.get("schema_version", SCHEMA_VERSION)
        if version != SCHEMA_VERSION:
            raise UsageError(
                f"{source} has schema version {version!r}, but this software reads {SCHEMA_VERSION}. {again}"
            )
        if value.get("multi_label"):
            raise UsageError(
                f"clips of the run in {folder} may have several labels, and such runs can't be compared: open "
                f"{storage.join(folder, REPORT)} instead, or leave this run out"
            )
        run = replace(Run.from_json(name, value), folder=folder)
    except UserError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        reason = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else error
        raise UsageError(f"{source} is damaged: {reason}. {again}") from error
    file = storage.join(folder, PREDICTIONS)
    if not storage.exists(file):
        return run
    try:
        predictions = Predictions.from_jsonl(_read_text(file), run.labels)
        # Those of a cross-validation are divided by the temperatures of its folds.
        temperature = 1.0 if run.folds else float(value.get("calibration", {}).get("temperature", 1.0))
        predictions = by_video(predictions, temperature)[0]
        told, found = ((run.test.num_clips, run.test.top1.value), (len(predictions.labels), predictions.correct.mean()))
        if told[0] != found[0] or abs(told[1] - found[1]) > _ROUNDING:
            raise ValueError(
                f"{found[0]} {run.unit[1]}, {found[1]:.1%} of them right, aren't the {told[0]}, {told[1]:.1%} of them "
                f"right, of {storage.base_name(source)}"
            )
        return replace(run, predictions=predictions)
    except UserError:
        raise
    except (ValueError, TypeError) as error:
        raise UsageError(f"{file} is damaged: {error}. Remove it to compare without it. Or: {again}") from error


def _read_text(file: str) -> str:
    try:
        data = storage.read_bytes(file)
    except UserError as error:
        raise UsageError(str(error)) from error
    return data.decode("utf-8")


def _what_is_missing(folder: str) -> str:
    if storage.is_local(folder) and (found := _what_else_is_there(Path(folder))):
        return found
    names = storage.list_names(folder)
    if any(name in _TRACES or is_event_file(name) for name in names):
        return f"the run in {folder} isn't finished: {METRICS} is missing. Run its training command again to resume it"
    if not names and (hint := nearest(folder)):
        return f"no such run: {folder}{hint} Give the folder that a training run has written"
    found = "" if storage.is_local(folder) else f" (found {some(names, 3) if names else 'nothing'})"
    return f"no run in {folder}: {METRICS} is missing{found}. Give the folder that a training run has written"


def _what_else_is_there(folder: Path) -> str:
    """What is wrong with a local path that isn't a folder, or is a folder of runs; empty for any other folder."""
    if folder.is_file():
        place = folder.parent if folder.name in (METRICS, CROSSVAL, HISTORY, REPORT) else "not a file"
        return f"{folder} is a file: give the folder of the run, {place}"
    if not folder.is_dir():
        hint = nearest(str(folder.absolute())) or "."
        return f"no such run: {folder}{hint} Give the folder that a training run has written"
    if inside := sorted(str(file.parent) for file in folder.glob("*/*.json") if file.name in (METRICS, CROSSVAL)):
        return f"{folder} is not a run but holds some: give {some(inside, 3)}"
    return why_no_run(str(folder))
