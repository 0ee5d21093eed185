"""The parts that the reports of a run and of a cross-validation share, where clips may have several labels.

`metrics` is the content of metrics.json, or what is like it in that of crossval.json.
"""

from collections.abc import Mapping
from typing import Any

from pipelines.core.interval import Interval
from pipelines.reports.intervals import interval_table
from pipelines.reports.matrix import MAX_MATRIX
from pipelines.reports.parts import Explained, Measure, Share, folded, soft, table, tile
from pipelines.reports.parts import notes as list_of_notes
from pipelines.reports.text import human_bytes, plural, short_count, some
from trainer.evaluation import meanings
from trainer.evaluation.intervals import is_clearly_worse, worse_by
from trainer.evaluation.multilabel.metrics import LabelEvaluation
from trainer.evaluation.report_parts import NO_BASELINE, said_of_clips, said_of_leaks, whole

MIN_CLIPS = 5
"""With fewer validation clips of a class, its threshold says little."""
_MAX_ROWS = 1000
_NONE = "\u2013"


def tiles(metrics: Mapping[str, Any], test: LabelEvaluation) -> str:
    """The main figures, each with a line that says what it means."""
    single, model, baselines = single_frame(metrics), metrics["model"], metrics["baselines"]
    calibration = metrics.get("calibration")
    before = f"{calibration['ece_before']:.1%} before scaling" if calibration else "calibration error"
    every = Interval.from_json(baselines["every_label"]["macro_f1"])
    found = [
        tile("Test mAP", f"{test.mean_ap.value:.1%}", test.mean_ap.limits, meanings.MEAN_AP),
        tile("Macro-F1", f"{test.macro_f1.value:.1%}", test.macro_f1.limits, meanings.LABELS_F1),
        tile("Micro-F1", f"{test.micro_f1.value:.1%}", test.micro_f1.limits, meanings.MICRO_F1),
        tile("Exact match", f"{test.exact_match.value:.1%}", test.exact_match.limits, meanings.EXACT),
        tile("ECE", f"{test.ece:.1%}", before, meanings.SEVERAL_ECE),
        tile("Single frame", f"{single.value:.1%}", f"mAP, {single.limits}", meanings.SINGLE_FRAME)
        if single
        else tile("Single frame", _NONE, "not measured", meanings.SINGLE_FRAME),
        tile("Chance", f"{baselines['chance']['mean_ap']:.1%}", "mAP", meanings.SEVERAL_CHANCE),
        tile("Every label", f"{every.value:.1%}", "macro-F1", meanings.EVERY_LABEL),
        tile("Parameters", short_count(model["parameters"]), human_bytes(model["size_bytes"]), meanings.PARAMETERS),
    ]
    return "".join(found)


def single_frame(metrics: Mapping[str, Any]) -> Interval | None:
    """The mAP of the network for single frames, where it was measured."""
    found = metrics["baselines"]["single_frame"]
    return Interval.from_json(found["mean_ap"]) if found else None


def notes(metrics: Mapping[str, Any], test: LabelEvaluation) -> str:
    """Whether the scores can be trusted."""
    loud, others = doubts(metrics, test)
    return list_of_notes(others, "No group is in both train and test, and a single frame does clearly worse.", loud)


def doubts(metrics: Mapping[str, Any], test: LabelEvaluation) -> tuple[list[str], list[str]]:
    """What speaks against the scores, and what else a reader should know, in sentences."""
    single, chance = single_frame(metrics), metrics["baselines"]["chance"]["mean_ap"]
    loud = said_of_leaks(metrics)
    if single and not is_clearly_worse(single, test.mean_ap, worse_by(metrics["baselines"]["single_frame"])):
        verb = "is" if single.value >= test.mean_ap.value else "may be"
        loud.append(
            f"A single frame {verb} as good: the labels may be readable from the background. "
            f"The mAP of one frame alone is {single}, that of the model {test.mean_ap}."
        )
    if test.mean_ap.low <= chance:
        loud.append(f"The mAP of the model, {test.mean_ap}, is not clearly better than that of chance, {chance:.1%}.")
    more, others = said_of_clips(metrics, test)
    loud += more
    if missing := (metrics.get("calibration") or {}).get("uncalibrated"):
        others.append(
            f"Val has no clip with {plural(len(missing), 'label')}, whose threshold is 50%, not calibrated: "
            f"{some(missing)}."
        )
    of_val = metrics["val"]["per_class"] if metrics.get("val") else ()
    if few := [scores["label"] for scores in of_val if 0 < scores["support"] < MIN_CLIPS]:
        others.append(
            f"Val has fewer than {MIN_CLIPS} clips with {plural(len(few), 'label')}, whose threshold is rough: "
            f"{some(few)}."
        )
    if not single:
        others.append(NO_BASELINE)
    return loud, others


def scores(metrics: Mapping[str, Any], test: LabelEvaluation) -> str:
    """The model beside the baselines, and test beside val."""
    val = LabelEvaluation.from_json(metrics["val"]) if metrics.get("val") else None
    single, chance = single_frame(metrics), metrics["baselines"]["chance"]["mean_ap"]
    bars = [("Model, test", test.mean_ap, "s0")]
    bars += [("Model, val", val.mean_ap, "s1")] if val else []
    bars += [("Single frame", single, "s3")] if single else []
    bars += [("Chance", Interval(chance, chance, chance), "s5")]
    columns = {"Test": test, **({"Val": val} if val else {})}
    rows = {
        Explained("mAP", meanings.MEAN_AP): [whole(e.mean_ap) for e in columns.values()],
        Explained("Macro-F1", meanings.LABELS_F1): [whole(e.macro_f1) for e in columns.values()],
        Explained("Micro-F1", meanings.MICRO_F1): [whole(e.micro_f1) for e in columns.values()],
        Explained("Exact match", meanings.EXACT): [whole(e.exact_match) for e in columns.values()],
        Explained("Calibration error (ECE)", meanings.SEVERAL_ECE): [f"{e.ece:.1%}" for e in columns.values()],
        Explained("Cross-entropy", meanings.SEVERAL_CROSS_ENTROPY): [
            f"{e.cross_entropy:.3f}" for e in columns.values()
        ],
        Explained("Clips", meanings.CLIPS): [f"{e.num_clips:,}" for e in columns.values()],
        Explained("Groups", meanings.GROUPS): [f"{e.num_groups:,}" for e in columns.values()],
    }
    if tested := (metrics.get("unfamiliar") or {}).get("test"):
        far = [f"{tested['share_of_clips']:.1%}", *[_NONE] * (len(columns) - 1)]
        rows[Explained("Clips unlike those of training", meanings.UNFAMILIAR)] = far
    drawn = interval_table("mAP with 95% intervals over groups", bars)
    cells = [(name, *map(Measure, values)) for name, values in rows.items()]
    listed = table("All scores", ("Score", *columns), cells, kind="bars scores")
    said = " Thresholds were chosen on val, so that F1 there is too good." if val else ""
    return f'{soft(meanings.RANGES + said)}<div class="halves">{drawn}{listed}</div>'


def classes(test: LabelEvaluation) -> str:
    """The scores of each class, lowest average precision first; classes without test clips, which have none, last."""
    ordered = sorted(test.per_class, key=lambda scores: (scores.ap.value if scores.ap else 2.0, scores.label))
    rows = []
    for item in ordered:
        shares = (item.recall, item.precision, item.f1)
        cells = [Share(share) if item.support else _NONE for share in shares]
        threshold = Measure("by fold" if item.threshold is None else f"{item.threshold:.1%}")
        rows.append((item.label, Measure(whole(item.ap) if item.ap else _NONE), *cells, threshold, item.support))
    headers = ("Class", "AP", "Recall", "Precision", "F1", "Threshold", "Test clips")
    caption, intro = "Classes, lowest AP first", soft(meanings.SEVERAL_CLASSES)
    if len(rows) <= MAX_MATRIX:
        return intro + table(caption, headers, rows, kind="bars")
    return intro + folded(plural(len(rows), "class", "classes"), caption, headers, rows, _MAX_ROWS, kind="bars")
