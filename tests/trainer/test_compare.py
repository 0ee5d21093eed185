"""The comparison of runs: which is best, which can't be compared, and what to do about runs that can't be read."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.core.errors import UsageError
from tests import ROOT
from tests.conftest import run_tool
from tests.support.metrics import HISTORY, LABELS, interval, make_metrics, predictions
from tests.support.pages import HOSTILE, Page
from trainer import compare
from trainer.evaluation.class_differences import class_differences
from trainer.evaluation.finished_runs import read_runs
from trainer.evaluation.matching.runs import find_flags, paired_differences
from trainer.evaluation.metrics import evaluate, paired_difference
from trainer.evaluation.predictions import Predictions
from trainer.training.logs import history_table


@pytest.fixture
def runs(tmp_path: Path) -> Callable[..., Path]:
    """Makes a run: one clip in `every` is wrong, `change` edits the metrics."""

    def make(
        name: str, every: int = 8, change: Callable[[dict[str, Any]], object] = lambda _: None, with_clips: bool = True
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        metrics = make_metrics(every=every)
        change(metrics)
        (folder / "metrics.json").write_text(json.dumps(metrics))
        if with_clips:
            (folder / "predictions.jsonl").write_text(predictions(LABELS, every=every).to_jsonl(LABELS))
        return folder

    return make


def crossval(folder: Path, pooled: Predictions) -> Path:
    metrics = make_metrics()
    data = {key: metrics["dataset"][key] for key in ("uri", "fingerprint", "labels")}
    value = {
        "folds": 5, "model": metrics["model"], "dataset": data,
        "pooled": evaluate(pooled, LABELS, num_resamples=50).to_json(), "mean": interval(0.81),
        "baselines": metrics["baselines"], "speed": metrics["speed"], "training": {"seconds": 4000.0},
    }  # fmt: skip
    folder.mkdir()
    (folder / "crossval.json").write_text(json.dumps(value))
    return folder


def printed(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[dict[str, list[str]], list[str]]:
    """The table as rows by their first cell, and the lines below it."""
    assert compare.run([str(argument) for argument in arguments]) == 0
    lines = capsys.readouterr().out.splitlines()
    cells = [
        [cell.strip() for cell in re.split("[\u2502\u2503]", line)[1:-1]] for line in lines if line[0] in "\u2502\u2503"
    ]
    return {row[0]: row[1:] for row in cells}, lines[len(cells) + 3 :]


def set_leaky(metrics: dict[str, Any]) -> None:
    metrics["dataset"].update(leaky=True, protocol="random")


def test_best_values_and_the_difference(runs: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    def cheap(metrics: dict[str, Any]) -> None:
        metrics["model"].update(parameters=2_345_678, size_bytes=500_000, variant="default")
        metrics["training"]["seconds"] = 12.0
        metrics["test"]["ece"] = 0.001
        metrics["speed"] = None
        metrics["baselines"]["single_frame"] = None

    folders = [runs("worse", 4, cheap), runs("better", 20)]
    table, below = printed(capsys, *folders)
    worse, better = (dict(zip(table["Run"], table[name], strict=True)) for name in ("worse", "better"))
    assert worse["Model"] == "lrcn" and better["Model"] == "lrcn / wide"
    assert worse["Top-1"].startswith("75.0% (") and re.fullmatch(r"94\.4% \([\d.]+ to [\d.]+%\) \*", better["Top-1"])
    assert worse["Parameters"] == "2.3 M" and better["Parameters"] == "67.2 k *"
    assert worse["Size"] == "0.5 MB *" and better["Size"] == "1.0 MB"
    assert worse["Training"] == "12.0 s *" and better["Training"] == "1 min 15 s"
    assert worse["Clips/s"] == "-" and better["Clips/s"] == "650"  # a single run is not the best
    assert worse["Single frame"] == "-" and better["Single frame"] == "50.0%"
    assert worse["ECE"] == "0.1% *" and not better["ECE"].endswith("*")
    assert better["Macro-F1"].endswith(" *") and not worse["Macro-F1"].endswith("*")
    assert "Flag" not in table["Run"] and "*" not in worse["Majority"] + better["Majority"]
    expected = paired_difference(predictions(LABELS, every=20), predictions(LABELS, every=4))
    points = f"{100 * expected.value:.1f} points ({100 * expected.low:.1f} to {100 * expected.high:.1f})"
    assert expected.low > 0 and below == [f"better is better than worse by {points} on the same 72 clips"]


def test_equal_runs(runs: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    table, below = printed(capsys, runs("a"), runs("b"))
    assert not any("*" in cell for row in table.values() for cell in row)
    assert (
        len(below) == 1
        and below[0].startswith("a and b differ by 0.0 points")
        and below[0].endswith("no clear difference")
    )


def test_flagged_runs_are_never_best(runs: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    def other_data(metrics: dict[str, Any]) -> None:
        metrics["dataset"]["fingerprint"] = "d1"

    def other_clips(metrics: dict[str, Any]) -> None:
        metrics["dataset"]["groups"]["test"] = ["g77"]

    folders = [
        runs("leaky", 1, set_leaky), runs("plain", 5), runs("plain2", 11), runs("elsewhere", 1, other_data),
        runs("resplit", 1, other_clips, with_clips=False),
    ]  # fmt: skip
    flags = find_flags(read_runs([str(folder) for folder in folders]))
    assert flags == ["leaky", "", "", "other dataset", "other test clips"]
    table, below = printed(capsys, *folders)
    top1, flag = table["Run"].index("Top-1"), table["Run"].index("Flag")
    assert [name for name, row in table.items() if row[top1].endswith(" *")] == ["plain2"]
    assert [table[folder.name][flag] for folder in folders] == flags
    assert below[0].startswith("leaky (leaky): clips of one group")
    assert below[1] == "other dataset (elsewhere): trained on a different dataset from plain"
    assert below[2].startswith("other test clips (resplit): the same dataset as plain")
    assert below[3] == "resplit: its predictions.jsonl is missing, so that it can't be compared clip by clip"
    assert len(below) == 6 and below[4].startswith("plain2 is better than plain by 11.1 points")
    assert below[5].endswith("on the 72 clips that both have in test (of 72 of elsewhere and 72 of plain2)")


def test_same_clips_are_told_by_their_ids(runs: Callable[..., Path]) -> None:
    folders = [runs("a", 4), runs("b", 8), runs("c", 8)]
    kept = (folders[2] / "predictions.jsonl").read_text().replace("c000", "c999")
    (folders[2] / "predictions.jsonl").write_text(kept)
    found = read_runs([str(folder) for folder in folders])
    assert find_flags(found) == ["", "", "other test clips"]
    assert [(best.name, other.name) for best, other, _ in paired_differences(found)] == [("b", "a"), ("b", "c")]
    # A leaky run never competes, whatever its clips.
    metrics = make_metrics(every=8)
    set_leaky(metrics)
    (folders[1] / "metrics.json").write_text(json.dumps(metrics))
    found = paired_differences(read_runs([str(folder) for folder in folders]))
    assert [(best.name, other.name) for best, other, _ in found] == [("c", "a")]


def test_best_against_each_other_run(runs: Callable[..., Path]) -> None:
    found = read_runs([str(runs(name, every)) for name, every in (("a", 4), ("b", 12), ("c", 8), ("d", 3))])
    differences = paired_differences(found)
    assert [(best.name, other.name) for best, other, _ in differences] == [("b", "c"), ("b", "a"), ("b", "d")]
    assert all(difference.value >= 0 for *_, difference in differences)


def test_cross_validation(runs: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = crossval(tmp_path / "five", predictions(LABELS, num_groups=25, every=5))
    table, below = printed(capsys, runs("one"), folder)
    five = dict(zip(table["Run"], table["five"], strict=True))
    assert (
        five["Top-1"].startswith("80.0% (") and five["Flag"] == "other test clips" and five["Training"] == "1 h 07 min"
    )
    again = crossval(tmp_path / "again", predictions(LABELS, num_groups=25, every=6))
    assert find_flags(read_runs([str(folder), str(again)])) == ["", ""]
    assert below[1:] == [
        "five: mean top-1 of 5 folds 81.0% (79.0 to 83.0%)",
        "five: its predictions.jsonl is missing, so that it can't be compared clip by clip",
    ]


def test_single_frame_that_is_as_good(runs: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    def background(metrics: dict[str, Any]) -> None:
        metrics["baselines"]["single_frame"]["top1"] = interval(0.88)

    _, below = printed(capsys, runs("a", 8, background))
    assert below == ["a: a single frame may be as good, 88.0% (86.0 to 90.0%)"]


def test_names(runs: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = runs("x/run"), runs("y/run")
    table, _ = printed(capsys, a, b, f"{a}/", a.parent / "." / "run")
    assert list(table) == ["Run", str(a), str(b)]
    monkeypatch.chdir(a)
    assert list(printed(capsys, ".")[0]) == ["Run", "run"]


def test_page(runs: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def hostile(metrics: dict[str, Any]) -> None:
        metrics["model"]["name"], metrics["model"]["variant"] = HOSTILE[:2]

    better, leaky = runs("<b onclick=x>", 20, hostile), runs("leaky", 1, set_leaky)
    before = set(tmp_path.rglob("*"))
    file = tmp_path / "new" / "cmp.html"
    _, below = printed(capsys, better, runs("worse", 4), leaky, "--html", file)
    assert below[-1] == f"Page: {file}"
    assert {path for path in tmp_path.rglob("*") if "worse" not in str(path)} - before == {file, file.parent}
    page = Page(file.read_text("utf-8"))
    assert not page.all("script") and not {n for _, attrs in page.elements for n in attrs if n.startswith("on")}
    rows = {row[0]: row for row in page.tables["The best of each column is marked"]}
    assert rows["<b onclick=x>"][2] == f"{HOSTILE[0]} / {HOSTILE[1]}" and rows["leaky"][1] == "leaky"
    marked = [td for td in page.all("td") if td.get("class") == "n best"]
    assert not any("best" in (th.get("class") or "") for th in page.all("th"))
    assert len(marked) == 3  # top-1, macro-F1 and ECE; everything else is equal
    bars = page.tables["Top-1 on test with 95% intervals over groups; grey: not comparable"]
    assert [row[0] for row in bars[1:]] == ["<b onclick=x>", "worse", "leaky"]
    dots = [re.findall(r"s\d", line["class"] or "") for line in page.all("line") if "dot" in (line["class"] or "")]
    assert dots[:3] == [["s0"], ["s0"], ["s5"]]
    # Without a report in the folders of these runs, names lead to the folders; with one, to it.
    links = [a["href"] for a in page.all("a") if not (a["href"] or "").startswith("#")]
    assert links[:3] == ["../%3Cb%20onclick%3Dx%3E", "../worse", "../leaky"] and links[3:] == links[:3]
    (leaky / "report.html").write_text("")
    printed(capsys, better, leaky, "--html", file)
    assert "../leaky/report.html" in {a["href"] for a in Page(file.read_text("utf-8")).all("a")}
    assert any("<b onclick=x> is better than worse by 19.4 points" in text for text in page.texts["p"])


def test_curves_lie_on_top_of_each_other(runs: Callable[..., Path], tmp_path: Path) -> None:
    first, second, third = runs("first"), runs("second", 4), runs("without")
    for folder, rows in ((first, HISTORY), (second, HISTORY[:2])):
        (folder / "history.csv").write_text(history_table(rows))
    five = crossval(tmp_path / "five", predictions(LABELS, num_groups=25, every=5))
    file = tmp_path / "page.html"
    compare.run([*map(str, (first, second, third, five)), "--html", str(file)])
    page = Page(file.read_text("utf-8"))
    assert len(page.all("polyline")) == 2 * 4  # accuracy and loss, of val and train
    assert {line["class"] for line in page.all("polyline")} == {"c0 dash0", "c1 dash1"}
    assert "epoch 2 \u00b7 first 36% \u00b7 second 36%" in page.texts["title"]
    assert "epoch 3 \u00b7 first 54%" in page.texts["title"]
    said = next(text for text in page.texts["p"] if text.startswith("One curve"))
    assert "in the reports of its folds: five." in said and "Without a history.csv: without." in said
    (first / "history.csv").write_text("epoch,val_loss\n1,x\n")
    with pytest.raises(UsageError, match=r"history\.csv is damaged: .*Remove it to compare without its curves"):
        compare.run([str(first), "--html", str(file)])


def test_differences_class_by_class(runs: Callable[..., Path], tmp_path: Path) -> None:
    a, b = predictions(LABELS, every=20), predictions(LABELS, every=4)
    found = {item.label: item for item in class_differences(a, b, LABELS)}
    assert set(found) == set(LABELS) and sum(item.support for item in found.values()) == len(a.labels)
    for number, label in enumerate(LABELS):
        own = a.labels == number
        assert found[label].first == pytest.approx(a.correct[own].mean())
        assert found[label].second == pytest.approx(b.correct[b.labels == number].mean())
        assert found[label].difference.value == pytest.approx(found[label].first - found[label].second)
    fewer = [*LABELS, "Never"]
    wider = [replace(p, logits=np.pad(p.logits, ((0, 0), (0, 1)), constant_values=-9)) for p in (a, b)]
    assert [item.label for item in class_differences(*wider, fewer)] == list(LABELS), "without clips there is none"
    file = tmp_path / "page.html"
    compare.run([str(runs("better", 20)), str(runs("worse", 4)), "--html", str(file)])
    rows = Page(file.read_text("utf-8")).tables["better minus worse"][1:]
    ordered = sorted(found.values(), key=lambda item: (-item.difference.value, item.label))
    assert [row[0] for row in rows] == [item.label for item in ordered]
    values = [round(100 * item.difference.value, 1) for item in ordered]
    assert [float(row[2]) for row in rows] == values


def markdown_rows(text: str) -> list[dict[str, str]]:
    """The rows of the table at the start of a text, by its headers; an escaped bar is no border."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    assert len({len(row) for row in cells}) == 1 and all(re.fullmatch("---:?", cell) for cell in cells[1])
    return [dict(zip(cells[0], row, strict=True)) for row in cells[2:]]


def test_markdown_table(runs: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def fold(metrics: dict[str, Any]) -> None:
        metrics["dataset"].update(protocol="fold 2 of 5", uri="gs://bucket/UCF50_dataset/")
        metrics["baselines"]["single_frame"] = None

    def in_epochs(summary: Path, most: int) -> None:
        value = json.loads((summary / "crossval.json").read_text())
        value["training"]["epochs"] = {"fewest": 22, "most": most}
        (summary / "crossval.json").write_text(json.dumps(value))

    pooled = predictions(LABELS, num_groups=5, every=5)
    logo, five, old = (crossval(tmp_path / name, pooled) for name in ("logo", "five", "old"))
    in_epochs(logo, 30)
    in_epochs(five, 22)
    for folder in (five, old):
        text = (folder / "crossval.json").read_text()
        (folder / "crossval.json").write_text(text.replace('"folds": 5', '"folds": 3'))
    folders = [runs("one"), runs("part", 8, fold), runs("leaky", 1, set_leaky), logo, five, old]
    assert compare.run([*map(str, folders), "--markdown", "-"]) == 0
    printed_alone, said = capsys.readouterr()
    one, part, leaky, *validated = markdown_rows(printed_alone)
    assert said == "" and printed_alone.startswith("| Run |")
    assert one | {"Top-1 (95 % interval)": ""} == {
        "Run": "one", "Network": "lrcn / wide", "Parameters": "67.2 k", "Epochs": "4",
        "Dataset": "ucf, 6 classes (d0)", "Protocol": "by groups", "Test": "72 clips, 6 groups",
        "Top-1 (95 % interval)": "", "Single frame": "50.0%", "Majority": "17.0%",
    }  # fmt: skip
    assert re.fullmatch(r"87\.5% \([\d.]+ to [\d.]+%\)", one["Top-1 (95 % interval)"])
    assert (part["Protocol"], part["Dataset"], part["Single frame"]) == (
        "by groups, fold 2 of 5", "UCF50\\_dataset, 6 classes (d0)".replace("\\", ""), "\u2013",
    )  # fmt: skip
    assert leaky["Protocol"] == "at random: groups are on both sides"
    assert [(row["Protocol"], row["Epochs"], row["Test"]) for row in validated] == [
        ("by groups, leave one group out (5 folds)", "22 to 30", "60 clips, 5 groups"),
        ("by groups, 3 folds", "22", "60 clips, 5 groups"),
        ("by groups, 3 folds", "\u2013", "60 clips, 5 groups"),
    ]
    assert "- logo: mean top-1 of 5 folds 81.0% (79.0 to 83.0%).\n" in printed_alone
    assert "- leaky (leaky): clips of one group are in training and in test" in printed_alone

    file = tmp_path / "new" / "table.md"
    table, below = printed(capsys, *folders, "--markdown", file, "--html", tmp_path / "x.html")
    assert file.read_text() == printed_alone and list(file.parent.iterdir()) == [file]
    assert "one" in table and below[-2:] == [f"Page: {tmp_path / 'x.html'}", f"Markdown: {file}"]
    assert compare.run([str(folders[0]), "--markdown", str(file)]) == 0  # its own table is replaced
    assert [row["Run"] for row in markdown_rows(file.read_text())] == ["one"]
    capsys.readouterr()
    assert compare.run([str(folders[0]), "--markdown", "-", "--html", str(tmp_path / "x.html")]) == 0
    alone, said = capsys.readouterr()
    assert alone == file.read_text() and said == f"Page: {tmp_path / 'x.html'}\n"


def test_markdown_replaces_no_page_of_others(runs: Callable[..., Path], tmp_path: Path) -> None:
    page = tmp_path / "ucf50.md"
    run = str(runs("run"))
    for content in (b"# UCF50\n\n| Run | Network |\n", b"| Run |\n", b"\xff"):
        page.write_bytes(content)
        with pytest.raises(
            UsageError, match=r"ucf50\.md exists and isn't a table .* wrote\. .*or - to print the table"
        ):
            compare.run([run, "--markdown", str(page)])
        assert page.read_bytes() == content


def test_markdown_of_hostile_names(runs: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    def hostile(metrics: dict[str, Any]) -> None:
        metrics["model"]["name"], metrics["model"]["variant"] = HOSTILE[:2]
        metrics["dataset"]["uri"] = "x/a|b\n\n# `c` [d](e) _f_ g_h"

    assert compare.run([str(runs("*a*_|", 8, hostile)), "--markdown", "-"]) == 0
    text = capsys.readouterr().out
    (row,) = markdown_rows(text)
    assert len(text.splitlines()) == 3 and not re.search(r"(?<!\\)[<>`\[\]*]", text)
    assert row["Run"] == r"\*a\*\_\|" and row["Network"].startswith(r"\<script\>alert(1)\</script\> / ")
    assert row["Dataset"].startswith(r"a\|b\\u000a\\u000a# \`c\` \[d\](e) \_f\_ g_h, 6 classes")


def shorten(file: Path) -> None:
    """Leaves half of the lines."""
    file.write_text("".join(file.read_text().splitlines(True)[1::2]))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda run: shutil.rmtree(run), "no such run: .*run. Give the folder"),
        (lambda run: (run / "metrics.json").unlink(), "no run in .*run: metrics.json is missing"),
        (
            lambda run: ((run / "metrics.json").unlink(), (run / "checkpoints").mkdir()),
            "isn't finished.*again to resume",
        ),
        (
            lambda run: (run / "metrics.json").write_text('{"model": '),
            r"metrics\.json is damaged: .*leave this run out",
        ),
        (lambda run: (run / "metrics.json").write_text("[]"), r"metrics\.json is damaged"),
        (lambda run: (run / "metrics.json").write_bytes(b"\xff\xfe"), r"metrics\.json is damaged"),
        (
            lambda run: (run / "metrics.json").write_text("[" * 100_000),
            r"metrics\.json is damaged: it is nested too deeply",
        ),
        (lambda run: (run / "metrics.json").write_text('{"folds": 1e999}'), r"metrics\.json is damaged: .*infinity"),
        (lambda run: (run / "predictions.jsonl").write_text("[" * 100_000), r"predictions.jsonl is damaged: line 1 "),
        (lambda run: (run / "metrics.json").write_text("{}"), "'model' is missing"),
        (lambda run: (run / "metrics.json").write_text('{"schema_version": 2}'), "schema version 2, but .* reads 1"),
        (
            lambda run: (run / "predictions.jsonl").write_text("{}\n"),
            "predictions.jsonl is damaged: line 1 .*Remove it",
        ),
        (
            lambda run: shorten(run / "predictions.jsonl"),
            r"damaged: 36 clips, 75.0% of them right, aren't the 72, 87.5% of them right, of metrics.json",
        ),
        (lambda run: ((run / "metrics.json").unlink(), (run / "metrics.json").mkdir()), "cannot read .*metrics.json"),
    ],
)
def test_runs_that_cannot_be_read(runs: Callable[..., Path], spoil: Callable[[Path], object], said: str) -> None:
    good, bad = runs("good"), runs("run")
    spoil(bad)
    with pytest.raises(UsageError, match=said) as caught:
        compare.run([str(good), str(bad)])
    assert str(bad) in str(caught.value)


@pytest.mark.slow
def test_any_part_may_be_missing_or_of_another_kind(runs: Callable[..., Path]) -> None:
    """Whatever replaces a value of metrics.json, there is never an error of another kind."""
    folder = runs("run", with_clips=False)
    whole = json.loads((folder / "metrics.json").read_text())
    paths = [(k,) for k in whole] + [(k, j) for k, v in whole.items() if isinstance(v, dict) for j in v]
    refused = set()
    for path in paths:
        for other in (None, 7, "x", [], {}):
            spoilt = json.loads(json.dumps(whole))
            inner = spoilt if len(path) == 1 else spoilt[path[0]]
            inner[path[-1]] = other
            (folder / "metrics.json").write_text(json.dumps(spoilt))
            try:
                compare.run([str(folder), "--markdown", "-"])
                compare.run([str(folder)])
            except UsageError:
                refused.add(path)
    assert {("test",), ("model", "parameters"), ("test", "top1"), ("baselines", "majority")} <= refused
    assert ("val",) not in refused and ("configuration",) not in refused


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["hdfs://bucket/run"], "hdfs://bucket/run: unknown kind of store. Use gs://, s3:// or a path on this machine"),
        (["{run}/metrics.json"], "is a file: give the folder of the run, .*run$"),
        (["{run}/.."], "is not a run but holds some: give .*run"),
        (["{run}", "--html", "{run}/metrics.json/x.html"], r"cannot write .*x\.html: .*another --html"),
        (["{run}", "--html", "{run}"], "cannot write .*another --html"),
        (["{run}", "--markdown", "{run}/metrics.json/x.md"], r"cannot write .*x\.md: .*another --markdown"),
        (["{run}", "--markdown", "{run}"], "cannot write .*another --markdown"),
        (["{run}", "--markdown"], "--markdown needs a value"),
        ([""], "the folder of a run is empty"),
    ],
)
def test_other_mistakes(runs: Callable[..., Path], arguments: list[str], said: str) -> None:
    folder = runs("run")
    with pytest.raises(UsageError, match=said):
        compare.run([argument.format(run=folder) for argument in arguments])
    assert sorted(path.name for path in folder.iterdir()) == ["metrics.json", "predictions.jsonl"]
    assert [path.name for path in folder.parent.iterdir()] == ["run"]


@pytest.mark.process
def test_as_a_tool(runs: Callable[..., Path]) -> None:
    done = run_tool("trainer.compare", runs("a"), runs("b", 4), cwd=ROOT)
    assert done.returncode == 0 and not done.stderr and "a is better than b" in done.stdout
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii"}
    assert "\\xe9t\\xe9" in run_tool("trainer.compare", runs("\u00e9t\u00e9"), cwd=ROOT, env=ascii_only).stdout
    assert "\x1b" not in done.stdout and "\u2026" not in done.stdout
    for arguments, said in (
        ([], "RUN"),
        (["/nowhere"], "error: no such run: /nowhere"),
        (["--htm", "x", "y"], "--htm"),
    ):
        done = run_tool("trainer.compare", *arguments, cwd=ROOT)
        assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr
    assert "exit codes" in run_tool("trainer.compare", "--help", cwd=ROOT).stdout


@pytest.mark.process
def test_starts_without_tensorflow_and_beam() -> None:
    code = (
        "import sys, trainer.compare, trainer.evaluation.report; "
        "print([name for name in ('tensorflow', 'keras', 'apache_beam') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_names_are_plain_text(runs: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    """Brackets are not taken for markup, and control characters become visible."""
    table, _ = printed(capsys, runs("[red]a"), runs("b\x1b[31m"))
    assert list(table) == ["Run", "[red]a", "b\\u001b[31m"]
