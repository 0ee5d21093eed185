"""A run in a tracker while it trains and after, without letting the tracker's troubles become those of training."""

import contextlib
import csv
import hashlib
import io
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pipelines.cli import tool
from pipelines.core.errors import PreemptedError, UserError
from pipelines.core.reasons import first_line
from pipelines.core.stored.sealed import load_json
from pipelines.core.stored.typed_json import build
from pipelines.files import list_tree
from trainer.config import TRACKERS, TrainConfig
from trainer.evaluation import results
from trainer.files import storage
from trainer.tracking.confusion import confusion_png
from trainer.tracking.names import curves_of, figures_of
from trainer.tracking.trackers import FAILED, FINISHED, STOPPED, Tracker, open_tracker

_FILES = (results.REPORT, results.METRICS, results.CROSSVAL, results.HISTORY)


@dataclass(frozen=True)
class Tracked:
    """What a tracker has of a run, as the run's folder remembers it in `tracking.json`.

    Attributes:
        run: the id of the run there; empty before it has begun.
        epochs: number of epochs that it has.
        result: checksum of the metrics that it has; empty before the end.
    """

    run: str = ""
    epochs: int = 0
    result: str = ""


class Tracking:
    """A run in a tracker. Troubles of the tracker are told once, and end neither training nor the run.

    Args:
        name: of the tracker.
        folder: of the run.
        settings: of the run.
        tags: that are known before training.

    Raises:
        UsageError: the tracker can't be reached, or no longer has the run.
        UserError: the run's record of it is damaged.
    """

    def __init__(
        self, name: str, folder: str, settings: Mapping[str, object], tags: Mapping[str, str], title: str
    ) -> None:
        self._name, self._folder, self._problem = name, folder, ""
        self._state = _read(folder, name)
        self._tracker: Tracker = open_tracker(name, self._state.run, title, settings, tags)
        if not self._state.run:
            self._keep(run=self._tracker.run_id)
        tool.say(f"tracked by {name}: {self._tracker.place}")

    def epochs(self, history: Sequence[Mapping[str, float]]) -> None:
        """Adds the epochs that the tracker doesn't have yet; after a problem, none until the end."""
        if not self._problem:
            self._try(lambda: self._send(history))

    def _send(self, history: Sequence[Mapping[str, float]]) -> None:
        rows = history[self._state.epochs :]
        if rows:
            self._tracker.epochs([(int(row["epoch"]), curves_of(row)) for row in rows])
            self._keep(epochs=len(history))

    def finish(self, metrics: Mapping[str, Any]) -> None:
        """Adds whatever the tracker doesn't have yet of a finished run, whose files are read from its folder."""

        def send() -> None:
            history = storage.join(self._folder, results.HISTORY)
            if storage.exists(history):
                self._send(read_history(storage.read_text(history)))
            with _artefacts(self._folder, metrics) as folder:
                self._tracker.result(figures_of(metrics), _tags(metrics), folder)
            self._tracker.end(FINISHED)
            self._keep(result=_checksum(metrics))

        before, self._problem = self._problem, ""
        self._try(send, at_end=True, again=bool(before))
        if self._problem:
            with contextlib.suppress(Exception):  # it has just been told
                self._tracker.end(STOPPED)

    def stop(self, status: str) -> None:
        """Ends it before the run is finished."""
        self._try(lambda: self._tracker.end(status))

    def _try(self, action: Callable[[], None], at_end: bool = False, again: bool = False) -> None:
        try:
            action()
        except UserError:  # the run's own files
            raise
        except Exception as error:
            self._problem = first_line(error) or type(error).__name__
            rest = (
                f"it {'still ' if again else ''}lacks part of this run, which is complete here. Run the same command "
                "again to send the rest"
                if at_end
                else "training continues, and what it lacks is sent at the end"
            )
            tool.say(f"WARNING: {self._name} can't be reached ({self._problem}): {rest}")
        else:
            if again:
                tool.say(f"{self._name} can be reached again, and has everything now")

    def _keep(self, **changes: Any) -> None:
        self._state = replace(self._state, **changes)
        found = {**_read_all(self._folder), self._name: asdict(self._state)}
        storage.write_text(storage.join(self._folder, results.TRACKING), json.dumps(found, indent=2) + "\n")


@contextlib.contextmanager
def tracking_of(config: TrainConfig, settings: Mapping[str, object], dataset: str) -> Iterator[Tracking | None]:
    """The tracking of a run that is being trained in the block; None if it isn't tracked.

    Args:
        config: the settings.
        settings: those of metrics.json.
        dataset: fingerprint of the dataset.

    Raises:
        UserError: see `Tracking`.
    """
    if config.track == TRACKERS[0]:
        yield None
        return
    tracking = Tracking(config.track, config.output, settings, _first_tags(settings, dataset), _title(config))
    try:
        yield tracking
    except (PreemptedError, KeyboardInterrupt):
        tracking.stop(STOPPED)
        raise
    except BaseException:
        tracking.stop(FAILED)
        raise


def complete(config: TrainConfig, metrics: Mapping[str, Any]) -> None:
    """Sends a finished run to a tracker, or what it lacks of it; nothing if it has everything.

    Args:
        config: of the run or of the cross-validation.
        metrics: what metrics.json or crossval.json holds.

    Raises:
        UserError: see `Tracking`.
    """
    if config.track == TRACKERS[0] or _read(config.output, config.track).result == _checksum(metrics):
        return
    settings, dataset = metrics["configuration"], metrics["dataset"]["fingerprint"]
    Tracking(config.track, config.output, settings, _first_tags(settings, dataset), _title(config)).finish(metrics)


def read_history(text: str) -> list[dict[str, float]]:
    """The rows of `history.csv`."""
    return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(io.StringIO(text))]


def _title(config: TrainConfig) -> str:
    """The name of the folder; that of a fold with the name of the cross-validation before it."""
    parts = config.output.rstrip("/").split("/")
    return "/".join(parts[-2:] if config.fold else parts[-1:])


def _first_tags(settings: Mapping[str, object], dataset: str) -> dict[str, str]:
    return {"network": str(settings["model"]), "dataset_fingerprint": dataset}


def _tags(metrics: Mapping[str, Any]) -> dict[str, str]:
    leaky = bool(metrics["dataset"].get("leaky") or (metrics.get("init") or {}).get("in_test"))
    fingerprint = metrics["model"].get("fingerprint")
    return {"leaky": str(leaky).lower(), **({"model_fingerprint": fingerprint} if fingerprint else {})}


@contextlib.contextmanager
def _artefacts(folder: str, metrics: Mapping[str, Any]) -> Iterator[Path]:
    """Copies of the files of a run that a tracker gets."""
    with tempfile.TemporaryDirectory() as temporary:
        copies = Path(temporary)
        for name in _FILES:
            if storage.exists(uri := storage.join(folder, name)):
                (copies / name).write_bytes(storage.read_bytes(uri))
        test = metrics.get("pooled") or metrics["test"]
        if confusion := test.get("confusion"):
            (copies / "confusion.png").write_bytes(confusion_png(confusion, metrics["dataset"]["labels"]))
        model = storage.join(folder, results.MODEL)
        for path in [file.path for file in list_tree(model)[0]] if storage.exists(model) else []:
            target = copies / results.MODEL / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with storage.open_read(storage.join(model, path)) as source, open(target, "wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
        yield copies


def _read_all(folder: str) -> dict[str, Any]:
    uri = storage.join(folder, results.TRACKING)
    if not storage.exists(uri):
        return {}
    try:
        found = load_json(storage.read_bytes(uri))
        return {str(name): asdict(build(Tracked, value)) for name, value in found.items()}
    except UserError:
        raise
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{uri} is damaged ({error}): remove it, and the run is tracked anew") from error


def _read(folder: str, name: str) -> Tracked:
    return Tracked(**_read_all(folder).get(name, {}))


def _checksum(metrics: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(metrics, sort_keys=True).encode()).hexdigest()[:16]
