"""Sentences and rows about the figures of a run, and the summary that is printed at its end."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.core.interval import Interval
from pipelines.reports.text import plural, some
from trainer.evaluation.matching.by_video import unit_of
from trainer.evaluation.results import MODEL, REPORT
from trainer.evaluation.streams.work import STREAMS, Work
from trainer.files import storage


def only_class(per_class: Sequence[Mapping[str, Any]]) -> str:
    """The class of all clips of an evaluation; empty where there are several."""
    tested = [scores["label"] for scores in per_class if scores["support"]]
    return tested[0] if len(tested) == 1 else ""


def said_of_unfamiliar(found: Mapping[str, Any], num_clips: int, num_groups: int) -> str:
    """How many test clips the model takes for unlike those of its training, or why it can't tell; empty if unknown.

    Args:
        found: `unfamiliar` of metrics.json.
        num_clips, num_groups: of the test split.
    """
    if "test" not in found:
        return f"can't be told: {found['reason']}" if found else ""
    test = found["test"]
    return (
        f"{test['clips']:,} of {plural(num_clips, 'test clip')} ({test['share_of_clips']:.1%}) and "
        f"{test['groups']:,} of {plural(num_groups, 'group')} are farther from the training clips than is usual"
    )


def baseline_rows(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is printed of the baselines in metrics.json or crossval.json."""
    baselines, several = metrics["baselines"], bool(metrics.get("multi_label"))
    single = baselines["single_frame"]
    shown = str(Interval.from_json(single["mean_ap" if several else "top1"])) if single else "not measured"
    if not several:
        majority = Interval.from_json(baselines["majority"]["top1"])
        return [("One frame", shown), ("Majority", f"{majority}; chance is {baselines['chance']:.1%}")]
    every = Interval.from_json(baselines["every_label"]["macro_f1"])
    return [("One frame", shown), ("Chance", f"mAP {baselines['chance']['mean_ap']:.1%}; F1 of every label {every}")]


def stream_rows(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is printed of the streams of a network; nothing where it hasn't two."""
    if not (streams := metrics.get("streams")):
        return []
    measure, name = ("mean_ap", "mAP ") if metrics.get("multi_label") else ("top1", "")
    alone = [f"{name}{Interval.from_json(streams[stream][measure])}" for stream in STREAMS]
    sentence = Work.from_json(streams).sentence
    return [
        ("Motion alone", alone[0]),
        ("Appearance", f"{alone[1]} alone"),
        ("Streams", sentence),
    ]


def by_clip(metrics: Mapping[str, Any]) -> Mapping[str, Any]:
    """The figures on test clip by clip, which are those on test unless videos are tested as a whole."""
    found: Mapping[str, Any] = metrics.get("test_by_clip") or metrics["test"]
    return found


def said_of_init(metrics: Mapping[str, Any]) -> str:
    """Whether the model that training started from has learnt from groups of test, or from clips that were made
    otherwise; empty where it has not."""
    init = metrics.get("init")
    if not init:
        return ""
    said = []
    if init["groups"] is None:
        said.append("training started from a model of which it isn't known whether it has learnt from groups of test")
    elif init["in_test"]:
        said.append(
            f"training started from a model that has learnt from {plural(len(init['in_test']), 'group')} of test, "
            f"{some(init['in_test'])}: these scores are too good"
        )
    if others := [f"{name} {before}, now {now}" for name, (before, now) in init.get("other_clips", {}).items()]:
        said.append(f"the clips of the model that training started from were made otherwise: {', '.join(others)}")
    return "; ".join(said)


def said_of_rates(metrics: Mapping[str, Any]) -> str:
    """How layers of the model that training started from learnt; empty where all layers learnt at the same rate."""
    rates = (metrics.get("init") or {}).get("rates")
    if not rates:
        return ""
    (first, low), *_, (last, high) = rates.items()
    return (
        f"with a layer decay of {metrics['init']['layer_decay']:g}, {plural(len(rates), 'layer')} of the model that "
        f"training started from learnt at {low:.2g} ({first}) to {high:.2g} ({last}) of the learning rate"
    )


def print_result(metrics: Mapping[str, Any], output: str) -> None:
    """Prints the summary that a run ends with."""
    test, data = metrics["test"], metrics["dataset"]
    several = bool(metrics.get("multi_label"))
    headline = "mean_ap" if several else "top1"
    tested = f"{plural(test['num_clips'], *unit_of(metrics))} of {plural(test['num_groups'], 'group')}"
    clips = by_clip(metrics)
    rows = [
        ("Test mAP" if several else "Test top-1", f"{Interval.from_json(test[headline])}, {tested}"),
        (
            "By clip",
            "" if clips is test else f"{Interval.from_json(clips['top1'])}, {plural(clips['num_clips'], 'clip')}",
        ),
        ("Macro F1", str(Interval.from_json(test["macro_f1"]))),
        ("Calibration", f"expected error {test['ece']:.3f} at temperature {metrics['calibration']['temperature']:.2f}"),
        *baseline_rows(metrics),
        *stream_rows(metrics),
        ("Unfamiliar", said_of_unfamiliar(metrics.get("unfamiliar") or {}, clips["num_clips"], test["num_groups"])),
        ("Training", f"{plural(metrics['training']['epochs'], 'epoch')} in {metrics['training']['seconds']:.0f} s"),
        ("Model", storage.join(output, MODEL)),
        ("Report", storage.join(output, REPORT)),
    ]
    if data.get("note"):
        rows.append(("Note", data["note"]))
    rows[:0] = [("WARNING", said) for said in data.get("warnings", ())]
    if said := said_of_init(metrics):
        rows.insert(0, ("WARNING" if metrics["init"]["in_test"] else "Note", said))
    if (only := only_class(test["per_class"])) and not several:
        rows.insert(0, ("WARNING", f"all test clips are of one class, {only}: these scores mean nothing"))
    if data["leaky"]:
        how = "random split" if data.get("protocol") == "random" else "the dataset's own splits"
        rows.insert(0, ("WARNING", f"{how}, clips of one group on both sides: these scores are too good"))
    width = max(len(name) for name, _ in rows)
    for name, value in filter(all, rows):
        print(f"{name.ljust(width)}  {value}")
