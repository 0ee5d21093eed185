"""A run from a dataset to a finished folder in this process: the lock, the order of its steps, readable errors."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf

from pipelines.cli import tool
from pipelines.core.errors import IncompleteError, UserError
from pipelines.core.reasons import first_line
from pipelines.files.lock import exclusive
from trainer.config import TrainConfig
from trainer.data.check import OpenDataset
from trainer.data.features import Features, of_other_clip
from trainer.evaluation import results
from trainer.files import storage
from trainer.files.copies import Copies
from trainer.tracking.tracking import Tracking, complete, tracking_of
from trainer.training import checkpoint
from trainer.training.devices import Devices
from trainer.training.identity import identity_of
from trainer.training.logs import RunLog
from trainer.training.outputs import configuration_of, describe, write
from trainer.training.run import Run

_LOST_WORKER = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.InternalError,
)


def train_on(
    config: TrainConfig,
    dataset: OpenDataset,
    devices: Devices,
    copies: Copies | None = None,
    features: Features | None = None,
) -> Mapping[str, Any]:
    """Trains, evaluates and exports. What the same run has done before isn't done again.

    Every worker has to call it; the chief alone writes.

    Args:
        config: the settings.
        dataset: what to train on; its shards are checked.
        devices: where to train.
        copies: copies of the dataset's shards; None for a local dataset.
        features: what the pretrained network sees in the dataset, if that is known.

    Returns:
        the content of metrics.json.

    Raises:
        UserError: another process is at work in the output folder; see also `Loop.run` and `export_model`.
    """
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    lock = exclusive(config.output) if devices.is_chief else contextlib.nullcontext()
    with lock, _for_people(config, [copies, features.copies if features else None]):
        if (done := results.finished(config, dataset)) is not None:
            if devices.is_chief:
                complete(config, done)
            return done
        if config.overwrite and devices.is_chief and not _is_unfinished(config, dataset, devices):
            results.remove_run(config.output)
        run = Run(config, dataset, devices, copies, features)
        track = tracking_of(config, configuration_of(run), dataset.fingerprint)
        with track if devices.is_chief else contextlib.nullcontext() as tracking:
            run.announce()
            return _train(run, tracking)


def _train(run: Run, tracking: Tracking | None) -> Mapping[str, Any]:
    """Trains what isn't trained yet, and writes what is known of it."""
    config, devices = run.config, run.devices
    log = RunLog(config.output, tracking.epochs if tracking else None) if devices.is_chief else None
    main = run.fit(run.checkpoints, on_epochs=log.epochs if log else None)
    single = None
    if config.baseline:
        single = run.fit(storage.join(run.checkpoints, "single_frame"), single_frame=True)
    metrics = describe(run, main, single)
    if devices.num_workers > 1:
        # Every worker prints it: if two of them differ, something is wrong with the cluster.
        tool.say(f"worker {devices.worker + 1} of {devices.num_workers}: weights {main.learner.fingerprint()}")
    if log:
        log.confusion(metrics["test"].get("confusion"), run.info.labels, main.state.epoch)
        write(run, main, single, metrics)
    if tracking:
        tracking.finish(metrics)
    # A worker that ends before the chief isn't there to train with, should the chief have to start again.
    devices.wait_for_all()
    return metrics


def _is_unfinished(config: TrainConfig, dataset: OpenDataset, devices: Devices) -> bool:
    """Whether `--overwrite` meets the unfinished work of the same command, which it must not throw away."""
    if storage.exists(storage.join(config.output, results.METRICS)):
        return False
    try:
        found = checkpoint.load(storage.join(config.output, results.CHECKPOINTS, results.LAST))
    except UserError:  # damaged: to be replaced
        return False
    wanted = identity_of(config, dataset, devices)
    return found is not None and not results.differing(found[2], wanted)


@contextlib.contextmanager
def _for_people(config: TrainConfig, copies: Sequence[Copies | None]) -> Iterator[None]:
    """Turns errors of TensorFlow with causes outside of this software into errors that say what to do."""
    try:
        yield
    except tf.errors.OpError as error:
        if problem := next((made.problem for made in copies if made and made.problem), ""):
            raise IncompleteError(  # TensorFlow's error only repeats it
                f"cannot read shards any more: {problem}. Then run the same command again to resume from the "
                "last checkpoint"
            ) from error
        if told := of_other_clip(str(error)):
            raise UserError(told) from error
        if isinstance(error, tf.errors.ResourceExhaustedError):
            raise UserError(
                f"out of memory: choose a smaller --batch-size than {config.batch_size or 'the automatic one'} "
                f"({first_line(error)})"
            ) from error
        if isinstance(error, tf.errors.DataLossError):
            raise UserError(
                f"a shard of {config.data} is damaged ({first_line(error)}); python -m pipelines.verify tells which one"
            ) from error
        if config.strategy != "multi_worker" or not isinstance(error, _LOST_WORKER):
            raise
        raise IncompleteError(
            f"lost another worker ({first_line(error)}); start all workers again to resume from the last checkpoint"
        ) from error
