"""The part of a report that says which stream of a network does the work."""

from collections.abc import Mapping
from typing import Any

from pipelines.core.interval import Interval
from pipelines.reports.intervals import interval_table
from pipelines.reports.parts import Measure, soft, table, text
from trainer.evaluation.report_parts import whole
from trainer.evaluation.streams.work import ENOUGH, STREAMS, Work

_MEANING = (
    "A stream alone is the same network with the other stream's vector set to zero, as training has also seen it. Kept "
    f"is its share of what both gain over a guess; from {ENOUGH:.0%} on, it is enough. A guess is chance, or always "
    "naming the most frequent class of test if that scores more."
)
_ALONE = {"motion": "Motion alone", "appearance": "Appearance alone"}


def with_streams(sections: Mapping[str, str], metrics: Mapping[str, Any]) -> dict[str, str]:
    """The sections of a report, with one on the streams after the first, where the network has two.

    Args:
        sections: the sections by title.
        metrics: what metrics.json holds, or what is like it in crossval.json.
    """
    if not (streams := metrics.get("streams")):
        return {**sections}
    first, *others = sections.items()
    return dict([first, ("Streams", _section(streams, metrics["test"], bool(metrics.get("multi_label")))), *others])


def _section(streams: Mapping[str, Any], test: Mapping[str, Any], several: bool) -> str:
    measure, name = ("mean_ap", "mAP") if several else ("top1", "Top-1")
    both, guess, work = Interval.from_json(test[measure]), float(streams["guess"]), Work.from_json(streams)
    alone = {stream: Interval.from_json(streams[stream][measure]) for stream in STREAMS}
    bars = [("Both streams", both, "s0")]
    bars += [(_ALONE[stream], alone[stream], "s1") for stream in STREAMS]
    bars += [("A guess", Interval(guess, guess, guess), "s5")]
    rows: list[tuple[Any, ...]] = [
        ("Both streams", Measure(whole(both)), Measure(whole(Interval.from_json(test["macro_f1"]))), "\u2013")
    ]
    for stream in STREAMS:
        kept = f"{max(work.kept[stream].value, 0.0):.0%}" if stream in work.kept else "\u2013"
        f1 = Interval.from_json(streams[stream]["macro_f1"])
        rows.append((_ALONE[stream], Measure(whole(alone[stream])), Measure(whole(f1)), Measure(kept)))
    sentence = f"{work.sentence[0].upper()}{work.sentence[1:]}."
    drawn = interval_table(f"{name} with each stream switched off, with 95% intervals over groups", bars)
    listed = table("What each stream is worth", ("Streams", name, "Macro-F1", "Kept"), rows, kind="bars scores")
    return f'<p>{text(sentence)}</p>{soft(_MEANING)}<div class="halves">{drawn}{listed}</div>'
