"""Trains a network on a dataset: `python -m trainer.task`, see `--help`."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.cli import tool
from pipelines.cli.parser import Parser
from pipelines.core.errors import EXIT_OK
from pipelines.process.tensorflow_start import start_tensorflow
from trainer import flags
from trainer.config import TrainConfig
from trainer.data.check import check_several, check_shards, open_dataset
from trainer.data.features import check_features, open_features
from trainer.data.index import check_indexes
from trainer.data.parts import SIDES, indexed_splits
from trainer.evaluation.places import RUN, check_model_place, check_output
from trainer.evaluation.results import finished
from trainer.evaluation.summary.terminal import print_result
from trainer.files import storage
from trainer.files.copies import shard_copies
from trainer.files.eye_weights import check_weights
from trainer.files.initial import check_initial
from trainer.tracking.trackers import check_tracker
from trainer.tracking.tracking import complete
from trainer.training.workers.attended import run_attended
from trainer.training.workers.cluster import check_cluster, is_first_worker

_DESCRIPTION = """\
Trains ConvLSTM or LRCN on a dataset, evaluates it on groups that it has not seen, and exports a model. A pretrained
network that sees single frames can be added as a second stream.

  python -m trainer.task --model convlstm                                   # on the sample data
  python -m trainer.task --model lrcn --data data/ucf50 --output runs/lrcn
  python -m trainer.task --model lrcn --appearance efficientnet-lite0 --data data/ucf50 --output runs/two
  python -m trainer.task --model lrcn --config configs/train_lrcn.yaml

Run it again after an interruption: it resumes at the step where it stopped."""


def make_parser() -> Parser:
    """The parser; flags that are not given are absent from its result."""
    return flags.make_parser("trainer.task", _DESCRIPTION)


def run(arguments: Sequence[str]) -> int:
    """Trains as a command line asks for and returns the exit code.

    Raises:
        UserError: see `train`.
    """
    config = flags.make_config(flags.parse(make_parser(), arguments))
    if config.strategy == "multi_worker":
        check_cluster(config.strategy)
        run_attended()
    metrics = train(config)
    if is_first_worker(config.strategy):
        print_result(metrics, config.output)
    return EXIT_OK


def train(config: TrainConfig) -> Mapping[str, Any]:
    """Trains a network, evaluates it and exports a model; or returns the result if that was done before.

    An interrupted run resumes. With several workers (`multi_worker`), each calls this in a process of its own.

    Returns:
        the content of metrics.json.

    Raises:
        UsageError: something is wrong with the settings, the dataset or the output folder.
        UserError: training ended without a model; `exit_code` tells why.
    """
    check_cluster(config.strategy)
    check_tracker(config.track)
    storage.check_stores(config.data, config.output, *filter(None, [config.features]))
    check_output(config.output, RUN, config.data)
    check_initial(config.init, config.output, config.model, config.variant, config.appearance)
    check_weights(config.appearance, config.appearance_weights)
    needs_splits = config.split == "groups" and not config.fold
    dataset = open_dataset(config.data, ("train", "test") if needs_splits else ())
    check_several(dataset, config.multi_label)
    check_features(config, dataset)
    metrics: Mapping[str, Any] | None = finished(config, dataset)
    if metrics is not None:
        tool.say(f"{config.output} is complete (--overwrite trains again)")
        if is_first_worker(config.strategy):
            complete(config, metrics)
        return metrics
    check_model_place(config.output)
    with shard_copies(dataset.uri, dataset.info) as copies, open_features(config, dataset) as features:
        check_shards(dataset, SIDES if needs_splits else dataset.info.splits, copies=copies)
        check_indexes(dataset.uri, dataset.info, indexed_splits(dataset.info, config))
        start_tensorflow()
        # TensorFlow takes seconds to load, so it isn't loaded for --help, nor before the checks above.
        from trainer.training.devices import make_devices
        from trainer.training.session import train_on

        return train_on(config, dataset, make_devices(config.strategy, config.precision), copies, features)


def main() -> int:
    """Entry point of the command line."""
    return tool.run_tool(run, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
