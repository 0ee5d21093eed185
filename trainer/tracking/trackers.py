"""Programs that keep the runs of a team, behind one protocol. Their packages are imported when a run is opened."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from pipelines.core.errors import UsageError
from pipelines.core.reasons import first_line
from pipelines.process.extras import require
from trainer.config import TRACKERS

FINISHED, STOPPED, FAILED = "finished", "stopped", "failed"
"""How a start of a run ends: with a model; asked to stop, to be resumed; with an error."""
Curves = Mapping[str, float]
_REMEDIES = {
    "mlflow": "Start the server that MLFLOW_TRACKING_URI names, correct that variable, or train without --track",
    "wandb": "Run `wandb login`, set WANDB_MODE=offline to log into files, or train without --track",
}


class Tracker(Protocol):
    """A run in a tracker. Every method may raise any error, such as one of the network.

    Attributes:
        run_id: its id there, with which it can be opened again.
        place: where people find it: an address or a folder.
    """

    run_id: str
    place: str

    def epochs(self, rows: Sequence[tuple[int, Curves]]) -> None:
        """Adds points to curves, each epoch with its number from 1."""
        ...

    def result(self, figures: Mapping[str, float], tags: Mapping[str, str], folder: Path) -> None:
        """Adds figures, tags, and all files of a folder as artefacts."""
        ...

    def end(self, status: str) -> None:
        """Closes the run, `FINISHED`, `STOPPED` or `FAILED`; nothing can be added until it is opened again."""
        ...


def check_tracker(name: str) -> None:
    """Finds out, without loading anything, whether a tracker's package is installed.

    Raises:
        UsageError: it isn't.
    """
    if name != TRACKERS[0]:
        require(name)


def open_tracker(
    name: str, run_id: str, title: str, settings: Mapping[str, object], tags: Mapping[str, str]
) -> Tracker:
    """Begins a run in a tracker, or continues one. Where it is kept is up to the tracker and its own variables.

    Args:
        name: one of `TRACKERS`, not `none`.
        run_id: of the run to continue; empty for a new one.
        title: what a new run is called.
        settings: of a new run.
        tags: of a new run.

    Raises:
        UsageError: the tracker can't be reached, or doesn't have the run.
    """
    from trainer.tracking.mlflow_run import MlflowRun
    from trainer.tracking.wandb_run import WandbRun

    opened: Callable[[str, str, Mapping[str, object], Mapping[str, str]], Tracker]
    opened = MlflowRun if name == "mlflow" else WandbRun
    try:
        return opened(run_id, title, settings, tags)
    except ImportError:
        raise
    except Exception as error:
        what = f"continue run {run_id}" if run_id else "begin a run"
        raise UsageError(
            f"--track {name} cannot {what}: {first_line(error) or type(error).__name__}. {_REMEDIES[name]}"
        ) from error
