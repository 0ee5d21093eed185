"""The report of a run: its numbers are those of metrics.json, it warns of what can't be trusted, and loads nothing."""

import base64
import hashlib
import math
import re
from typing import Any

import numpy as np
import pytest

from pipelines.core.interval import Interval
from pipelines.reports import charts, matrix
from pipelines.reports import text as summary
from tests.support.metrics import HISTORY, LABELS, interval, make_metrics, predictions
from tests.support.pages import HOSTILE, Page, strip
from trainer.evaluation import meanings, report
from trainer.evaluation.metrics import evaluate
from trainer.evaluation.predictions import Predictions
from trainer.evaluation.summary import terminal

GOOD_NOTE = "No group is in both train and test, and a single frame does clearly worse."


def render(
    metrics: dict[str, Any],
    history: list[dict[str, float]] = HISTORY,
    strips: dict[str, str] | None = None,
    title: str = "run",
) -> Page:
    html = report.render_report(metrics, history, strips or {}, title)
    assert not re.search(r"\b(nan|NaN|inf|Infinity)\b|>None<", html.partition("<body>")[2])
    return Page(html)


def notes(page: Page) -> dict[str, str | None]:
    return dict(zip(page.texts["li"], (attrs.get("class") for attrs in page.all("li")), strict=True))


def test_numbers_are_those_of_the_metrics() -> None:
    metrics = make_metrics()
    page = render(metrics)
    tiles = dict(zip(page.texts["dt"], page.texts["dd"][::2], strict=True))
    assert page.texts["dd"][1::2] == [
        meanings.TOP1, meanings.TOP5, meanings.MACRO_F1, meanings.ECE, meanings.SINGLE_FRAME, meanings.MAJORITY,
        meanings.CHANCE, meanings.PARAMETERS,
    ]  # fmt: skip
    test = metrics["test"]
    low, high = (100 * test["top1"][key] for key in ("low", "high"))
    assert tiles["Test top-1"] == f"87.5%{low:.1f} to {high:.1f}%"
    assert tiles["Test top-5"].startswith(f"{test['top5']['value']:.1%}")
    assert tiles["ECE"] == f"{test['ece']:.1%}12.3% before scaling"
    assert tiles["Single frame"] == "50.0%48.0 to 52.0%" and tiles["Majority"] == "17.0%always Jump"
    assert tiles["Chance"] == "16.7%one of 6" and tiles["Parameters"] == "67.2 k1.0 MiB"
    assert notes(page) == {GOOD_NOTE: "good"}
    matrix = page.tables["Test clips by class and prediction"]
    heads = [th["title"] for th in page.all("th") if "title" in th and th["scope"] == "col"]
    assert heads == list(LABELS)
    assert [[int(cell or 0) for cell in row[1:]] for row in matrix[1:]] == test["confusion"]
    classes = {row[0]: row[1:] for row in page.tables["Classes, lowest F1 first"][1:]}
    for entry in test["per_class"]:
        shares = [f"{entry[key]:.0%}" for key in ("recall", "precision", "f1")]
        assert classes[entry["label"]] == [*shares, str(entry["support"])]
    scores = [float(row[3].rstrip("%")) for row in page.tables["Classes, lowest F1 first"][1:]]
    assert scores == sorted(scores)
    assert ["Groups", "6", "6"] in page.tables["All scores"]
    bars = {row[0]: row[2] for row in page.tables["Top-1 accuracy with 95% intervals over groups"][1:]}
    assert bars["Single frame"] == "50.0%" and "48.0 to 52.0%" in page.texts["small"] and bars["Chance"] == "16.7%"
    assert list(bars) == ["Model, test", "Model, val", "Single frame", "Always Jump", "Chance"]
    assert (
        "6 groups" in page.texts["p"][0] and "4 epochs in 1 min 15 s, stopped early, best epoch 3" in page.texts["p"][0]
    )
    assert ["augment", "true"] in page.tables["Settings of the run"]
    assert ["tensorflow", "2.16.2"] in page.tables["Package versions"]


def test_a_run_that_kept_its_last_epoch_says_so() -> None:
    metrics = make_metrics()
    metrics["training"] |= {"kept": "last", "best_epoch": 4, "stopped": "finished"}
    page = render(metrics)
    assert "finished, weights of the last epoch." in page.texts["p"][0]
    assert page.texts["text"].count("kept: 4") == 3
    metrics["training"] |= {"kept": "lowest", "best_epoch": 2}
    page = render(metrics)
    assert "best epoch 2" in page.texts["p"][0]
    assert page.texts["text"].count("best: 2") == 3


def test_names_do_not_become_markup_and_nothing_is_loaded() -> None:
    labels = (*HOSTILE, "a", "b", "c")
    metrics = make_metrics(labels)
    metrics["model"]["name"], metrics["dataset"]["uri"] = HOSTILE[:2]
    metrics["dataset"]["protocol"], metrics["configuration"] = (
        HOSTILE[2],
        {HOSTILE[0]: HOSTILE[1], "classes": list(labels)},
    )
    metrics["dataset"]["groups"]["test"] = list(HOSTILE)
    metrics["baselines"]["majority"]["label"] = HOSTILE[0]
    metrics["versions"] = {HOSTILE[1]: HOSTILE[2]}
    ids = [video_id for pair in metrics["test"]["confused"] for video_id in pair["video_ids"]]
    strips = {video_id: strip(100) for video_id in ids} | {ids[0]: HOSTILE[1]}
    html = report.render_report(metrics, HISTORY, strips, HOSTILE[0])
    html.encode("utf-8")
    page = Page(html)
    assert not page.all("script") and not page.all("link") and not page.all("iframe")
    names = {name for _, attrs in page.elements for name in attrs}
    assert not {name for name in names if name.startswith("on") or name in ("style", "action", "srcset")}
    assert page.texts["h1"] == [HOSTILE[0]]
    assert page.all("image") and all((i["href"] or "").startswith("data:image/jpeg;base64,") for i in page.all("image"))
    policy = next(meta["content"] for meta in page.all("meta") if meta.get("http-equiv")) or ""
    hashes = [base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() for style in page.texts["style"]]
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    assert len(hashes) == 1
    assert policy == f"default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; style-src {allowed}"
    assert not any("url(" in style or "@import" in style for style in page.texts["style"])
    ids_of_page = {attrs["id"] for _, attrs in page.elements if "id" in attrs}
    assert {link["href"] for link in page.all("a")} == {f"#{h['id']}" for h in page.all("h2")}
    assert {use["href"] for use in page.all("use")} <= {f"#{name}" for name in ids_of_page}
    heads = {attrs.get("title") for attrs in page.all("th")}
    assert {summary.visible(label) for label in HOSTILE} <= heads


@pytest.mark.parametrize(
    ("change", "said", "kind"),
    [
        ({"leaky": True, "protocol": "random"}, "Random split: clips of one group are on both sides", "loud"),
        ({"warnings": ["videos of the same content"]}, "Videos of the same content.", "loud"),
        ({"single": interval(0.9)}, "A single frame is as good: the labels may be readable from the", "loud"),
        ({"single": interval(0.6, 0.4)}, "A single frame may be as good", "loud"),
        ({"majority": interval(0.9)}, "is not clearly better than always predicting Jump", "loud"),
        ({"single": None}, "No single-frame baseline", None),
        ({"num_groups": 4}, "Test has only 4 groups", None),
        ({"num_groups": 1}, "Test has only 1 group:", None),
    ],
)
def test_warnings(change: dict[str, Any], said: str, kind: str | None) -> None:
    metrics = make_metrics()
    metrics["dataset"].update({key: change[key] for key in ("leaky", "protocol", "warnings") if key in change})
    if "single" in change:
        metrics["baselines"]["single_frame"] = {"top1": change["single"]} if change["single"] else None
    if "majority" in change:
        metrics["baselines"]["majority"]["top1"] = change["majority"]
    metrics["test"]["num_groups"] = change.get("num_groups", 6)
    assert [value for note, value in notes(render(metrics)).items() if said in note] == [kind]
    assert GOOD_NOTE not in notes(render(metrics))


def test_all_right_on_one_class_is_no_success() -> None:
    metrics = make_metrics()
    one = predictions(LABELS, every=1000)
    chosen = np.flatnonzero(one.labels == 2)
    one = Predictions(
        one.logits[chosen],
        one.labels[chosen],
        tuple(one.groups[i] for i in chosen),
        tuple(one.video_ids[i] for i in chosen),
    )
    metrics["test"] = evaluate(one, LABELS, num_resamples=100).to_json()
    metrics["dataset"]["missing_classes"] = {"train": ["Run"], "val": ["Sit", "Clap"], "test": ["Jump"]}
    metrics["dataset"]["note"] = "the dataset has no split val"
    assert metrics["test"]["top1"]["value"] == 1
    page = render(metrics)
    found = notes(page)
    (loud,) = [note for note in found if note.startswith("All test clips are of one class, Wave: 100.0% of them right")]
    assert found[loud] == found["Train has no clip of 1 class: Run."] == "loud"
    assert {"Val has no clip of 2 classes: Sit, Clap.", "The dataset has no split val."} <= set(found)
    assert GOOD_NOTE not in found
    assert "of Wave alone" in " ".join(page.texts["dd"])
    assert any("correctly, but all are of one class" in text for text in page.texts["p"])


def test_one_class_is_the_first_thing_that_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = make_metrics()
    for scores in metrics["test"]["per_class"]:
        scores["support"] *= scores["label"] == "Walk"
    metrics["dataset"]["note"] = "the dataset has no split val"
    metrics["dataset"]["warnings"] = ["frames repeat in 3 of 4 clips"]
    terminal.print_result(metrics, "/run")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split(maxsplit=1) == ["WARNING", "all test clips are of one class, Walk: these scores mean nothing"]
    assert lines[1].split(maxsplit=1) == ["WARNING", "frames repeat in 3 of 4 clips"]
    assert lines[-1].split(maxsplit=1) == ["Note", "the dataset has no split val"]


def test_a_single_frame_that_is_just_below_is_no_reason_to_warn() -> None:
    metrics = make_metrics()
    low = metrics["test"]["top1"]["low"]
    metrics["baselines"]["single_frame"]["top1"] = Interval(low - 0.1, low - 0.2, low - 1e-6).to_json()
    assert notes(render(metrics)) == {GOOD_NOTE: "good"}
    metrics["baselines"]["single_frame"]["top1"] = Interval(low - 0.1, low - 0.2, low).to_json()
    assert "A single frame may be as good" in next(iter(notes(render(metrics))))
    metrics["baselines"]["single_frame"]["worse_by"] = Interval(0.2, 0.01, 0.3).to_json()
    assert notes(render(metrics)) == {GOOD_NOTE: "good"}, "compared clip by clip it is clearly worse"
    metrics["baselines"]["majority"]["worse_by"] = Interval(0.2, -0.01, 0.5).to_json()
    assert "is not clearly better than always predicting Jump" in next(iter(notes(render(metrics))))


def test_confused_pairs_with_and_without_strips() -> None:
    metrics = make_metrics()
    pairs = metrics["test"]["confused"]
    ids = [video_id for pair in pairs for video_id in pair["video_ids"]]
    page = render(metrics, strips={video_id: strip(50) for video_id in ids[::2]} | {"unused": strip(1)})
    assert page.texts["h3"][-len(pairs) :] == [f"{pair['truth']} \u2192 {pair['predicted']}" for pair in pairs]
    assert page.texts["b"] == ids and len(page.all("image")) == len(ids[::2])
    stills = [svg["aria-label"] for svg in page.all("svg") if svg.get("class") == "stills"]
    assert stills == [f"Film strip of {video_id}" for video_id in ids[::2]]
    assert sum("no film strip" in figure for figure in page.texts["figure"]) == len(ids[1::2])
    # A classifier without errors has no pairs.
    perfect = render(make_metrics(every=1))
    assert any("None: every test clip is classified correctly" in text for text in perfect.texts["p"])


def test_what_is_not_there_is_left_out() -> None:
    labels = ("a", "b", "c", "d", "e")  # there is no top-5 of five classes
    metrics = make_metrics(labels)
    del metrics["val"], metrics["calibration"], metrics["speed"]
    metrics["baselines"]["single_frame"] = None
    history = [{key: math.nan if key.startswith("val") else value for key, value in row.items()} for row in HISTORY]
    for rows in (history, [{k: v for k, v in row.items() if not k.startswith("val")} for row in HISTORY], []):
        page = render(metrics, rows)
        assert page.tables["All scores"][0] == ["Score", "Test"]
        assert "Test top-5" not in page.texts["dt"] and len(page.tables["All scores"]) == 7
        assert len(page.all("polyline")) == (3 if rows else 0)
    assert sum(text == "Not recorded." for text in page.texts["p"]) == 3


@pytest.mark.parametrize(("smoothing", "num_classes", "floor"), [(0.1, 2, 0.198515), (0.1, 50, 0.702065), (0.0, 6, 0)])
def test_the_least_loss_with_smoothing(smoothing: float, num_classes: int, floor: float) -> None:
    """It is the cross-entropy of a network that says exactly what the smoothed labels say."""
    labels = np.full(num_classes, smoothing / num_classes)
    labels[0] += 1 - smoothing
    positive = labels[labels > 0]
    assert meanings.smoothing_floor(smoothing, num_classes) == pytest.approx(-(positive * np.log(positive)).sum())
    assert meanings.smoothing_floor(smoothing, num_classes) == pytest.approx(floor, abs=1e-6)


def test_the_loss_with_and_without_smoothing() -> None:
    metrics = make_metrics()
    assert len(render(metrics).all("polyline")) == 5
    metrics["configuration"]["label_smoothing"] = 0.1
    page = render(metrics)
    floor = meanings.smoothing_floor(0.1, len(LABELS))
    assert len(page.all("polyline")) == 6
    first = f"epoch 1 \u00b7 train, with smoothing 2 \u00b7 val 2.5 \u00b7 train, without smoothing {2 - floor:.3g}"
    assert first in page.texts["title"]
    said = next(text for text in page.texts["p"] if text.startswith("Cross-entropy"))
    assert "10% of each label is spread evenly over all classes" in said and f"a loss of {floor:.2f}" in said


def test_classes_without_test_clips() -> None:
    labels = (*LABELS, "Fly")
    page_metrics = make_metrics(LABELS)
    truth = predictions(LABELS)
    wider = np.pad(truth.logits, ((0, 0), (0, 1)))
    page_metrics["test"] = evaluate(
        Predictions(wider, truth.labels, truth.groups, truth.video_ids), labels, num_resamples=10
    ).to_json()
    page = render(page_metrics)
    assert page.tables["Classes, lowest F1 first"][-1] == ["Fly", "\u2013", "\u2013", "\u2013", "0"]
    assert any("Test has no clip of 1 class: Fly." in note for note in notes(page))


@pytest.mark.parametrize(("num_classes", "size"), [(12, "small"), (13, "medium"), (60, "large"), (61, "large")])
def test_confusion_of_many_classes(num_classes: int, size: str) -> None:
    labels = [f"a class of a long name {i}" for i in range(num_classes)]
    confusion = [[0] * num_classes for _ in labels]
    for i in range(num_classes):
        confusion[i][i] = 500 if i == 58 else 9  # right predictions are no errors
    confusion[num_classes - 1][num_classes - 2] = 1  # the last two have an error
    page = Page(matrix.heat_table("Matrix", labels, confusion))
    ((caption, rows),) = page.tables.items()
    shown = [th["title"] for th in page.all("th") if th["scope"] == "col"]
    expected = labels if num_classes <= 60 else [*labels[:58], *labels[59:]]
    assert shown == expected and len(rows) == len(expected) + 1
    assert ("the 60 of 61 classes with the most errors" in caption) == (num_classes > 60)
    # Names are never cut off. Where they are too close to each other, the columns have the numbers of the rows.
    assert [row[0].strip() for row in rows[1:]] == expected
    numbers = [str(number + 1) for number in range(len(expected))]
    assert page.texts["span"] == (numbers if size == "large" else expected)
    assert page.texts.get("b", []) == (numbers if size == "large" else [])
    assert size in (page.all("div")[0]["class"] or "").split()
    titles = [td["title"] for td in page.all("td") if td.get("title")]
    assert f"{labels[-1]} \u2192 {labels[-2]}: 1 of 10 (10.0%)" in titles and len(titles) == len(expected) + (
        num_classes <= 61
    )


def test_shade_follows_the_share_of_the_row() -> None:
    page = Page(matrix.heat_table("M", ["a", "b"], [[19, 1], [500, 500]]))
    assert [td["class"] for td in page.all("td") if td.get("title")] == ["hit h10", "miss h1", "miss h5", "hit h5"]


@pytest.mark.parametrize(
    ("top", "ticks"),
    [
        (1.0, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.001, [0, 0.0002, 0.0004, 0.0006, 0.0008, 0.001]),
        (2.7, [0, 1, 2, 3]),
        (5.0, [0, 1, 2, 3, 4, 5]),
        (51.0, [0, 20, 40, 60]),
        (1e6, [0, 2e5, 4e5, 6e5, 8e5, 1e6]),
        (0.0, [0, 1]),
    ],
)
def test_ticks(top: float, ticks: list[float]) -> None:
    if top:
        assert charts.nice_ticks(top) == pytest.approx(ticks)
    assert charts.nice_ticks(top)[-1] >= top * (1 - 1e-9) and charts.nice_ticks(top)[-1] > 0


@pytest.mark.parametrize("num_epochs", [1, 2, 40, 41, 300])
def test_curves_stay_inside_and_name_the_best_epoch(num_epochs: int) -> None:
    points = [(float(epoch), 5.0 / epoch) for epoch in range(1, num_epochs + 1)]
    page = Page(charts.line_chart("Loss", {"train": points, "val": []}, "{:.2f}".format, (num_epochs, "best")))
    (line,) = page.all("polyline")
    places = [tuple(map(float, place.split(","))) for place in (line["points"] or "").split()]
    assert len(places) == num_epochs and places == sorted(places)
    assert all(0 <= x <= 380 and 0 <= y <= 230 for x, y in places)
    assert len(page.all("circle")) == (num_epochs if num_epochs <= 40 else 0)
    assert f"best: {num_epochs}" in page.texts["text"]
    assert page.texts["title"] == [f"epoch {epoch:g} \u00b7 train {loss:.2f}" for epoch, loss in points]
    assert "val" not in page.texts["span"] and 3 <= len(page.texts["text"]) < 25
