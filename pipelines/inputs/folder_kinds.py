"""Recognises folders that this software writes, and single files, so that messages can name one given by mistake."""

import posixpath
import re
from collections import Counter
from collections.abc import Callable

from pipelines.core.file_names import DATASET_INFO
from pipelines.core.model_info import MODEL_INFO
from pipelines.core.video_files import PICTURES, SortedFiles, describe_ignored, extension, is_archive, is_video

LABELS, LABEL_LAYOUT, LABELS_SUMMARY = "labels", "_state/label_layout.json", "summary.json"
"""The kind of a folder of labels, the file that it is told by, and the one that it has when it is complete."""
FEATURES = "features"
_MARKS = {
    DATASET_INFO: "dataset",
    "_state/layout.json": "dataset",
    LABEL_LAYOUT: LABELS,
    "_state/features_layout.json": FEATURES,
    "features_info.json": FEATURES,
    MODEL_INFO: "model",
    f"model/{MODEL_INFO}": "run",
    "metrics.json": "run",
    "crossval.json": "run",
    "history.csv": "run",
    "checkpoints": "run",
    "saved_model.pb": "SavedModel",
    "keras_metadata.pb": "SavedModel",
}
ANNOTATIONS = (".json", ".jsonl", ".parquet", ".xml")
"""How names of files end that may hold annotations, besides tables."""
_TAR_SHARD = re.compile(r"[-_]\d{4,}\.tar$")
_SHOWN = 3
_SHOWN_EXTENSIONS = ".avi, .mkv, .mov, .mp4, .mpg, .webm, .wmv"
_SPREADSHEETS = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".numbers")
_KERAS_FILES = (".h5", ".hdf5", ".keras")
_MODEL_FILES = (*_KERAS_FILES, ".ckpt", ".onnx", ".pb", ".pt", ".pth", ".tflite")


def kind_of_folder(has: Callable[[str], bool]) -> str:
    """The kind of a folder: `dataset`, `labels`, `features`, `model`, `run`, `SavedModel`; empty if it is none of them.

    Args:
        has: tells whether the folder contains a file or folder with a path.
    """
    return next((kind for name, kind in _MARKS.items() if has(name)), "")


def no_input(source: str, kind: str) -> str:
    """The message for a folder of some kind where videos are expected."""
    videos = "Give the folder of the videos"
    return {
        "dataset": f"{source} is a dataset, which pipelines.preprocess made from videos. {videos}; to train on the "
        f"dataset: python -m trainer.task --model lrcn --data {source}",
        "labels": f"{source} holds labels, which pipelines.label gave to videos. {videos}",
        FEATURES: f"{source} holds features, which pipelines.features computed of a dataset. {videos}",
        "model": f"{source} is a model. {videos}; to label them: python -m pipelines.label --model {source}",
        "run": f"{source} is the folder of a training run. {videos}; to label them: python -m pipelines.label "
        f"--model {posixpath.join(source, 'model')}",
        "SavedModel": f"{source} is a SavedModel. {videos}; trainer.import_model imports such a model to label them",
    }[kind]


def no_data(source: str, kind: str) -> str:
    """The message for a folder of some kind where a dataset is expected; empty if there is nothing to add."""
    made = "Give the folder that pipelines.preprocess has written, with " + DATASET_INFO
    return {
        "labels": f"{source} holds labels, not a dataset. {made}",
        FEATURES: f"{source} holds features, not a dataset. {made}; features are given as --features {source}",
        "model": f"{source} is a model, not a dataset. {made}",
        "run": f"{source} is the folder of a training run, not a dataset. {made}; a run resumes with --output {source}",
        "SavedModel": f"{source} is a SavedModel, not a dataset. {made}",
    }.get(kind, "")


def no_model(source: str, kind: str) -> str:
    """The message for a folder of some kind where a model is expected; empty if there is nothing to add."""
    return {
        "dataset": f"{source} is a dataset, not a model. Train one on it: python -m trainer.task --model lrcn --data "
        f"{source}; it will be in the run's folder model",
        FEATURES: f"{source} holds features, not a model. Train one on them: python -m trainer.task --model appearance "
        f"--features {source} --data DATASET",
        "labels": f"{source} holds labels, not a model. Give the folder model of a training run",
        "SavedModel": f"{source} is a SavedModel which doesn't say how its clips are made. Import it first: "
        f"python -m trainer.import_model --saved-model {source} --help",
    }.get(kind, "")


def no_labels(source: str, kind: str) -> str:
    """The message for a folder of some kind where labels are expected; empty if there is nothing to add."""
    made = "Give the folder that pipelines.label has written"
    return {
        "dataset": f"{source} is a dataset, not a folder of labels. {made}",
        FEATURES: f"{source} holds features, not labels. {made}",
        "model": f"{source} is a model, not a folder of labels. {made} with it",
        "run": f"{source} is the folder of a training run, not one of labels. {made} with its model",
        "SavedModel": f"{source} is a SavedModel, not a folder of labels. {made}",
    }.get(kind, "")


def no_run(source: str, kind: str) -> str:
    """The message for a folder of some kind where a training run is expected; empty if there is nothing to add."""
    made = "Give the folder that a training run has written"
    return {
        "dataset": f"{source} is a dataset, not a run. {made}; to train on the dataset: python -m trainer.task --model "
        f"lrcn --data {source}",
        FEATURES: f"{source} holds features, not a run. {made}",
        LABELS: f"{source} holds labels, not a run. {made}",
        "model": f"{source} is a model, not a run. {made}, which has the model in its folder model",
        "SavedModel": f"{source} is a SavedModel, not a run. {made}",
    }.get(kind, "")


def no_source(path: str) -> str:
    """The message for a file that can't be a source of videos, by its extension; empty if it may be one."""
    found = extension(path)
    folder, name = posixpath.split(path)
    if name in _MARKS and "/" not in name:
        return no_input(folder, _MARKS[name])
    if is_archive(path):
        return f"{path} is an archive. Unpack it, then give the folder with the videos"
    if found in PICTURES:
        return f"{path} is a picture, not a video"
    if found in _MODEL_FILES:
        imports = f"; python -m trainer.import_model --keras {path} imports it" if found in _KERAS_FILES else ""
        return f"{path} is a model. --input takes videos{imports}"
    if found in _SPREADSHEETS:
        return f"{path} is a spreadsheet. Save the table as CSV, in UTF-8, and give that file"
    if found == ".tfrecord":
        return f"{path} is part of a dataset. Give the folder of the videos, or train on the folder of the dataset"
    return ""


def no_tree(path: str) -> str:
    """The message for a file where a folder of classes or a manifest is expected."""
    if is_video(posixpath.basename(path)):
        return (
            f"{path} is a single video. A dataset is made from a folder with a folder for each class, or from a CSV "
            f"manifest (path,label,group); to label the video: python -m pipelines.label --model MODEL --input {path}"
        )
    return (
        f"{path} is neither a folder nor a manifest whose name ends in .csv or .tsv, nor a file of annotations "
        f"({', '.join(ANNOTATIONS)})"
    )


def no_videos(source: str, found: SortedFiles, expected: str = "") -> str:
    """The message for a source without a single video.

    Args:
        source: the folder or pattern.
        found: the files that are there instead.
        expected: a sentence on what should be there.
    """
    files = "1 other file" if len(found.ignored) == 1 else f"{len(found.ignored):,} other files"
    what = [f"{files}: {describe_ignored(found.ignored)}"] if found.ignored else []
    what += [f"{file.path}, which can't be read ({file.problem})" for file in found.lost[:_SHOWN]]
    paths = {file.path for file in found.ignored}
    if kind := kind_of_folder(paths.__contains__):
        return no_input(source, kind)
    message = f"no videos in {source}: found {'; '.join(what) or 'nothing'}. "
    if found.lost:
        return f"{message}Give permission, or fix the link, then run the same command again"
    reasons = Counter(file.reason for file in found.ignored)
    if any(_TAR_SHARD.search(file.path) for file in found.ignored):
        return (
            f"{message}They seem to be shards of a WebDataset, which are not read: unpack the videos in them, and name "
            "them with their classes in a manifest (path,label)"
        )
    if archives := [file.path for file in found.ignored if file.reason == "archive"]:
        return f"{message}Unpack {archives[0]}, then give the folder with the videos"
    if reasons["picture"] > len(found.ignored) // 2:
        return (
            f"{message}Pictures can't be read; make a video of each clip, for example with "
            "ffmpeg -framerate 25 -i %05d.jpg clip.mp4"
        )
    return f"{message}{expected}Videos are recognised by their extension ({_SHOWN_EXTENSIONS} ...)"
