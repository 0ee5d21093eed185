"""The sections of a model card with figures: results beside baselines, classes, calibration."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.core.interval import Interval
from pipelines.core.model_info import ModelInfo
from trainer.evaluation import meanings
from trainer.evaluation.card.writing import NONE, table
from trainer.evaluation.markdown import escaped
from trainer.evaluation.matching.by_video import tested_of, unit_of

_ENDS = 5
"""The best and the worst classes that are shown of many."""
_ONE = {
    "top1": ("Top-1", meanings.TOP1),
    "top5": ("Top-5", meanings.TOP5),
    "macro_f1": ("Macro-F1", meanings.MACRO_F1),
    "ece": ("Calibration error (ECE)", meanings.ECE),
}
_SEVERAL = {
    "mean_ap": ("mAP", meanings.MEAN_AP),
    "macro_f1": ("Macro-F1", meanings.LABELS_F1),
    "micro_f1": ("Micro-F1", meanings.MICRO_F1),
    "exact_match": ("Exact match", meanings.EXACT),
    "ece": ("Calibration error (ECE)", meanings.SEVERAL_ECE),
}


def results(metrics: Mapping[str, Any]) -> str:
    """The model on test and validation, and the baselines on the same test."""
    units = unit_of(metrics)[1].capitalize()
    sides = {"Test": metrics["test"], **({"Validation": metrics["val"]} if metrics.get("val") else {})}
    if clips := metrics.get("test_by_clip"):
        sides["Test, by clip"] = clips
    shown = _SEVERAL if metrics.get("multi_label") else _ONE
    rows = [
        (name, *(_share(side.get(key)) for side in sides.values()), means)
        for key, (name, means) in shown.items()
        if metrics["test"].get(key) is not None
    ]
    rows += [
        (units, *(f"{side['num_clips']:,}" for side in sides.values()), meanings.CLIPS),
        ("Groups", *(f"{side['num_groups']:,}" for side in sides.values()), meanings.GROUPS),
    ]
    tested = tested_of(metrics)
    by_video = f"T{tested.sentence[1:]}.\n\n" if tested else ""
    return (
        f"{by_video}{table(('Score', *sides, 'Meaning'), rows)}\n{escaped(meanings.RANGES)}\n\n"
        f"What the test is worth, on the same clips:\n\n{table(('Baseline', 'Test', 'Meaning'), _baselines(metrics))}"
    )


def _baselines(metrics: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    found, several = metrics["baselines"], bool(metrics.get("multi_label"))
    single, key = found["single_frame"], "mean_ap" if several else "top1"
    rows = [
        ("Single frame", str(Interval.from_json(single[key])) if single else "not measured", meanings.SINGLE_FRAME),
    ]
    if several:
        every = Interval.from_json(found["every_label"]["macro_f1"])
        return [
            *rows,
            ("Every label, macro-F1", str(every), meanings.EVERY_LABEL),
            ("Chance, mAP", f"{found['chance']['mean_ap']:.1%}", meanings.SEVERAL_CHANCE),
        ]
    majority = found["majority"]
    return [
        *rows,
        (f"Always {majority['label']}", str(Interval.from_json(majority["top1"])), meanings.MAJORITY),
        ("Chance", f"{found['chance']:.1%}", meanings.CHANCE),
    ]


def _share(figure: Any) -> str:
    if figure is None:
        return NONE
    return str(Interval.from_json(figure)) if isinstance(figure, Mapping) else f"{figure:.1%}"


def classes(metrics: Mapping[str, Any]) -> str:
    """The scores of each class on test, or of the best and the worst of many; those without test clips are named."""
    several = bool(metrics.get("multi_label"))
    scored = [scores for scores in metrics["test"]["per_class"] if scores["support"]]
    ordered = sorted(scored, key=lambda scores: (-_rank(scores), scores["label"]))
    headers = ("Class", *(["AP", "Threshold"] if several else []), "Recall", "Precision", "F1", "Test clips")
    if len(ordered) <= 2 * _ENDS:
        text = f"Best first.\n\n{table(headers, _rows(ordered, several))}"
    else:
        best, worst = ordered[:_ENDS], ordered[-_ENDS:]
        text = (
            f"The {_ENDS} best of {len(ordered):,}:\n\n{table(headers, _rows(best, several))}\n"
            f"The {_ENDS} worst, worst last:\n\n{table(headers, _rows(worst, several))}"
        )
    return text


def _rank(scores: Mapping[str, Any]) -> float:
    ap = scores.get("ap")
    return float(ap["value"] if ap else scores["f1"])


def _rows(scores: Sequence[Mapping[str, Any]], several: bool) -> list[tuple[str, ...]]:
    return [
        (
            item["label"],
            *([_share(item["ap"]), _share(item.get("threshold"))] if several else []),
            *(f"{item[name]:.1%}" for name in ("recall", "precision", "f1")),
            f"{item['support']:,}",
        )
        for item in scores
    ]


def calibration(info: ModelInfo, metrics: Mapping[str, Any]) -> str:
    """What the probabilities are worth."""
    found = metrics["calibration"]
    text = (
        f"Logits are divided by the temperature {info.temperature:.3g}, fitted on the validation clips, inside the "
        "model. "
        f"The expected calibration error on test is {found['ece_after']:.1%}; without the temperature it is "
        f"{found['ece_before']:.1%}."
    )
    if info.multi_label:
        text += (
            " A clip gets each label whose probability reaches the label's threshold, chosen on validation for the "
            "best "
            "F1; model_info.json has them."
        )
    return f"{escaped(text)}\n"
