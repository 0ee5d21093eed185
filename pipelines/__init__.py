"""Beam jobs that make datasets of videos and label videos.

The names in `__all__` are for use in other programs. Each is imported when it is first used.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pipelines.process import system

system.check()
if sys.argv[:1] == ["-m"]:  # Python is about to start a tool of this package, whose imports take a while
    from pipelines.process import interrupts

    interrupts.install()

if TYPE_CHECKING:
    from pipelines.core.errors import UsageError, UserError
    from pipelines.core.model_info import ModelInfo
    from pipelines.core.spec import ClipSpec
    from pipelines.dataset.info import DatasetInfo
    from pipelines.dataset.opened import Dataset, open_dataset
    from pipelines.evaluation.results import Evaluation
    from pipelines.featurizing.info import FeaturesInfo
    from pipelines.inputs.video_folder import VideoFolder
    from pipelines.interface import download, evaluate, features, label, preprocess, sample_data
    from pipelines.interface_of_videos import read_clip
    from pipelines.labelling.player import LabelPlayer, play
    from pipelines.labelling.types import LabelReport
    from pipelines.models.loaded import Model, load_model
    from pipelines.transforms.label_videos import LabelVideos
    from pipelines.transforms.read_clips import ReadClips, VideoClip
    from pipelines.video.clip import Clip

_PLACES = {
    "Clip": "video.clip",
    "ClipSpec": "core.spec",
    "Dataset": "dataset.opened",
    "DatasetInfo": "dataset.info",
    "Evaluation": "evaluation.results",
    "FeaturesInfo": "featurizing.info",
    "LabelPlayer": "labelling.player",
    "LabelReport": "labelling.types",
    "LabelVideos": "transforms.label_videos",
    "Model": "models.loaded",
    "ModelInfo": "core.model_info",
    "ReadClips": "transforms.read_clips",
    "UsageError": "core.errors",
    "UserError": "core.errors",
    "VideoClip": "transforms.read_clips",
    "VideoFolder": "inputs.video_folder",
    "download": "",
    "evaluate": "",
    "features": "",
    "label": "",
    "load_model": "models.loaded",
    "open_dataset": "dataset.opened",
    "play": "labelling.player",
    "preprocess": "",
    "read_clip": "interface_of_videos",
    "sample_data": "",
}
"""Public name to the module below this package that defines it; empty where the name is that of a tool's module."""

__all__ = [
    "Clip",
    "ClipSpec",
    "Dataset",
    "DatasetInfo",
    "Evaluation",
    "FeaturesInfo",
    "LabelPlayer",
    "LabelReport",
    "LabelVideos",
    "Model",
    "ModelInfo",
    "ReadClips",
    "UsageError",
    "UserError",
    "VideoClip",
    "VideoFolder",
    "download",
    "evaluate",
    "features",
    "label",
    "load_model",
    "open_dataset",
    "play",
    "preprocess",
    "read_clip",
    "sample_data",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pipelines.process.embedding import as_library

    with as_library():  # some libraries print, or draw random numbers, on import
        module = import_module(f"{__name__}.{_PLACES[name] or name}")
    value = getattr(module, name) if _PLACES[name] else module
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
