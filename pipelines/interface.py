"""The jobs as functions: they return objects, raise `UserError`, print nothing, and leave the process as it was."""

import math
from collections.abc import Sequence
from numbers import Real
from os import PathLike
from typing import Any

from pipelines import files
from pipelines.cli.beam_flags import LOCAL_RUNNER
from pipelines.core.errors import UsageError
from pipelines.core.settings.build import build
from pipelines.dataset.config import PreprocessConfig
from pipelines.dataset.flags import Request
from pipelines.dataset.info import DatasetInfo
from pipelines.evaluation.results import Evaluation
from pipelines.featurizing.config import FeaturesConfig, FeaturesRequest, check_places
from pipelines.featurizing.info import FeaturesInfo
from pipelines.files.addresses import check_outside
from pipelines.interface_of_videos import download as download
from pipelines.interface_of_videos import sample_data as sample_data
from pipelines.labelling.config import LabelConfig
from pipelines.labelling.flags import LabelRequest
from pipelines.labelling.types import LabelReport
from pipelines.process.embedding import as_library


def preprocess(
    input: str | PathLike[str],
    output: str | PathLike[str],
    *,
    runner: str = LOCAL_RUNNER,
    beam_arguments: Sequence[str] = (),
    **settings: Any,
) -> DatasetInfo:
    """Makes a dataset of videos, as `python -m pipelines.preprocess` does.

    Messages go to the logger `pipelines`, at the level INFO. Call it again after an error or a kill: finished shards
    are kept.

    Args:
        input: a folder of class folders, a CSV manifest, a file of annotations or a folder of labels; local or in a
            store.
        output: folder of the dataset.
        runner: the Beam runner that does the work.
        beam_arguments: Beam options, as on a command line.
        settings: all others, such as `num_frames=20`, `size=64`, `workers=8`; see `PreprocessConfig`, or `--help` of
            the tool.

    Returns:
        The description of the complete dataset.

    Raises:
        UsageError: a setting, the input or the output can't be used; nothing was started.
        UserError: the dataset isn't complete; the message says why and what to do.

    Example:
        >>> info = pipelines.preprocess(input="videos/", output="data/mine", workers=8)
        >>> info.splits["train"].num_examples
    """
    if "size" in settings:
        settings["size"] = str(settings["size"])
    places = {"input": files.normalise(input, "input"), "output": files.normalise(output, "output")}
    config = build(PreprocessConfig, {**places, **settings})
    check_outside(config.output, input=config.input)
    from pipelines.preprocess import make_dataset

    with as_library():
        return make_dataset(Request(config, runner, _arguments(beam_arguments), False))[0]


def label(
    model: str | PathLike[str],
    input: str | PathLike[str],
    output: str | PathLike[str],
    *,
    runner: str = LOCAL_RUNNER,
    beam_arguments: Sequence[str] = (),
    **settings: Any,
) -> LabelReport:
    """Labels videos, as `python -m pipelines.label` does.

    Messages go to the logger `pipelines`, at the level INFO. Call it again after an error or a kill: finished videos
    are kept.

    Args:
        model: folder of a model; local or in a store.
        input: a folder, a pattern, a video, or a list of videos.
        output: folder of the labels.
        runner: the Beam runner that does the work.
        beam_arguments: Beam options, as on a command line.
        settings: all others, such as `min_score=0.5`, `format="parquet"`; see `LabelConfig`, or `--help` of the tool.

    Returns:
        The report on all videos.

    Raises:
        UsageError: a setting, the model, the input or the output can't be used; nothing was started.
        UserError: not all videos are labelled; the message says why and what to do.

    Example:
        >>> report = pipelines.label(model="runs/lrcn/model", input="new/", output="labels/")
        >>> report.labelled, report.seconds_by_label
    """
    if settings.pop("dry_run", False):
        raise UsageError("dry_run prints an estimate and is only available on the command line")
    places = {"model": model, "input": input, "output": output}
    values = {name: files.normalise(value, name) for name, value in places.items()}
    config = build(LabelConfig, {**values, **settings})
    check_outside(config.output, input=config.input, model=config.model)
    from pipelines.label import make_labels

    with as_library():
        made = make_labels(LabelRequest(config, runner, _arguments(beam_arguments)))
    assert made is not None
    return made[0]


def features(
    data: str | PathLike[str],
    appearance: str,
    output: str | PathLike[str],
    *,
    runner: str = LOCAL_RUNNER,
    beam_arguments: Sequence[str] = (),
    **settings: Any,
) -> FeaturesInfo:
    """Computes what a pretrained network says of a dataset's frames, as `python -m pipelines.features` does.

    Messages go to the logger `pipelines`, at the level INFO. Call it again after an error or a kill: finished shards
    are kept.

    Args:
        data: folder of a dataset; local or in a store.
        appearance: the network, such as `efficientnet-lite0`.
        output: folder of the features, to be given to `trainer.train` as `features`.
        runner: the Beam runner that does the work.
        beam_arguments: Beam options, as on a command line.
        settings: all others: `appearance_weights`, `overwrite`; see `FeaturesConfig`, or `--help` of the tool.

    Returns:
        The description of the complete features.

    Raises:
        UsageError: a setting, the dataset or the output can't be used; nothing was started.
        UserError: the features aren't complete; the message says why and what to do.

    Example:
        >>> info = pipelines.features("data/mine", "efficientnet-lite0", "data/mine-features")
        >>> metrics = trainer.train("appearance", "data/mine", "runs/head", features="data/mine-features")
    """
    if settings.pop("dry_run", False):
        raise UsageError("dry_run prints an estimate and is only available on the command line")
    places = {"data": data, "output": output}
    if settings.get("appearance_weights"):
        places["appearance_weights"] = settings.pop("appearance_weights")
    values = {name: files.normalise(value, name) for name, value in places.items()}
    config = build(FeaturesConfig, {"appearance": appearance, **values, **settings})
    check_places(config)
    from pipelines.features import make_features

    with as_library():
        made = make_features(FeaturesRequest(config, runner, _arguments(beam_arguments)))
    assert made is not None
    return made[0]


def evaluate(
    labels: str | PathLike[str],
    truth: str | PathLike[str],
    output: str | PathLike[str] = "",
    *,
    background: Sequence[str] = (),
    video_pattern: str = "",
    fps: float = 0.0,
) -> Evaluation:
    """Measures labels against what really happens, as `python -m pipelines.evaluate` does.

    Args:
        labels: the output of `pipelines.label`.
        truth: a file of annotations: a table with the columns path, label, start and end, ActivityNet's JSON, or
            another that the tool reads.
        output: folder for `evaluation.json` and `evaluation.html`; empty for none.
        background: labels that mean that nothing happens, in the truth or among the labels.
        video_pattern: path of each video of the truth, with fields of its entry in braces; empty if entries name them.
        fps: frames per second of the videos, where the truth counts frames.

    Returns:
        All measures, with intervals.

    Raises:
        UsageError: labels or truth can't be read, or have no video in common.
        UserError: the output can't be written.

    Example:
        >>> result = pipelines.evaluate(labels="labels/", truth="truth.csv")
        >>> result.measures["mAP@0.5"].value
    """
    places = {"labels": files.normalise(labels, "labels"), "truth": files.normalise(truth, "truth")}
    folder = files.normalise(output, "output") if output else ""
    if isinstance(background, str):  # it would be taken for a list of letters
        raise UsageError(f"background must be a list of texts, not {background!r}")
    if not isinstance(fps, Real) or not 0 <= fps < math.inf:
        raise UsageError(f"fps must be a number, 0 or more, not {fps!r}")
    if folder:
        check_outside(folder, labels=places["labels"])
    from pipelines.evaluate import write_evaluation
    from pipelines.evaluation.evaluating import evaluate_labels

    with as_library():
        result = evaluate_labels(**places, background=background, video_pattern=video_pattern, fps=fps)
        if folder:
            write_evaluation(result, folder)
    return result


def _arguments(given: Sequence[str]) -> tuple[str, ...]:
    """Options of Beam as a program gave them; a single text would be taken for a list of letters."""
    if isinstance(given, str):
        raise UsageError(f"beam_arguments must be a list of texts, not {given!r}")
    return tuple(given)
