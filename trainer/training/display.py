"""Progress of training: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from types import TracebackType
from typing import Any, Self

from pipelines.cli import tool
from trainer.training.checkpoint import State

_LINE_EVERY_S = 30.0


class Display:
    """Shows loss, accuracy, clips a second and the time left while its block runs.

    Args:
        title: what is trained.
        epochs: length of the run.
        quiet: shows nothing, for all but one of several workers.
    """

    def __init__(self, title: str, epochs: int, quiet: bool = False) -> None:
        self._title, self._epochs, self._quiet = title, epochs, quiet
        self._bar: Any = None
        self._start = self._shown = time.monotonic()
        self._clips = 0.0
        self._share_at_start: float | None = None

    def __enter__(self) -> Self:
        if not self._quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (
                TextColumn("{task.description}"), BarColumn(bar_width=None), TextColumn("{task.fields[facts]}"),
                TimeRemainingColumn(elapsed_when_finished=True),
            )  # fmt: skip
            self._bar = Progress(*columns, console=Console(stderr=True))
            self._bar.start()
            self._task = self._bar.add_task(self._title, total=float(self._epochs), facts="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def step(self, state: State, steps: int, clips: float) -> None:
        """A step of `steps` in the epoch is done, of so many clips."""
        self._clips += clips
        now = time.monotonic()
        done = state.epoch + state.step / steps
        if self._share_at_start is None:
            self._share_at_start = state.epoch + (state.step - 1) / steps
        facts = (
            f"epoch {state.epoch + 1}/{self._epochs} loss {state.loss / max(state.clips, 1):.3f} "
            f"accuracy {state.correct / max(state.clips, 1):.1%} {self._clips / (now - self._start):.0f} clips/s"
        )
        if self._bar:
            self._bar.update(self._task, completed=done, facts=facts)
        elif not self._quiet and now - self._shown >= _LINE_EVERY_S and state.step < steps:
            self._shown = now
            left = (self._epochs - done) * (now - self._start) / max(done - self._share_at_start, 1e-9)
            tool.say(f"{self._title}: {facts}, at most {left:.0f} s left")

    def epoch(self, row: dict[str, float], best: bool) -> None:
        """An epoch is done and validated."""
        if self._quiet:
            return
        line = (
            f"{self._title}: epoch {row['epoch']}/{self._epochs}  train loss {row['train_loss']:.3f} "
            f"accuracy {row['train_accuracy']:.1%}  val loss {row['val_loss']:.3f} accuracy "
            f"{row['val_accuracy']:.1%}{' *' if best else '  '} {row['clips_per_s']:.0f} clips/s"
        )
        self._shown = time.monotonic()
        if self._bar:
            self._bar.console.print(line, highlight=False)
        else:
            tool.say(line)
