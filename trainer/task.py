"""Trains a network on a dataset: `python -m trainer.task`, see `--help`."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.cli import tool
from pipelines.core.errors import EXIT_OK
from pipelines.process.tensorflow_start import start_tensorflow
from trainer.data.check import check_shards, open_dataset
from trainer.data.parts import SIDES
from trainer.evaluation.places import RUN, check_model_place, check_output
from trainer.evaluation.results import finished, print_result
from trainer.files import storage
from trainer.flags import make_config, make_parser, parse
from trainer.training.attended import run_attended
from trainer.training.cluster import check_cluster

_DESCRIPTION = """\
Trains ConvLSTM or LRCN on a dataset, evaluates it on groups that it has not seen, and exports a model.

  python -m trainer.task --model convlstm                                   # on the sample data
  python -m trainer.task --model lrcn --data data/ucf50 --output runs/lrcn
  python -m trainer.task --model lrcn --config configs/train_lrcn.yaml

Run it again after an interruption: it goes on at the step where it was."""


def run(arguments: Sequence[str]) -> int:
    """Trains as a command line asks for and returns the exit code.

    Raises:
        UserError: it can't be done, or ended without a model.
    """
    config = make_config(parse(make_parser("trainer.task", _DESCRIPTION), arguments))
    check_cluster(config.strategy)
    if config.strategy == "multi_worker":
        run_attended()
    storage.check_readable(config.data)
    storage.check_stores(config.data, config.output)
    check_output(config.output, RUN, config.data)
    needs_splits = config.split == "groups" and not config.fold
    dataset = open_dataset(config.data, ("train", "test") if needs_splits else ())
    metrics: Mapping[str, Any] | None = finished(config, dataset)
    if metrics is None:
        check_model_place(config.output)
        storage.prepare(config.data)
        check_shards(dataset, SIDES if needs_splits else dataset.info.splits)
        start_tensorflow()
        # TensorFlow takes seconds to load: not for --help, and not before a mistake is found.
        from trainer.training.devices import make_devices
        from trainer.training.session import train_here

        devices = make_devices(config.strategy, config.precision)
        metrics = train_here(config, dataset, devices)
        if not devices.is_chief:
            return EXIT_OK
    else:
        print(f"{config.output} is complete (--overwrite trains anew)", file=sys.stderr)
    print_result(metrics, config.output)
    return EXIT_OK


def main() -> int:
    """Entry point of the command line."""
    return tool.run_tool(run, sys.argv[1:])


if __name__ == "__main__":
    storage.exit_now(main())
