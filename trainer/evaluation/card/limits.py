"""The limitations in a model card, from what is known of the data, the network and the measurements."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.core.model_info import ModelInfo
from pipelines.reports.text import plural
from trainer.evaluation.card.writing import bullets
from trainer.evaluation.matching.by_video import unit_of

_DOMINANT = 0.5
_FEW_CLIPS = 10
"""With fewer test clips of a class, its scores say little."""


def limitations(info: ModelInfo, metrics: Mapping[str, Any], others: Sequence[str]) -> str:
    """What the model can't do, and how little some figures say.

    Args:
        info: what model_info.json holds.
        metrics: what metrics.json holds.
        others: sentences that the report of the run has as well.
    """
    return bullets([*_of_any(info), *_lengths(info), *_of_test(metrics), *_of_network(info, metrics), *others])


def unmeasured_limitations(info: ModelInfo) -> str:
    """The same of an imported model."""
    return bullets(
        [
            *_of_any(info),
            "Its input was described by the person who imported it: wrong channels, scaling or choice of frames cost "
            "accuracy without an error. Label some videos whose activity is known before trusting it.",
        ]
    )


def _of_any(info: ModelInfo) -> list[str]:
    spec = info.clip_spec
    unknown = (
        "Activities other than its classes have no label: their clips get none, or wrong ones."
        if info.multi_label
        else "Activities other than its classes get the most similar class, perhaps with a high probability."
    )
    far = (
        "The output unfamiliar is above 1 for clips that are farther from those of training than is usual; it misses "
        "some of them."
        if info.unfamiliar.is_known
        else f"It can't tell videos that are unlike those of its training: {info.unfamiliar.reason}."
    )
    seen = (
        f"A clip is {spec.num_frames} frames of {spec.width}x{spec.height} pixels: small objects and fast details are "
        "lost. "
        "It expects one activity in the picture, not several people who do different things."
    )
    return [unknown, far, seen]


def _lengths(info: ModelInfo) -> list[str]:
    durations = info.durations_s
    if not {"min", "max"} <= durations.keys():
        return []
    if durations.get("window"):
        return [
            f"It was trained on windows of {durations['window']:.1f} s. pipelines.label cuts longer videos into such "
            "windows by itself; other programs have to."
        ]
    return [
        f"It was trained on whole videos of {durations['min']:.1f} to {durations['max']:.1f} s: in shorter or longer "
        "ones, frames are closer together or farther apart than any it has seen. pipelines.label cuts longer videos "
        "into windows by itself; other programs have to."
    ]


def _of_test(metrics: Mapping[str, Any]) -> list[str]:
    test, units = metrics["test"], unit_of(metrics)
    said = []
    majority = metrics["baselines"].get("majority")
    if majority and majority["top1"]["value"] > _DOMINANT:
        said.append(
            f"{majority['top1']['value']:.1%} of the test {units[1]} are of {majority['label']}: top-1 says more of "
            "that "
            "class than of the others; macro-F1 counts all alike."
        )
    few = [scores["label"] for scores in test["per_class"] if 0 < scores["support"] < _FEW_CLIPS]
    if few:
        said.append(
            f"{plural(len(few), 'class has', 'classes have')} fewer than {_FEW_CLIPS} test {units[1]}: their own "
            "scores are "
            "rough."
        )
    return said


def _of_network(info: ModelInfo, metrics: Mapping[str, Any]) -> list[str]:
    if info.init or getattr(info, "appearance", None):
        return []
    if metrics["configuration"].get("appearance", "none") != "none":
        return []
    clips = metrics["dataset"]["num_clips"].get("train")
    learnt = f" from {plural(clips, 'clip')}" if clips else ""
    return [
        f"It learnt everything{learnt}, without pretrained knowledge of objects and scenes: activities that differ "
        "only in an "
        "object or a place are hard for it."
    ]
