"""The training loop: the same for one device, several, and several workers; it can stop and resume at any step."""

import signal
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from pipelines.cli import tool
from pipelines.core.errors import DivergedError, PreemptedError, UsageError
from trainer.data.clips import Clips
from trainer.data.parts import Index
from trainer.evaluation.multilabel.validation import validate
from trainer.evaluation.results import BEST, LAST, check_same
from trainer.files import storage
from trainer.training import checkpoint
from trainer.training.checkpoint import State
from trainer.training.devices import Devices
from trainer.training.display import Display
from trainer.training.learner import Learner, Step
from trainer.training.schedule import Plan, learning_rate
from trainer.training.selection import end_epoch
from trainer.training.workers.signals import StopSignals

SHORT_EPOCH_S = 5.0
"""Shorter epochs don't each write a checkpoint and logs: on a GPU, that would take most of the time."""


class Loop:
    """Trains a learner and keeps its checkpoints.

    Args:
        devices, learner: where and what is trained.
        train: training clips.
        val: validation clips.
        val_index: labels and groups of the validation clips, in the order of their records.
        plan: what is to be done.
        on_epochs: called by the chief with the history, and how many of its last rows are new.
        in_float32: makes a learner that computes in float32, where this one doesn't.

    Attributes:
        learner: what is trained; a different one once training continues in float32.
        state: where training is.
    """

    def __init__(
        self,
        devices: Devices,
        learner: Learner,
        train: Clips,
        val: Clips,
        val_index: Index,
        plan: Plan,
        on_epochs: Callable[[Sequence[Mapping[str, float]], int], None] | None = None,
        in_float32: Callable[[], Learner] | None = None,
    ) -> None:
        self._devices, self.learner, self._plan = devices, learner, plan
        self._on_epochs, self._in_float32 = on_epochs, in_float32
        self._train, self._val, self._truth = train, val, val_index.truth
        self._val_groups = np.unique(val_index.groups, return_inverse=True)[1]
        self._saved_at = time.monotonic()
        self._under_way: deque[Step] = deque()
        self._best: list[np.ndarray] = []
        """The best weights until their checkpoint is written."""
        self._logged = 0
        self.state = State(keeps_lowest=False)

    def run(self) -> State:
        """Trains to the end, from where an earlier start of this run left off; the kept weights are in the average.

        Raises:
            PreemptedError, KeyboardInterrupt: it was asked to stop; a checkpoint was written.
            DivergedError: the loss became NaN twice, in float32.
            OutputError: a checkpoint can't be written.
            UsageError: the folder has a checkpoint of a run with other settings.
        """
        if not self._restore():
            self._save()
        validation = self._devices.batches(lambda: self._val.evaluation(rounds=-1))
        batches = self._read_from_here()
        plan, setbacks = self._plan, 0
        with StopSignals() as signals, Display(plan.title, plan.epochs, not self._devices.is_chief) as display:
            while not self.state.stopped:
                if not (failed := self._run_epoch(batches, validation, signals, display)):
                    continue
                self._restore()
                batches = self._read_from_here()
                if self._in_float32:
                    self._go_on_in_float32(failed)
                    continue
                setbacks += 1
                if setbacks > 1:
                    raise DivergedError(
                        f"the loss became NaN in {failed}, and again after going back to the last good checkpoint. "
                        f"{storage.join(plan.folder, LAST)} holds the state before that. Train with a lower "
                        "--learning-rate or a lower --clip-norm, into another --output"
                    )
        self._devices.wait_for_all()  # for the chief, which writes the best weights
        if not self.state.last_kept:  # those are in the average already
            self._load_best()
        return self.state

    def _go_on_in_float32(self, failed: str) -> None:
        state, where = self.state, f"epoch {self.state.epoch + 1}, step {self.state.step + 1}"
        if self._devices.is_chief:
            tool.say(
                f"WARNING: the loss became NaN in {failed}, in bfloat16: training continues in float32 from the last "
                f"checkpoint, {where}"
            )
        state.float32_from = state.global_step
        self._use_float32()
        self._save()

    def _use_float32(self) -> None:
        """Trades the learner for one in float32 with the same variables, whose values have this precision anyway."""
        assert self._in_float32
        arrays = [variable.numpy() for variable in self.learner.variables()]
        self.learner, self._in_float32 = self._in_float32(), None
        _assign(self.learner.variables(), arrays)

    def _read_from_here(self) -> Any:
        epoch, step = self.state.epoch, self.state.step
        return self._devices.batches(lambda: self._train.training(epoch, step))

    def _run_epoch(self, batches: Any, validation: Any, signals: StopSignals, display: Display) -> str:
        """Does the rest of the current epoch. Returns where the loss became NaN; empty if it didn't."""
        state, plan = self.state, self._plan
        steps = self._train.training_steps(state.epoch)
        start, clips_before = time.monotonic(), state.clips
        while state.step < steps:
            wishes = {"stop": signals.received is not None, "save": self._is_due(plan.checkpoint_every_s)}
            self._under_way.append(self.learner.train_step(batches, self._rate(steps), **wishes))
            state.step += 1
            state.global_step += 1
            # All workers read the result of a step at the same place, and so all stop or save there.
            stop = save = False
            left = plan.ahead if state.step < steps else 0
            while len(self._under_way) > (0 if stop or save else left):
                result = self._under_way.popleft().result()
                if not result.finite:
                    failed = f"epoch {state.epoch + 1}, step {state.step - len(self._under_way)}"
                    self._under_way.clear()
                    return failed
                stop, save = stop or result.stop, save or result.save
                state.loss += result.loss
                state.correct += result.correct
                state.clips += result.clips
                display.step(state, steps, result.clips)
            if stop or (save and state.step < steps):
                now = time.monotonic()
                state.seconds += now - start
                start = now
                self._save()
            if stop:
                self._stop(signals)
        elapsed = time.monotonic() - start
        state.seconds += elapsed
        self._end_epoch(validation, display, self._rate(steps), (state.clips - clips_before) / max(elapsed, 1e-9))
        return ""

    def _is_due(self, every_s: float) -> bool:
        """Whether a checkpoint is due, and this process is the one to say so."""
        return self._devices.is_chief and time.monotonic() - self._saved_at > every_s

    def _rate(self, steps: int) -> float:
        """The learning rate at the state's position."""
        plan = self._plan
        position = self.state.epoch + self.state.step / steps
        return learning_rate(position, plan.epochs, plan.learning_rate, plan.warmup_epochs)

    def _end_epoch(self, validation: Any, display: Display, rate: float, clips_per_s: float) -> None:
        state, plan = self.state, self._plan
        start = time.monotonic()
        logits = self.learner.logits(validation, self._val.evaluation_steps(), len(self._truth))
        found = validate(logits, self._truth)
        row = {
            "epoch": state.epoch + 1,
            "step": state.global_step,
            "learning_rate": rate,
            "train_loss": state.loss / state.clips,
            "train_accuracy": state.correct / state.clips,
            "val_loss": found.loss,
            "val_accuracy": found.accuracy,
            "seconds": round(state.seconds, 3),
            "clips_per_s": round(clips_per_s, 3),
        }
        state.history.append(row)
        # Compared after calibration, which the exported model gets too: a network that is right more often isn't
        # passed over for being overconfident.
        best = end_epoch(state, found.calibrated, self._val_groups, plan.patience, plan.epochs)
        if best and self._devices.is_chief:
            self._best = [variable.numpy() for variable in self.learner.average.trainable_variables]
        display.epoch(row, best)
        state.start_epoch()
        state.seconds += time.monotonic() - start
        if state.stopped or self._is_due(min(plan.checkpoint_every_s, SHORT_EPOCH_S)):
            self._save()

    def _stop(self, signals: StopSignals) -> None:
        if signals.received == signal.SIGINT:
            raise KeyboardInterrupt
        raise PreemptedError("asked to stop; a checkpoint was written. Run the same command again to resume")

    def _save(self) -> None:
        """Writes checkpoints and logs. `best.npz` comes first: `last.npz` must never name a best epoch without it."""
        self._saved_at = time.monotonic()
        if not self._devices.is_chief:
            return
        folder, state, identity = self._plan.folder, self.state, self._plan.identity
        if self._best:
            checkpoint.save(storage.join(folder, BEST), self._best, state, identity)
            self._best = []
        if self._on_epochs and len(state.history) > self._logged:
            self._on_epochs(state.history, len(state.history) - self._logged)
        self._logged = len(state.history)
        arrays = [variable.numpy() for variable in self.learner.variables()]
        checkpoint.save(storage.join(folder, LAST), arrays, state, identity)
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
        _assign(self.learner.variables(), arrays)
        self.state, self._logged, self._best = state, len(state.history), []
        if state.float32_from >= 0 and self._in_float32:
            self._use_float32()
        return True

    def _load_best(self) -> None:
        uri = storage.join(self._plan.folder, BEST)
        found = checkpoint.load(uri)
        if found is None:
            raise UsageError(f"{uri}, which holds the best weights, is gone; train again with --overwrite")
        _assign(self.learner.average.trainable_variables, found[0])


def _assign(variables: Sequence[keras.Variable], arrays: Sequence[np.ndarray]) -> None:
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
