"""Messages about an input before it is listed: that it can't contain videos, or which existing name is nearest."""

import itertools
import os
import posixpath
from collections.abc import Sequence

from pipelines import files
from pipelines.annotations.tables import check_address
from pipelines.core.errors import UsageError
from pipelines.core.file_names import DATASET_INFO
from pipelines.core.model_info import MODEL_INFO
from pipelines.core.text_decoding import kind_of, stand_in_of
from pipelines.core.video_files import VIDEO_EXTENSIONS, extension, is_video, sort_out
from pipelines.files.nearest import nearest
from pipelines.files.output_folder import STATE
from pipelines.inputs.folder_kinds import (
    ANNOTATIONS,
    FEATURES,
    LABELS,
    LABELS_SUMMARY,
    kind_of_folder,
    no_data,
    no_input,
    no_labels,
    no_model,
    no_run,
    no_source,
)

_HEAD_BYTES = 1 << 12


def check_source(source: str, with_labels: bool = False) -> None:
    """Refuses an input that can't be a source of videos by its name or by the content of a local folder.

    Args:
        source: a normalised path or address.
        with_labels: whether a complete folder of labels names videos, too.

    Raises:
        UsageError: it isn't a source of videos; the message says what it is, and what to give instead.
    """
    check_address(source, "--input")
    is_folder = files.is_local(source) and os.path.isdir(source)
    if not is_folder and (message := no_source(source)) and (not files.is_local(source) or files.exists(source)):
        raise UsageError(message)
    if files.is_local(source) and os.path.isfile(source) and extension(source) not in VIDEO_EXTENSIONS:
        _check_content(source)
    kind = kind_of_folder(lambda name: files.exists(files.join(source, name))) if is_folder else ""
    if with_labels and kind == LABELS and files.exists(files.join(source, LABELS_SUMMARY)):
        return
    above = posixpath.dirname(source)
    if is_part := is_folder and not kind and files.exists(files.join(above, DATASET_INFO)):
        kind = "dataset"  # as its folder webdataset is
    if kind and not sort_out(files.list_tree(source)[0]).videos:  # otherwise a file with such a name lies beside videos
        raise UsageError(no_input(above if is_part else source, kind))


def _check_content(path: str) -> None:
    """Refuses a local file that, whatever it is called, begins like an archive, a web page or the like.

    Raises:
        UsageError: it does; the message says what it is, and what to give instead.
    """
    if extension(path) in ANNOTATIONS:  # these may be ZIP or Parquet files
        return
    with open(path, "rb") as file:
        head = file.read(_HEAD_BYTES)
    if stand_in := stand_in_of(head):
        raise UsageError(f"{path} is {stand_in}")
    kind = kind_of(head)
    if "archive" in kind or "compressed" in kind:
        raise UsageError(f"{path} is {kind}. Unpack it, then give the folder with the videos, or a table as CSV")


def why_no_model(folder: str) -> str:
    """The message for a path where a model is expected and there is none."""
    if not files.is_folder(folder) and not files.exists(folder):
        return f"no model in {folder}: there is no such folder{remedy(folder)}"
    if files.is_local(folder) and os.path.isfile(folder):
        return (
            f"{folder} is a file; a model is a folder with {MODEL_INFO}. "
            "python -m trainer.import_model makes one from a Keras file"
        )
    if message := no_model(folder, kind_of_folder(lambda name: files.exists(files.join(folder, name)))):
        return message
    nested = files.join(folder, "model")
    hint = f"; did you mean {nested}?" if files.exists(files.join(nested, MODEL_INFO)) else "."
    return (
        f"no model in {folder}: there is no {MODEL_INFO}{hint} Models come from python -m trainer.task (in the "
        "folder model of its output) or from python -m trainer.import_model"
    )


def why_no_dataset(folder: str) -> str:
    """The message for a path where a dataset is expected and there is none."""
    again = f"python -m pipelines.preprocess --input VIDEOS --output {folder}"
    if files.is_local(folder) and os.path.isfile(folder):
        return f"{folder} is a file. Give the folder of a dataset, the one that holds {DATASET_INFO}"
    names = files.list_names(folder)
    if not names and not (files.is_local(folder) and files.exists(folder)):
        near = nearest(folder)
        near += "" if near.endswith("?") else "."
        return f"there is no folder {folder}{near} Correct the path, or make a dataset there: {again}"
    if message := no_data(folder, kind_of_folder(lambda name: _holds(folder, names, name))):
        return message
    if STATE in names:
        return (
            f"the dataset in {folder} is incomplete: preprocessing was interrupted or is still at work. Wait for it, "
            f"or run the same command again ({again}): it resumes where it stopped"
        )
    if _has_videos(folder, names):
        return (
            f"{folder} is a folder of videos, not a dataset. Make a dataset of it first: "
            f"python -m pipelines.preprocess --input {folder} --output DATASET"
        )
    make = again.replace(folder, "DATASET") if names else again
    return f"{folder} is not a dataset: it has no {DATASET_INFO}, which preprocessing writes last. Make one: {make}"


def why_no_labels(folder: str) -> str:
    """The message for a path where a complete folder of labels is expected and there is none."""
    if not files.is_folder(folder) and not files.exists(folder):
        return f"no complete labels in {folder}: there is no such folder{nearest(folder) or '. Correct the path'}"
    if files.is_local(folder) and os.path.isfile(folder):
        return f"{folder} is a file. Give the folder of labels, which pipelines.label has written"
    kind = kind_of_folder(lambda name: files.exists(files.join(folder, name)))
    if message := no_labels(folder, kind):
        return message
    if kind != LABELS and _has_videos(folder, files.list_names(folder)):
        return (
            f"{folder} is a folder of videos, not of labels. Label them first: "
            f"python -m pipelines.label --model MODEL --input {folder} --output LABELS"
        )
    return f"no complete labels in {folder}: {LABELS_SUMMARY} is missing. Run har label until it is complete"


def why_no_features(folder: str, description: str) -> str:
    """The message for a path where complete features, with this file, are expected and there are none."""
    tool = "python -m pipelines.features"
    if not files.is_folder(folder) and not files.exists(folder):
        return f"no features in {folder}: there is no such folder{nearest(folder) or '.'} {tool} makes features"
    kind = kind_of_folder(lambda name: files.exists(files.join(folder, name)))
    if kind and kind != FEATURES:
        what = {"run": "the folder of a training run", LABELS: "a folder of labels"}.get(kind, f"a {kind}")
        return f"{folder} is {what}, not one of features. Give the folder that {tool} has written"
    ran = "Run it, or run it again to the end"
    return f"no features in {folder}: there is no {description}, which {tool} writes last. {ran}"


def why_no_run(folder: str) -> str:
    """The message for a local path where a finished run is expected and something else is; empty for any other."""
    return no_run(folder, kind_of_folder(lambda name: files.exists(files.join(folder, name))))


def _has_videos(folder: str, names: Sequence[str]) -> bool:
    """Whether there are videos in a folder with these names, or in the first of its folders."""
    inside = itertools.chain(names, *(files.list_names(files.join(folder, name)) for name in names[:3]))
    return any(is_video(name) for name in inside)


def _holds(folder: str, names: Sequence[str], path: str) -> bool:
    """Whether a path exists in a folder with these names, which may be in a store."""
    return path in names or ("/" in path and files.exists(files.join(folder, path)))


def remedy(path: str) -> str:
    """The end of a message about a missing path: the nearest one that exists, or where the path leaves what exists."""
    if (near := nearest(path)) or not files.is_local(path):
        return near or ". Correct the address"
    found = os.path.abspath(path)
    while not os.path.lexists(found):
        missing, found = found, posixpath.dirname(found)
    return f". Correct the path: {found} has no {posixpath.basename(missing)}"
