"""Progress of training: loss, accuracy, clips a second and the time left."""

import time

from pipelines.reports.progress import Progress
from trainer.training.checkpoint import State


class Display(Progress):
    """Shows progress while its block runs, and a line for each epoch.

    Args:
        title: name of what is trained.
        epochs: number of epochs of the run.
        quiet: shows nothing, for all but one of several workers.
    """

    def __init__(self, title: str, epochs: int, quiet: bool = False) -> None:
        super().__init__(title, epochs, quiet)
        self._name, self._epochs = title, epochs
        self._start, self._clips = time.monotonic(), 0.0

    def step(self, state: State, steps: int, clips: float) -> None:
        """One of the epoch's `steps`, with this many clips, is done."""
        self._clips += clips
        rate = self._clips / (time.monotonic() - self._start)
        facts = (
            f"epoch {state.epoch + 1}/{self._epochs} loss {state.loss / max(state.clips, 1):.3f} "
            f"accuracy {state.correct / max(state.clips, 1):.1%} {rate:.0f} clips/s"
        )
        self.update(state.epoch + state.step / steps, facts)

    def epoch(self, row: dict[str, float], best: bool) -> None:
        """An epoch is done and validated."""
        self.say(
            f"{self._name}: epoch {row['epoch']}/{self._epochs}  train loss {row['train_loss']:.3f} "
            f"accuracy {row['train_accuracy']:.1%}  val loss {row['val_loss']:.3f} accuracy "
            f"{row['val_accuracy']:.1%}{' *' if best else '  '} {row['clips_per_s']:.0f} clips/s"
        )
