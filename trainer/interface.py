"""Training and comparing as functions: they return objects, raise `UserError`, and print and change nothing else."""

import os
from typing import Any

from pipelines import files
from pipelines.cli.flags import Given
from pipelines.core.errors import UsageError
from pipelines.process.embedding import as_library
from pipelines.process.tensorflow_start import start_tensorflow
from trainer.evaluation.compared_runs import Comparison
from trainer.evaluation.results import Metrics
from trainer.flags import DEFAULT_OUTPUT, make_config


def train(
    model: str, data: str | os.PathLike[str], output: str | os.PathLike[str] = DEFAULT_OUTPUT, **settings: Any
) -> Metrics:
    """Trains a network on a dataset, evaluates and exports it, as `python -m trainer.task` does.

    Messages go to the logger `pipelines`, at the level INFO. Call it again after an error or a kill: it resumes at the
    last checkpoint. With `deterministic=True`, TensorFlow's operations stay deterministic for the rest of the process.

    Args:
        model: `convlstm`, `lrcn` or `appearance`.
        data: folder of a dataset, local or in a store.
        output: folder of the run; `MODEL` in it stands for the network.
        settings: all other settings, see `TrainConfig` or `--help` of the tool: `epochs=20`, `batch_size=16`.

    Returns:
        The content of metrics.json: accuracy with intervals, baselines, calibration, configuration. A notebook shows
        the report of the run.

    Raises:
        UsageError: a setting, the dataset or the output can't be used; nothing was started.
        UserError: training ended without a model; the message says why and what to do.

    Example:
        >>> metrics = trainer.train(model="lrcn", data="data/mine", output="runs/lrcn", epochs=20)
        >>> metrics["test"]["top1"]["value"]
    """
    folder = files.path_text(output, "output").replace("MODEL", str(model))
    values = {"model": model, "data": files.path_text(data, "data"), "output": folder, **settings}
    config = make_config(Given(values, {name: name for name in values}, {}, (), ()))
    if config.strategy == "multi_worker":
        raise UsageError("strategy multi_worker needs a process of its own: python -m trainer.task")
    from trainer.task import train as train_run

    with as_library():
        start_tensorflow()
        from trainer.training.seeds import global_seed_kept

        with global_seed_kept():
            return Metrics(train_run(config), config.output)


def compare(*runs: str | os.PathLike[str]) -> Comparison:
    """Compares finished runs, as `python -m trainer.compare` does.

    Args:
        runs: folders of finished runs or of cross-validations, local or in a store.

    Returns:
        The runs and how they differ. A notebook shows the page of the comparison.

    Raises:
        UsageError: a run is missing, unfinished or damaged, or none is given, or a list of them in place of each.

    Example:
        >>> comparison = trainer.compare("runs/convlstm", "runs/lrcn")
        >>> comparison.sentences
    """
    if not runs:
        raise UsageError("compare needs the folder of at least one run")
    with as_library():
        return Comparison.of([files.path_text(run, "a run") for run in runs])
