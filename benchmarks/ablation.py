"""What is each part of the default networks worth? Leaves out or replaces one at a time.

  python -m benchmarks.ablation --data DATASET --output runs/ablation

Each variant is trained once for each fold and seed, and tested on the groups of the fold; the table has the accuracy
over all clips with its interval over groups. Where every network learns all there is, few `--epochs` show which one
learns fast. It goes on where it was stopped: what is finished is kept in the output folder.
"""

import argparse
import gc
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import common
from pipelines.process.tensorflow_start import start_tensorflow
from trainer.config import MODELS, TrainConfig
from trainer.data.check import OpenDataset, open_dataset
from trainer.evaluation.metrics import evaluate
from trainer.evaluation.predictions import Predictions

_COMMON: dict[str, dict[str, Any]] = {
    "default": {},
    "frames instead of changes": {"motion": "none"},
    "frames beside changes": {"motion": "both"},
    "one change instead of two": {"motion": "only"},
    "changes and what moves": {"motion": "moving"},
    "normalised place by place": {"norm": "place"},
    "no normalisation": {"norm": "none"},
    "pooled instead of a grid": {"pooled": True},
    "no dropout": {"dropout": 0.0},
    "mean instead of attention": {"readout": "mean"},
    "last step instead of attention": {"readout": "last"},
}
VARIANTS: dict[str, dict[str, dict[str, Any]]] = {
    "lrcn": {**_COMMON, "LSTM forwards only": {"bidirectional": False}},
    "convlstm": {**_COMMON, "in both directions": {"bidirectional": True}, "two layers": {"filters": (24, 32)}},
}
SETTINGS: dict[str, dict[str, Any]] = {"no augmentation": {"augment": "none"}, "no average of weights": {"ema": 0.0}}


def main() -> None:
    """Runs the benchmark that the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ablation", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", required=True, metavar="FOLDER", help="a dataset")
    add("--output", required=True, metavar="FOLDER", help="where finished trainings are kept")
    add("--models", default=",".join(MODELS), metavar="A,B", help="networks (default %(default)s)")
    folds = "folds of groups, or 1: the dataset's own splits (default %(default)s)"
    add("--folds", type=common.positive, default=3, metavar="K", help=folds)
    add("--seeds", type=common.positive, default=1, metavar="N", help="trainings of each fold (default %(default)s)")
    add("--epochs", type=int, default=0, metavar="N", help="of each training (default: as trainer.task chooses)")
    add("--only", metavar="TEXT", default="", help="only variants with this text in their name")
    add("--markdown", action="store_true", help="print tables for a Markdown file")
    options = parser.parse_args()
    start_tensorflow()
    dataset = open_dataset(options.data, ())
    for model in options.models.split(","):
        rows = []
        choices = {**VARIANTS[model], **{name: {} for name in SETTINGS}, "reference network": {}}
        for name, network in choices.items():
            if options.only in name:
                rows.append(_row(options, dataset, model, name, network))
        print()
        common.print_table([model, "top-1", "95 % from", "to", "parameters", "s a training"], rows, options.markdown)


def _row(
    options: argparse.Namespace, dataset: OpenDataset, model: str, name: str, network: Mapping[str, Any]
) -> list[str]:
    config = TrainConfig(
        model, options.data, options.output, epochs=options.epochs, baseline=False,
        variant="reference" if name == "reference network" else "default", **SETTINGS.get(name, {}),
    )  # fmt: skip
    parts, facts = [], []
    for seed in range(options.seeds):
        for number in range(1, options.folds + 1):
            fold = replace(config, fold=f"{number}/{options.folds}" if options.folds > 1 else "", seed=seed)
            folder = Path(options.output, f"{model} {name} {number} of {options.folds} seed {seed}")
            common.log(folder.name)
            part, fact = _train(fold, dataset, folder, network)
            parts.append(replace(part, video_ids=tuple(f"{video_id} {seed}" for video_id in part.video_ids)))
            facts.append(fact)
    top1 = evaluate(Predictions.concatenate(parts), dataset.info.labels).top1
    seconds = sum(fact["seconds"] for fact in facts) / len(facts)
    shares = [f"{100 * share:.1f}" for share in (top1.value, top1.low, top1.high)]
    return [name, *shares, f"{facts[0]['parameters']:,}", f"{seconds:.0f}"]


def _train(
    config: TrainConfig, dataset: OpenDataset, folder: Path, network: Mapping[str, Any]
) -> tuple[Predictions, dict[str, float]]:
    """Predictions for the fold's clips, and facts about the training; from the folder where that is done."""
    labels = dataset.info.labels
    predictions, facts = folder / "predictions.jsonl", folder / "facts.json"
    if not facts.exists():
        import keras

        from trainer.training.devices import make_devices
        from trainer.training.run import Run

        trained = Run(config, dataset, make_devices("auto", "auto"), network).fit(str(folder / "checkpoints"))
        folder.mkdir(parents=True, exist_ok=True)
        predictions.write_text(trained.test.to_jsonl(labels))
        parameters = trained.learner.average.count_params()
        facts.write_text(json.dumps({"seconds": trained.state.seconds, "parameters": parameters}))
        del trained
        keras.backend.clear_session()
        gc.collect()
    return Predictions.from_jsonl(predictions.read_text(), labels), json.loads(facts.read_text())


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
