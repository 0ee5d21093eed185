"""The jobs as functions: they return objects, raise `UserError`, print nothing, and leave the process as it was."""

from collections.abc import Sequence
from typing import Any

from pipelines import files
from pipelines.cli.flags import LOCAL_RUNNER
from pipelines.core.errors import UsageError
from pipelines.core.settings.build import build
from pipelines.dataset.config import PreprocessConfig
from pipelines.dataset.flags import Request
from pipelines.dataset.info import DatasetInfo
from pipelines.files.addresses import check_outside
from pipelines.labelling.config import LabelConfig
from pipelines.labelling.flags import LabelRequest
from pipelines.labelling.types import LabelReport
from pipelines.process.embedding import as_library


def preprocess(
    input: str, output: str, *, runner: str = LOCAL_RUNNER, beam_arguments: Sequence[str] = (), **settings: Any
) -> DatasetInfo:
    """Makes a dataset of videos, as `python -m pipelines.preprocess` does.

    Messages go to the logger `pipelines`, at the level INFO. Call it again after an error or a kill: finished shards
    are kept.

    Args:
        input: a folder of class folders, or a CSV manifest; local or in a store.
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
        return make_dataset(Request(config, runner, tuple(beam_arguments), False))[0]


def label(
    model: str,
    input: str,
    output: str,
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
        made = make_labels(LabelRequest(config, runner, tuple(beam_arguments)))
    assert made is not None
    return made[0]
