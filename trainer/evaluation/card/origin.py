"""The sections of a model card on the network, the data it was trained on, and how it was trained."""

import json
from collections.abc import Mapping
from typing import Any

from pipelines.core.model_info import ModelInfo
from pipelines.reports.text import human_bytes, human_seconds, plural, some
from trainer.evaluation.card.writing import NONE, listed, table
from trainer.evaluation.markdown import escaped
from trainer.evaluation.results import LAST_KEPT

_SHOWN = 60
_PAPERS = {
    "convlstm": "convolutions inside the recurrence, Shi et al. 2015, arXiv 1506.04214",
    "lrcn": "convolutions before the recurrence, Donahue et al. 2015, arXiv 1411.4389",
}
_PROTOCOLS = {
    "groups": "whole groups (people, places or sources of videos) are in one split each",
    "random": "clips at random: clips of one group are on both sides",
}
_PLACES = ("data", "output", "init", "track")
"""Settings that say where things are, which a card leaves out."""


def dataset_name(info: ModelInfo) -> str:
    """The name of the dataset's folder."""
    return str(info.dataset.get("uri", "")).rstrip("/").rpartition("/")[2] or "an unnamed dataset"


def network(info: ModelInfo, metrics: Mapping[str, Any] | None, size_bytes: int) -> str:
    """What the network is, takes and gives."""
    spec = info.clip_spec
    paper = _PAPERS.get(info.name) if metrics else None
    rows = [
        ("Network", f"{info.name} ({paper})" if paper else info.name),
        ("Variant", info.variant),
        ("Parameters", f"{info.parameters:,}" + (f", {human_bytes(size_bytes)}" if size_bytes else "")),
        ("Input", f"uint8 frames [batch, {spec.num_frames}, {spec.height}, {spec.width}, 3], RGB"),
        ("Choice of frames", f"{spec.sampling}, resize {spec.resize}, interpolation {spec.interpolation}"),
        ("Output", f"{info.output_name} and logits, float32 [batch, {len(info.labels)}]"),
        ("Embedding", f"float32 [batch, {info.embedding}]" if info.embedding else "none"),
        ("Fingerprint", info.fingerprint),
        *_adapted(info),
        *_started(info, metrics),
    ]
    return table(("", ""), rows)


def _adapted(info: ModelInfo) -> list[tuple[str, str]]:
    told = {name: info.imported.get(name) for name in ("channels", "scale", "outputs")}
    return [(f"Imported, {name}", str(value)) for name, value in told.items() if value]


def _started(info: ModelInfo, metrics: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """The model that training started from."""
    init = info.init
    if not init:
        return [("Started from", "random weights")] if metrics and not _is_pretrained(info, metrics) else []
    new = f"; new layers: {', '.join(init['new_layers'])}" if init.get("new_layers") else ""
    clips = "".join(f"; {name} was {before}, now {now}" for name, (before, now) in init.get("other_clips", {}).items())
    return [("Started from", f"{init['name']} ({init['variant']}), fingerprint {init['fingerprint']}{new}{clips}")]


def _is_pretrained(info: ModelInfo, metrics: Mapping[str, Any]) -> bool:
    return bool(getattr(info, "appearance", None)) or metrics["configuration"].get("appearance", "none") != "none"


def training_data(info: ModelInfo, metrics: Mapping[str, Any]) -> str:
    """Which data, how it was split, and whether groups are on both sides."""
    data = metrics["dataset"]
    protocol = _PROTOCOLS.get(data["protocol"], f"{data['protocol']}: whole groups are in one split each")
    if data["leaky"] and data["protocol"] != "random":
        protocol = f"{data['protocol']}, but clips of one group are on both sides"
    durations = info.durations_s
    lasted = NONE
    if durations:
        lasted = ", ".join(f"{name} {durations[name]:.1f} s" for name in ("min", "median", "max") if name in durations)
        lasted += f"; cut into windows of {durations['window']:.1f} s" if durations.get("window") else ""
    missing = {side: names for side, names in (data.get("missing_classes") or {}).items() if names}
    rows = [
        ("Dataset", f"{dataset_name(info)}, fingerprint {data['fingerprint']}"),
        ("Split by", protocol),
        ("Groups on both sides", "yes: the results are too good" if data["leaky"] else "no"),
        ("Duration of the videos", lasted),
        *((f"Classes missing in {side}", some(list(names), 20)) for side, names in missing.items()),
    ]
    counts = [
        (side, f"{number:,}", f"{len(data['groups'][side]):,}" if side in data.get("groups", {}) else NONE)
        for side, number in data["num_clips"].items()
    ]
    labels = data["labels"]
    return (
        f"{table(('', ''), rows)}\n{table(('Split', 'Clips', 'Groups'), counts)}\n"
        f"{plural(len(labels), 'class', 'classes')}: {escaped(listed(labels, _SHOWN))}\n"
    )


def _kept(ran: Mapping[str, Any]) -> str:
    """Whose weights a run has kept, and why."""
    if ran.get("kept") == LAST_KEPT:
        return "the last epoch, as no other had a validation loss that was lower by more than chance explains"
    return f"epoch {ran['best_epoch']}, which had the lowest calibrated loss on the validation clips"


def training(metrics: Mapping[str, Any]) -> str:
    """How long, with which settings and with which versions."""
    ran, versions = metrics["training"], metrics["versions"]
    stopped = "stopped early" if ran["stopped"] == "early" else "to the end of the schedule"
    said = (
        f"{plural(ran['epochs'], 'epoch')} ({ran['steps']:,} steps) in {human_seconds(ran['seconds'])}, {stopped}; the "
        f"weights are those of {_kept(ran)}. "
        f"{', '.join(f'{name} {version}' for name, version in sorted(versions.items()))}."
    )
    settings = {name: value for name, value in metrics["configuration"].items() if name not in _PLACES}
    rows = [(name, value if isinstance(value, str) else json.dumps(value)) for name, value in settings.items()]
    return (
        f"{escaped(said)}\n\n<details><summary>All settings</summary>\n\n"
        f"{table(('Setting', 'Value'), rows)}\n</details>\n"
    )
