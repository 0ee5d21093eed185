"""Cross-validation over groups: `python -m trainer.crossval`, see `--help`."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from pipelines.cli import tool
from pipelines.cli.parser import Parser
from pipelines.core.errors import EXIT_OK, UsageError
from pipelines.core.interval import Interval
from pipelines.process.tensorflow_start import start_tensorflow
from pipelines.reports.text import plural
from trainer import flags
from trainer.config import TrainConfig
from trainer.data.check import OpenDataset, check_several, check_shards, open_dataset
from trainer.data.features import Features, check_features, open_features
from trainer.data.index import check_indexes
from trainer.data.parts import min_groups
from trainer.evaluation.crossval_report import Fold, render_crossval
from trainer.evaluation.matching.by_video import unit_of
from trainer.evaluation.multilabel.crossval_report import render_multilabel_crossval
from trainer.evaluation.multilabel.pooling import summarise_labels
from trainer.evaluation.places import CROSS_VALIDATION, RUN, check_model_place, check_output
from trainer.evaluation.pooling import summarise
from trainer.evaluation.results import (
    CROSSVAL,
    PREDICTIONS,
    REPORT,
    TRACKING,
    finished,
    remove_run,
)
from trainer.evaluation.summary.terminal import baseline_rows, said_of_init, stream_rows
from trainer.files import storage
from trainer.files.copies import Copies, shard_copies
from trainer.files.eye_weights import check_weights
from trainer.files.initial import check_initial
from trainer.tracking.trackers import check_tracker
from trainer.tracking.tracking import complete
from trainer.training.workers.attended import run_attended
from trainer.training.workers.cluster import check_cluster, is_first_worker

_DESCRIPTION = """\
Trains a network once for each fold of groups, tests it on the groups of the fold, and summarises the results.

  python -m trainer.crossval --model lrcn --data data/ucf50 --folds logo --output runs/logo
  python -m trainer.crossval --model convlstm --data data/mine --folds 5 --seeds 0,1 --output runs/five

Every clip is tested once for each seed, by a network that has seen no clip of its group. Each fold is a run in a
folder of its own; run the command again after an interruption, and finished folds are kept."""

_OUTPUT = "runs/MODEL-crossval"


def make_parser() -> Parser:
    """The parser; flags that are not given are absent from its result."""
    parser = flags.make_parser("trainer.crossval", _DESCRIPTION, leave_out=("fold", "split", "seed"), output=_OUTPUT)
    group = parser.add_argument_group("folds")
    group.add_argument("--folds", required=True, type=_folds, metavar="K|logo",
                       help="number of folds, or logo to leave one group out at a time")  # fmt: skip
    group.add_argument("--seeds", type=_seeds, metavar="N,N,...", help="train each fold with each of these seeds "
                       "(default: 0)")  # fmt: skip
    return parser


def run(arguments: Sequence[str]) -> int:
    """Runs the cross-validation that a command line asks for and returns the exit code.

    Raises:
        UserError: the cross-validation can't be done, or was interrupted.
    """
    given = flags.parse(make_parser(), arguments)
    folds, seeds = given.others["folds"], given.others.get("seeds", (0,))
    base = flags.make_config(given, _OUTPUT)
    check_cluster(base.strategy)
    check_tracker(base.track)
    if base.strategy == "multi_worker":
        run_attended()
    storage.check_stores(base.data, base.output, *filter(None, [base.features]))
    check_output(base.output, CROSS_VALIDATION, base.data)
    check_initial(base.init, base.output, base.model, base.variant, base.appearance)
    check_weights(base.appearance, base.appearance_weights)
    dataset = open_dataset(base.data, splits=())
    check_several(dataset, base.multi_label)
    check_features(base, dataset)
    groups = {group for split in dataset.info.splits.values() for group in split.groups}
    count = folds or len(groups)
    if len(groups) < min_groups(count):
        raise UsageError(
            f"{base.data} has {plural(len(groups), 'group')}: too few for {plural(count, 'fold')}; at least "
            f"{min_groups(count)} groups are needed"
        )
    configs = [
        replace(
            base, fold=f"{number}/{count}", seed=seed, output=storage.join(base.output, f"fold{number:02d}-seed{seed}")
        )
        for seed in seeds
        for number in range(1, count + 1)
    ]
    for config in configs:
        check_output(config.output, RUN)
    done: list[Mapping[str, Any] | None] = [finished(config, dataset) for config in configs]
    for config, metrics in zip(configs, done, strict=True):
        if not metrics:
            check_model_place(config.output)
    if base.overwrite or not all(done):
        with shard_copies(dataset.uri, dataset.info) as copies, open_features(base, dataset) as features:
            check_shards(dataset, dataset.info.splits, copies=copies)
            check_indexes(dataset.uri, dataset.info, dataset.info.splits)
            if base.overwrite and base.strategy != "multi_worker":  # several workers would have to agree on it
                configs = _overwrite(configs, base.output, dataset)
            done, is_chief = _train(configs, dataset, copies, features)
    else:
        is_chief = is_first_worker(base.strategy)
    if not is_chief:  # only the first worker writes
        return EXIT_OK
    finished_runs = [metrics for metrics in done if metrics]
    if dataset.info.multi_label:
        summary, text = summarise_labels(configs, finished_runs, count)
        render: Callable[..., str] = render_multilabel_crossval
    else:
        summary, predictions = summarise(configs, finished_runs, count)
        text, render = predictions.to_jsonl(dataset.info.labels), render_crossval
    storage.write_text(storage.join(base.output, PREDICTIONS), text)
    folds = [
        Fold(_name(config), quote(f"{storage.base_name(config.output)}/{REPORT}"), metrics)
        for config, metrics in zip(configs, done, strict=True)
        if metrics
    ]
    title = f"Cross-validation of {base.model} on {storage.base_name(base.data)}"
    storage.write_text(storage.join(base.output, REPORT), render(summary, folds, title))
    storage.write_text(storage.join(base.output, CROSSVAL), json.dumps(summary, indent=2) + "\n")
    for config, metrics in zip([*configs, base], [*done, summary], strict=True):
        complete(config, metrics or {})
    _print(summary, base.output)
    return EXIT_OK


def _name(config: TrainConfig) -> str:
    return f"Fold {config.fold.partition('/')[0]}, seed {config.seed}"


def _overwrite(configs: Sequence[TrainConfig], output: str, dataset: OpenDataset) -> list[TrainConfig]:
    """Restarts a finished cross-validation; of an unfinished one, keeps finished folds with the same settings."""
    summary = storage.join(output, CROSSVAL)
    if storage.exists(summary):
        for config in configs:
            remove_run(config.output)
        for name in (REPORT, TRACKING):
            storage.delete(storage.join(output, name))
        storage.delete(summary)  # last: until then, another start removes everything again
        return list(configs)
    return [replace(config, overwrite=not _is_done(config, dataset)) for config in configs]


def _is_done(config: TrainConfig, dataset: OpenDataset) -> bool:
    try:
        return finished(replace(config, overwrite=False), dataset) is not None
    except UsageError:  # other settings, or damaged: to be replaced
        return False


def _train(
    configs: Sequence[TrainConfig], dataset: OpenDataset, copies: Copies | None, features: Features | None
) -> tuple[list[Mapping[str, Any] | None], bool]:
    """The metrics of each run, and whether this process is the one that writes."""
    start_tensorflow()
    import keras

    from trainer.training.devices import make_devices
    from trainer.training.session import train_on

    devices = make_devices(configs[0].strategy, configs[0].precision)
    results: list[Mapping[str, Any] | None] = []
    for number, config in enumerate(configs, 1):
        print(f"fold {config.fold}, seed {config.seed} ({number} of {len(configs)} runs)", file=sys.stderr, flush=True)
        results.append(train_on(config, dataset, devices, copies, features))
        keras.backend.clear_session()
    return results, devices.is_chief


def _folds(text: str) -> int:
    """The number of folds, 0 for one per group."""
    if text == "logo":
        return 0
    if not text.isdigit() or int(text) < 2:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 2, or logo, not {text!r}")
    return int(text)


def _seeds(text: str) -> tuple[int, ...]:
    parts = text.split(",")
    if not all(part.strip().isdigit() for part in parts) or len(set(map(int, parts))) < len(parts):
        raise argparse.ArgumentTypeError(f"must be different whole numbers such as 0,1, not {text!r}")
    return tuple(map(int, parts))


def _print(summary: Mapping[str, Any], output: str) -> None:
    pooled, headline = summary["pooled"], "mean_ap" if summary.get("multi_label") else "top1"
    folds = ", ".join(f"{accuracy:.1%}" for accuracy in summary[f"fold_{headline}"])
    top1, mean, macro_f1 = map(Interval.from_json, (pooled[headline], summary["mean"], pooled["macro_f1"]))
    if said := said_of_init(summary):
        print(f"{'WARNING' if summary['init']['in_test'] else 'Note'.ljust(7)}      {said}")
    for warning in summary["dataset"]["warnings"]:
        print(f"WARNING      {warning}")
    _, units = unit_of(summary)
    name = f"All {units}".ljust(12)
    shown = f"mAP {top1}" if headline == "mean_ap" else str(top1)
    print(f"{name} {shown}, {pooled['num_clips']} tests of {pooled['num_groups']} groups")
    if clips := summary.get("pooled_by_clip"):
        print(f"By clip      {Interval.from_json(clips['top1'])}, {clips['num_clips']} tests")
    print(f"Mean         {mean} over {summary['folds']} folds: {folds}")
    print(f"Macro F1     {macro_f1}")
    for name, value in (*baseline_rows(summary), *stream_rows(summary)):
        print(f"{name.ljust(12)} {value}")
    print(f"Details      {storage.join(output, CROSSVAL)}")
    print(f"Report       {storage.join(output, REPORT)}")


def main() -> int:
    """Entry point of the command line."""
    return tool.run_tool(run, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
