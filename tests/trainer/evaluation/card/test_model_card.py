"""The model card: what it says of which model, and that names from outside can't break it."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.familiarity import Familiarity
from pipelines.core.model_info import ModelInfo
from pipelines.core.spec import ClipSpec
from tests.support.metrics import LABELS, make_metrics
from trainer.evaluation.card.facts import more_facts
from trainer.evaluation.card.model_card import render_card
from trainer.evaluation.multilabel.figures import label_figures
from trainer.evaluation.multilabel.predictions import LabelPredictions

INFO = ModelInfo(
    name="lrcn",
    variant="default",
    clip_spec=ClipSpec(),
    labels=tuple(sorted(LABELS)),
    temperature=1.3,
    dataset={"uri": "../../data/ucf", "fingerprint": "d0"},
    durations_s={"min": 2.44, "median": 5.28, "max": 9.96, "total": 703.2},
    parameters=67234,
    fingerprint="m0",
)


def front_matter(card: str) -> dict[str, Any]:
    found = re.match(r"---\n(.*?)\n---\n", card, re.S)
    assert found
    value: dict[str, Any] = yaml.safe_load(found[1])
    return value


def section(card: str, title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", card, re.S | re.M)
    assert found, title
    return found[1]


def test_a_hub_reads_what_was_measured() -> None:
    metrics = make_metrics()
    value = front_matter(render_card(INFO, metrics))
    assert (value["library_name"], value["pipeline_tag"]) == ("keras", "video-classification")
    assert {"human-activity-recognition", "lrcn"} <= {*value["tags"]}
    (model,) = value["model-index"]
    (result,) = model["results"]
    assert result["dataset"] == {"type": "ucf", "name": "ucf", "split": "test", "revision": "d0"}
    found = {figure["name"]: figure["value"] for figure in result["metrics"]}
    assert found["Top-1 accuracy"] == round(metrics["test"]["top1"]["value"], 4)
    assert {*value["metrics"]} == {figure["type"] for figure in result["metrics"]}


def test_the_figures_are_those_of_the_metrics() -> None:
    metrics = make_metrics()
    card = render_card(INFO, metrics, 1 << 20)
    top1, single = metrics["test"]["top1"], metrics["baselines"]["single_frame"]["top1"]
    shown = f"{top1['value']:.1%} ({100 * top1['low']:.1f} to {top1['high']:.1%})"
    assert f"| Top-1 | {shown} |" in section(card, "Results")
    assert f"| Single frame | {single['value']:.1%} (" in section(card, "Results")
    assert "| Always Jump | 17.0% " in section(card, "Results") and "| Chance | 16.7% " in section(card, "Results")
    assert "| Parameters | 67,234, 1.0 MiB |" in section(card, "Model")
    assert "| train | 100 | 2 |" in section(card, "Training data")
    assert "temperature 1.3" in section(card, "Calibration") and "3.0%" in section(card, "Calibration")
    assert "whole videos of 2.4 to 10.0 s" in section(card, "Limitations")
    assert "**Warning:**" not in card
    assert card == render_card(INFO, make_metrics(), 1 << 20)


def changed(**values: Mapping[str, Any]) -> dict[str, Any]:
    metrics = make_metrics()
    for name, value in values.items():
        metrics[name] = {**(metrics.get(name) or {}), **value}
    return metrics


DOUBTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "groups on both sides": (changed(dataset={"leaky": True, "protocol": "random"}), "", r"Warning:\*\* Random split"),
    "leaky splits": (changed(dataset={"leaky": True}), "Training data", "yes: the results are too good"),
    "single frame": (
        changed(baselines={"single_frame": {"top1": make_metrics()["test"]["top1"]}}), "",
        r"Warning:\*\* A single frame is as good",
    ),
    "no baseline": (changed(baselines={"single_frame": None}), "Results", r"Single frame \| not measured"),
    "few groups": (make_metrics(num_groups=3), "Limitations", "only 3 groups"),
    "few clips": (make_metrics(per_group=4), "Limitations", "6 classes have fewer than 10 test clips"),
    "missing": (changed(dataset={"missing_classes": {"train": ["Jump"]}}), "", r"Warning:\*\* Train has no clip of 1"),
    "warnings": (changed(dataset={"warnings": ["same <b>"]}), "", r"Warning:\*\* Same &lt;b&gt;\.|Same \\<b"),
    "one class": (
        changed(baselines={"majority": {"label": "Jump", "top1": {"value": 0.7, "low": 0.6, "high": 0.8}}}),
        "Limitations", "70.0% of the test clips are of Jump",
    ),
    "init": (
        changed(init={"groups": ["g01"], "in_test": ["g01"]}), "", "learnt from 1 group of test, g01: these scores",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("metrics", "where", "said"), DOUBTS.values(), ids=DOUBTS)
def test_what_makes_figures_doubtful_is_said(metrics: dict[str, Any], where: str, said: str) -> None:
    card = render_card(INFO, metrics)
    assert re.search(said, section(card, where) if where else card), card
    assert not re.search(said, render_card(INFO, make_metrics()))


def test_figures_that_are_too_good_carry_that_with_them() -> None:
    leaky = front_matter(render_card(INFO, changed(dataset={"leaky": True})))
    names = [figure["name"] for figure in leaky["model-index"][0]["results"][0]["metrics"]]
    assert all("too good" in name for name in names)


def test_what_the_model_is() -> None:
    windows = render_card(replace(INFO, durations_s={**INFO.durations_s, "window": 2.0}), make_metrics())
    assert "windows of 2.0 s" in section(windows, "Limitations")
    knows = replace(INFO, unfamiliar=Familiarity("mahalanobis", 2.0, reason=""))
    assert "output unfamiliar" in section(render_card(knows, make_metrics()), "Limitations")
    init = {
        "name": "lrcn",
        "variant": "default",
        "fingerprint": "f00d",
        "uri": "/home/me/run",
        "new_layers": ["logits"],
        "other_clips": {"height": [32, 48]},
    }
    started = render_card(replace(INFO, init=init), make_metrics())
    assert "lrcn (default), fingerprint f00d; new layers: logits; height was 32, now 48" in section(started, "Model")
    assert "/home" not in started and "learnt everything" not in started


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ({}, "those of epoch 3, which had the lowest calibrated loss"),
        ({"kept": "lowest"}, "those of epoch 3, which had the lowest calibrated loss"),
        ({"kept": "last"}, "those of the last epoch, as no other had a validation loss that was lower by more than"),
    ],
)
def test_whose_weights_the_model_has(training: dict[str, str], said: str) -> None:
    metrics = make_metrics()
    metrics["training"] |= training
    assert said in render_card(INFO, metrics)


def test_of_many_classes_the_best_and_the_worst() -> None:
    labels = tuple(f"class{number:02}" for number in range(30))
    metrics = make_metrics(labels, num_groups=30, per_group=12, every=7)
    text = section(render_card(replace(INFO, labels=labels), metrics), "Classes")
    rows = re.findall(r"^\| (class\d\d) \|.*\| ([\d.]+)% \| \d+ \|$", text, re.M)
    f1 = {scores["label"]: 100 * scores["f1"] for scores in metrics["test"]["per_class"]}
    assert len(rows) == 10
    assert [float(value) for _, value in rows] == pytest.approx(
        [*sorted(f1.values(), reverse=True)[:5], *sorted(f1.values(), reverse=True)[-5:]], abs=0.051
    )


def test_a_model_of_several_labels() -> None:
    rng = np.random.default_rng(0)
    targets = rng.random((60, 3)) < 0.4
    logits = np.where(targets, 2.0, -2.0) + rng.normal(size=targets.shape)
    ids = tuple(map(str, range(60)))
    said = LabelPredictions(logits.astype(np.float32), targets, tuple(f"g{i % 6}" for i in range(60)), ids)
    labels = ("Jump", "Run", "Wave")
    metrics = make_metrics() | label_figures(said, said, None, labels)
    metrics["dataset"]["labels"] = [*labels]
    info = replace(INFO, labels=labels, multi_label=True, thresholds=(0.3, 0.4, 0.5))
    card = render_card(info, metrics)
    assert front_matter(card)["model-index"][0]["results"][0]["metrics"][0]["type"] == "mAP"
    assert "| mAP |" in section(card, "Results") and "| Chance, mAP |" in section(card, "Results")
    assert "| Class | AP | Threshold |" in section(card, "Classes")
    assert "several at a time" in card and "reaches the label's threshold" in section(card, "Calibration")


def test_an_imported_model_was_not_measured() -> None:
    info = replace(
        INFO, name="theirs", variant="imported", dataset={}, durations_s={}, temperature=1.0,
        imported={"scale": "0-1", "channels": "bgr", "outputs": "logits", "order": [0, 1]},
    )  # fmt: skip
    card = render_card(info, None, has_keras=False)
    assert "**Warning:** Nothing was measured here" in card and "model-index" not in front_matter(card)
    assert "| Imported, channels | bgr |" in section(card, "Model") and "model.keras" not in card
    assert "Jump" in section(card, "Classes") and "## Results" not in card and "random weights" not in card


def test_parts_that_later_versions_add_are_shown() -> None:
    streams = {"without_motion": {"top1": {"value": 0.5, "low": 0.4, "high": 0.6}}, "note": "scene|tells", "used": True}
    card = render_card(INFO, make_metrics() | {"streams": streams})
    assert "| Without motion, top1 | 50.0% (40.0 to 60.0%) |\n| Note | scene\\|tells |\n| Used | yes |" in card
    found = more_facts(
        {"tflite": [{"file": "a.tflite", "bytes": 12345, "error": 1.25e-6}, {"file": ""}], "to": ["x", "y"]}
    )
    assert "| Tflite, 1, bytes | 12,345 |" in found and "1.25e-06" in found and "| To | x, y |" in found


HOSTILE = ("a|b", "<img src=x>", "# no *heading* `", "--- \u202e", "[x](y)", "end -->")


def test_names_are_shown_as_they_are() -> None:
    card = render_card(replace(INFO, dataset={"uri": "x/: - |evil|"}), make_metrics(HOSTILE))
    assert "<img" not in card.replace("\\<img", "") and "\u202e" not in card
    assert card.count("\n# ") == 1
    for line in re.findall(r"^\|.*\|$", section(card, "Classes"), re.M):
        assert len(re.findall(r"(?<!\\)\|", line)) == 6, line
    assert front_matter(card)["model-index"][0]["results"][0]["dataset"]["name"] == ": - |evil|"


METRICS = make_metrics(num_groups=1)


@given(st.text(min_size=1))
def test_any_name_of_a_dataset_is_good_yaml(name: str) -> None:
    card = render_card(replace(INFO, dataset={"uri": f"data/{name}"}), METRICS)
    shown = front_matter(card)["model-index"][0]["results"][0]["dataset"]["name"]
    assert shown == (f"data/{name}".rstrip("/").rpartition("/")[2] or "an unnamed dataset")
