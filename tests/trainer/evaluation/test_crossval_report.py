"""The page of a cross-validation: all folds together and each of them, with links to their reports."""

import re
from typing import Any

import pytest

from tests.support.metrics import LABELS, interval, make_metrics, predictions
from tests.support.pages import HOSTILE, Page
from trainer.evaluation.crossval_report import Fold, render_crossval
from trainer.evaluation.metrics import evaluate
from trainer.evaluation.pooling import said_of_folds


def made(labels: tuple[str, ...] = LABELS, num_folds: int = 3) -> tuple[dict[str, Any], list[Fold]]:
    """A summary and its folds, of which the last tested a single group."""
    folds = []
    for number in range(num_folds):
        metrics = make_metrics(labels, num_groups=1 if number == num_folds - 1 else 4, every=5 + number)
        groups = [f"fold{number}-{i}" for i in range(metrics["test"]["num_groups"])]
        metrics["dataset"]["groups"]["test"] = groups
        folds.append(Fold(f"Fold {number + 1}, seed 0", f"fold{number + 1:02}-seed0/report.html", metrics))
    first = folds[0].metrics
    pooled = evaluate(predictions(labels, num_groups=9, every=5), labels, num_resamples=100).to_json()
    summary = {
        "folds": num_folds, "seeds": [0], "model": first["model"], "pooled": pooled, "mean": interval(0.81),
        "dataset": {**first["dataset"], "protocol": f"{num_folds} folds of groups", "note": "", "missing_classes": {}},
        "baselines": {**first["baselines"], "majority": {"label": "of each fold", "top1": interval(0.17)}},
        "speed": first["speed"], "training": {"seconds": 4000.0, "epochs": {"fewest": 3, "most": 4}},
        "configuration": first["configuration"], "versions": first["versions"],
    }  # fmt: skip
    return summary, folds


def test_all_folds_and_each() -> None:
    summary, folds = made()
    page = Page(render_crossval(summary, folds, "title"))
    assert page.texts["h2"] == ["Scores", "Folds", "Confusion", "Classes", "Confused pairs", "Settings"]
    drawn = {row[0]: row[2] for row in page.tables["Top-1 accuracy of each fold"][1:]}
    assert list(drawn) == ["All clips together", "Mean of the folds", *(fold.name for fold in folds)]
    assert drawn["All clips together"] == f"{summary['pooled']['top1']['value']:.1%}"
    assert drawn["Mean of the folds"] == "81.0%"
    for fold in folds:
        assert drawn[fold.name] == f"{fold.metrics['test']['top1']['value']:.1%}"
    links = [a["href"] for a in page.all("a") if not (a["href"] or "").startswith("#")]
    assert links == 2 * [fold.link for fold in folds]
    rows = page.tables["What each fold tested"]
    assert rows[1][:3] == ["Fold 1, seed 0", "fold0-0, fold0-1, fold0-2, fold0-3", "48"]
    # The interval of a single group would go from 0 to 100% and say nothing.
    assert any("1 fold tested a single group: that has no interval." in text for text in page.texts["p"])
    reaches = [line for line in page.all("line") if "reach" in (line["class"] or "")]
    assert reaches[-1]["x1"] == reaches[-1]["x2"] and ["All scores" in page.tables, len(reaches)] == [True, 4 + 5]
    assert "always the most frequent class of each fold" in " ".join(page.texts["dd"])
    few = {**summary, "pooled": {**summary["pooled"], "num_groups": 4}}
    said = [note for note in Page(render_crossval(few, folds, "title")).texts["li"] if "only 4 groups" in note]
    assert said and "Cross-validation" not in said[0], "this is one"
    named = {name for name in page.tables if name in ("Dataset", "Training")}
    assert named == {"Dataset", "Training"}
    assert not any("groups" in row[0] or "clips" in row[0] for row in page.tables["Dataset"]), "of one fold alone"


@pytest.mark.parametrize(
    ("missing", "tested", "several", "expected"),
    [
        ([[], []], [LABELS, LABELS], False, []),
        ([["b"], []], [LABELS, LABELS], False, []),  # it isn't tested in that fold either
        ([["Run"], ["Run", "Wave"]], [LABELS, ("Jump",)], False, ["in 1 of 2 runs, the network .*: Run$", "in 1 of 2"]),
        ([[], []], [("Run",), ("Jump",)], False, ["in 2 of 2 runs, all test clips are of one class: .* mean nothing"]),
        ([[], []], [("Run",), ("Jump",)], True, []),
    ],
)
def test_what_classes_say_against_folds(
    missing: list[list[str]], tested: list[tuple[str, ...]], several: bool, expected: list[str]
) -> None:
    runs: list[dict[str, Any]] = [
        {
            "dataset": {"missing_classes": {"train": lacking}},
            "test": {"per_class": [{"label": name, "support": int(name in of)} for name in (*LABELS, "b")]},
            **({"multi_label": True} if several else {}),
        }
        for lacking, of in zip(missing, tested, strict=True)
    ]
    found = said_of_folds(runs)
    assert len(found) == len(expected)
    assert all(re.search(pattern, said) for pattern, said in zip(expected, found, strict=True)), found
    summary, folds = made()
    summary["dataset"]["warnings"] = found
    notes = Page(render_crossval(summary, folds, "title")).texts["li"]
    assert all(f"{said[:1].upper()}{said[1:]}." in notes for said in found)


@pytest.mark.parametrize("every", [1, 5])
def test_confused_classes(every: int) -> None:
    summary, folds = made()
    summary["pooled"] = evaluate(predictions(LABELS, every=every), LABELS, num_resamples=10).to_json()
    page = Page(render_crossval(summary, folds, "title"))
    if every == 1:
        assert "None: every test clip is classified correctly." in page.texts["p"]
        return
    rows = page.tables["Classes that are mistaken for one another"][1:]
    expected = [[p["truth"], p["predicted"], str(p["count"])] for p in summary["pooled"]["confused"]]
    assert [row[:3] for row in rows] == expected


def test_hostile_names() -> None:
    summary, folds = made((*HOSTILE, "a", "b", "c"))
    folds[0].metrics["dataset"]["groups"]["test"] = list(HOSTILE)
    summary["model"]["name"], summary["dataset"]["uri"] = HOSTILE[:2]
    page = Page(render_crossval(summary, folds, HOSTILE[0]))
    assert page.texts["h1"] == [HOSTILE[0]] and not page.all("script") + page.all("img")
    assert not {name for _, attrs in page.elements for name in attrs if name.startswith("on") or name == "style"}
