"""The jobs as functions: they return objects, raise `UserError`, print nothing, and leave the process as it was."""

from collections.abc import Sequence
from os import PathLike
from typing import Any

from pipelines import files
from pipelines.cli.beam_flags import LOCAL_RUNNER
from pipelines.core.errors import UsageError, UserError
from pipelines.core.settings.build import build
from pipelines.dataset.config import PreprocessConfig
from pipelines.dataset.flags import Request
from pipelines.dataset.info import DatasetInfo
from pipelines.evaluation.results import Evaluation
from pipelines.fetching.catalog import DATASETS, OTHER
from pipelines.fetching.flags import make_request
from pipelines.files.addresses import check_outside
from pipelines.inputs.video_folder import VideoFolder
from pipelines.labelling.config import LabelConfig
from pipelines.labelling.flags import LabelRequest
from pipelines.labelling.types import LabelReport
from pipelines.process.embedding import as_library
from pipelines.reports.text import plural, some
from pipelines.samples.videos import SampleDataConfig


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
        return make_dataset(Request(config, runner, tuple(beam_arguments), False))[0]


def sample_data(output: str | PathLike[str], **settings: Any) -> VideoFolder:
    """Makes videos of simple activities, as `python -m pipelines.sample_data` does.

    Messages go to the logger `pipelines`, at the level INFO. Call it again after an error or a kill: finished videos
    are kept.

    Args:
        output: a local folder for the videos.
        settings: `groups=25`, `clips_per_group=3`, `tells="motion"`, `seed=0`, `workers=2`; see
            `SampleDataConfig`.

    Returns:
        The folder with its videos.

    Raises:
        UsageError: a setting or the folder can't be used; nothing was made.
        UserError: not all videos could be made; the message says why and what to do.

    Example:
        >>> videos = pipelines.sample_data("data/sample-videos", groups=5)
        >>> videos.videos["ArmSwing"]
    """
    config = build(SampleDataConfig, {"output": files.normalise(output, "output"), **settings})
    from pipelines.sample_data import make_videos

    with as_library():
        make_videos(config)
    return VideoFolder.of(config.output, (video.path for video in config.list_videos()))


def download(
    output: str,
    dataset: str = "",
    *,
    url: str = "",
    archive: str = "",
    classes: Sequence[str] = (),
    insecure: bool = False,
) -> VideoFolder:
    """Downloads a dataset of videos, extracts and checks it, as `python -m pipelines.download` does.

    Messages go to the logger `pipelines`, at the level INFO. Call it again after an error or a kill: the download
    resumes, and extracted files are kept.

    Args:
        output: a local folder for the archive and, beside it, the folder of videos.
        dataset: `ucf50` (the default), `ucf101`, `hmdb51`, or `other` for another archive.
        url: downloads the archive from this address instead.
        archive: an archive on this machine, instead of downloading one.
        classes: the classes to extract; empty for all.
        insecure: downloads without checking the site's certificate.

    Returns:
        The folder with its videos.

    Raises:
        UsageError: an argument can't be used; nothing was downloaded.
        UserError: the videos aren't complete; the message says why and what to do.

    Example:
        >>> videos = pipelines.download("data", classes=["Swing", "TaiChi"])
        >>> videos.path
    """
    if dataset not in ("", OTHER, *DATASETS):
        raise UsageError(f"dataset must be one of {', '.join((*DATASETS, OTHER))}, not {dataset!r}")
    given = {"dataset": dataset, "url": url, "archive": archive, "classes": ",".join(classes), "insecure": insecure}
    request = make_request({"output": output, **{name: value for name, value in given.items() if value}})
    from pipelines.download import get

    with as_library():
        got = get(request)
    if got.missing:
        raise UserError(
            f"{got.videos.folder} has no videos of {plural(len(got.missing), 'class', 'classes')} that "
            f"{request.dataset.title} should have: {some(list(got.missing))}. Check that the archive is the right one"
        )
    return VideoFolder.of(got.videos.folder, got.names)


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
        made = make_labels(LabelRequest(config, runner, tuple(beam_arguments)))
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
    if folder:
        check_outside(folder, labels=places["labels"])
    from pipelines.evaluate import write_evaluation
    from pipelines.evaluation.evaluating import evaluate_labels

    with as_library():
        result = evaluate_labels(**places, background=background, video_pattern=video_pattern, fps=fps)
        if folder:
            write_evaluation(result, folder)
    return result
