"""The training loop: the same for one device, several, and several workers; it stops and goes on at any step."""

import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any, Self

import keras
import numpy as np

from pipelines.core.errors import DivergedError, PreemptedError, UsageError
from trainer import checkpoint, storage
from trainer.calibration import cross_entropy, fit_temperature
from trainer.checkpoint import State
from trainer.data import Clips
from trainer.display import Display
from trainer.learner import Learner
from trainer.results import BEST, LAST, check_same
from trainer.schedule import learning_rate
from trainer.strategy import Devices


class StopSignals:
    """While its block runs, SIGTERM and the first Ctrl-C ask the loop to stop; a second Ctrl-C interrupts at once."""

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _: FrameType | None) -> None:
        if number == signal.SIGINT and self.received == signal.SIGINT:
            raise KeyboardInterrupt
        self.received = number


@dataclass(frozen=True)
class Plan:
    """What a run is to do.

    Attributes:
        title: shown in front of progress.
        folder: where the checkpoints go.
        epochs, learning_rate, warmup_epochs, patience: see `--help` of `trainer.task`.
        checkpoint_every_s: time between two checkpoints within an epoch.
        identity: all that decides about the weights; a run that goes on must agree in it.
    """

    title: str
    folder: str
    epochs: int
    learning_rate: float
    warmup_epochs: float
    patience: int
    checkpoint_every_s: float
    identity: Mapping[str, Any]


class Loop:
    """Trains a learner and keeps its checkpoints.

    Args:
        devices, learner: where and what is trained.
        train: training clips.
        val: validation clips.
        val_labels: int64 [N], of the validation clips in the order of their records.
        plan: what is to be done.
        on_epoch: called by the chief with the history after each epoch.
    """

    def __init__(
        self,
        devices: Devices,
        learner: Learner,
        train: Clips,
        val: Clips,
        val_labels: np.ndarray,
        plan: Plan,
        on_epoch: Callable[[Sequence[Mapping[str, float]]], None] | None = None,
    ) -> None:
        self._devices, self._learner, self._plan, self._on_epoch = devices, learner, plan, on_epoch
        self._train, self._val, self._val_labels = train, val, val_labels
        self._saved_at = time.monotonic()
        self.state = State()

    def run(self) -> State:
        """Trains to the end, from where an earlier start of this run left off; the best weights are in the average.

        Raises:
            PreemptedError, KeyboardInterrupt: it was asked to stop; a checkpoint is written.
            DivergedError: the loss became NaN twice.
            OutputError: a checkpoint can't be written.
            UsageError: the folder has a checkpoint of other settings.
        """
        if not self._restore():
            self._save()
        validation = self._devices.batches(lambda: self._val.evaluation(rounds=-1))
        batches = self._read_from_here()
        setbacks = 0
        plan = self._plan
        with StopSignals() as signals, Display(plan.title, plan.epochs, not self._devices.is_chief) as display:
            while not self.state.stopped:
                if self._run_epoch(batches, validation, signals, display):
                    continue
                where = f"epoch {self.state.epoch + 1}, step {self.state.step + 1}"
                self._restore()
                batches = self._read_from_here()
                setbacks += 1
                if setbacks > 1:
                    raise DivergedError(
                        f"the loss is no number in {where}, and was so again after going back to the last good "
                        f"checkpoint. {storage.join(plan.folder, LAST)} holds the state before. Train with a lower "
                        "--learning-rate, a lower --clip-norm or --precision float32, into another --output"
                    )
        self._load_best()
        return self.state

    def _read_from_here(self) -> Any:
        epoch, step = self.state.epoch, self.state.step
        return self._devices.batches(lambda: self._train.training(epoch, step))

    def _run_epoch(self, batches: Any, validation: Any, signals: StopSignals, display: Display) -> bool:
        """The rest of the current epoch; False where the numbers became none."""
        state, plan, learner = self.state, self._plan, self._learner
        epoch = state.epoch
        steps = self._train.training_steps(epoch)
        start, clips_before = time.monotonic(), state.clips
        while state.step < steps:
            result = learner.train_step(batches, self._rate(steps), signals.received is not None)
            if not result.finite:
                return False
            state.step += 1
            state.global_step += 1
            state.loss += result.loss
            state.correct += result.correct
            state.clips += result.clips
            display.step(state, steps, result.clips)
            if result.stop:
                state.seconds += time.monotonic() - start
                self._stop(signals)
            if time.monotonic() - self._saved_at > plan.checkpoint_every_s and state.step < steps:
                now = time.monotonic()
                state.seconds += now - start
                start = now
                self._save()
        elapsed = time.monotonic() - start
        state.seconds += elapsed
        self._end_epoch(validation, display, self._rate(steps), (state.clips - clips_before) / max(elapsed, 1e-9))
        return True

    def _rate(self, steps: int) -> float:
        """The learning rate at the state's position."""
        plan = self._plan
        position = self.state.epoch + self.state.step / steps
        return learning_rate(position, plan.epochs, plan.learning_rate, plan.warmup_epochs)

    def _end_epoch(self, validation: Any, display: Display, rate: float, clips_per_s: float) -> None:
        state, plan = self.state, self._plan
        start = time.monotonic()
        logits = self._learner.logits(validation, self._val.evaluation_steps(), len(self._val_labels))
        loss = cross_entropy(logits, self._val_labels)
        # Compared after calibration, which the exported model gets too: a network that is right more often isn't
        # passed over for being too sure of itself.
        calibrated = cross_entropy(logits, self._val_labels, fit_temperature(logits, self._val_labels))
        row = {
            "epoch": state.epoch + 1,
            "step": state.global_step,
            "learning_rate": rate,
            "train_loss": state.loss / state.clips,
            "train_accuracy": state.correct / state.clips,
            "val_loss": loss,
            "val_accuracy": float((logits.argmax(axis=1) == self._val_labels).mean()),
            "seconds": round(state.seconds, 3),
            "clips_per_s": round(clips_per_s, 3),
        }
        state.history.append(row)
        best = state.best_loss is None or calibrated < state.best_loss
        if best:
            state.best_loss, state.best_epoch = calibrated, state.epoch
            if self._devices.is_chief:
                arrays = [variable.numpy() for variable in self._learner.average.trainable_variables]
                checkpoint.save(storage.join(plan.folder, BEST), arrays, state, plan.identity)
        display.epoch(row, best)
        if self._on_epoch and self._devices.is_chief:
            self._on_epoch(state.history)
        state.epoch += 1
        state.start_epoch()
        if state.epoch - 1 - state.best_epoch >= plan.patience:
            state.stopped = "early"
        elif state.epoch >= plan.epochs:
            state.stopped = "finished"
        state.seconds += time.monotonic() - start
        self._save()

    def _stop(self, signals: StopSignals) -> None:
        self._save()
        if signals.received == signal.SIGINT:
            raise KeyboardInterrupt
        raise PreemptedError("asked to stop; a checkpoint is written. Run the same command again to go on")

    def _save(self) -> None:
        if self._devices.is_chief:
            arrays = [variable.numpy() for variable in self._learner.variables()]
            checkpoint.save(storage.join(self._plan.folder, LAST), arrays, self.state, self._plan.identity)
        self._saved_at = time.monotonic()

    def _restore(self) -> bool:
        """Goes back to the last checkpoint, if there is one."""
        uri = storage.join(self._plan.folder, LAST)
        found = checkpoint.load(uri)
        if found is None:
            return False
        checkpoint.load(storage.join(self._plan.folder, BEST))  # a damaged one is found now, not after hours
        arrays, state, identity = found
        check_same(identity, self._plan.identity, uri)
        _assign(self._learner.variables(), arrays)
        self.state = state
        return True

    def _load_best(self) -> None:
        uri = storage.join(self._plan.folder, BEST)
        found = checkpoint.load(uri)
        if found is None:
            raise UsageError(f"{uri} is gone, which holds the best weights; train again with --overwrite")
        _assign(self._learner.average.trainable_variables, found[0])


def _assign(variables: Sequence[keras.Variable], arrays: Sequence[np.ndarray]) -> None:
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
