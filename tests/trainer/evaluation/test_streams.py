"""Which stream does the work: the rule by table, and what is said of it."""

from dataclasses import replace

import numpy as np
import pytest

from pipelines.core.interval import Interval
from tests.support.metrics import LABELS, make_metrics, predictions
from tests.support.pages import Page
from trainer.evaluation.multilabel.predictions import LabelPredictions
from trainer.evaluation.predictions import Predictions
from trainer.evaluation.report import render_report
from trainer.evaluation.streams.figures import label_stream_figures, stream_figures
from trainer.evaluation.streams.work import Work, named_network, who_works
from trainer.evaluation.summary.terminal import stream_rows

GUESS = 0.2


@pytest.mark.parametrize(
    ("both", "motion", "appearance", "reach", "by", "sure"),
    [
        # accuracy of both, of each alone, how far intervals reach, who does the work, whether that is sure
        (1.0, 1.0, 0.2, 0.0, "motion", True),
        (1.0, 0.2, 1.0, 0.0, "appearance", True),
        (1.0, 0.95, 0.97, 0.0, "either", True),
        (1.0, 0.6, 0.6, 0.0, "both", True),
        (0.6, 0.56, 0.24, 0.0, "motion", True),  # 0.9 of 0.4
        (0.6, 0.55, 0.24, 0.0, "both", True),
        (0.6, 0.65, 0.1, 0.0, "motion", True),  # better alone, and worse than a guess
        (1.0, 0.95, 0.2, 0.1, "motion", False),
        (1.0, 0.95, 0.2, 0.01, "motion", True),
        (1.0, 0.6, 0.6, 0.4, "both", False),
        (0.5, 0.5, 0.2, 0.3, "unknown", False),  # the interval of both holds a guess
        (0.2, 0.2, 0.2, 0.0, "unknown", False),
    ],
)
def test_who_does_the_work(both: float, motion: float, appearance: float, reach: float, by: str, sure: bool) -> None:
    together = Interval(both, max(both - reach, 0), min(both + reach, 1))
    worse = {
        name: Interval(both - alone, both - alone - reach, both - alone + reach)
        for name, alone in (("motion", motion), ("appearance", appearance))
    }
    work = who_works(together, GUESS, worse)
    assert (work.by, work.sure) == (by, sure)
    if by == "unknown":
        assert not work.kept
    else:
        assert work.kept["motion"].value == pytest.approx((motion - GUESS) / (both - GUESS))
    assert ("room for another answer" in work.sentence) == (not sure and by != "unknown")


def always_first(found: Predictions) -> Predictions:
    return found.always(0)


def test_figures_and_report_of_a_run() -> None:
    both = predictions(LABELS)
    figures = stream_figures(both, {"motion": both, "appearance": always_first(both)}, LABELS)
    streams = figures["streams"]
    assert (streams["work"], streams["guess"]) == ("motion", pytest.approx(1 / 6))
    assert streams["motion"]["kept"]["value"] == 1 and streams["motion"]["worse_by"]["value"] == 0
    assert streams["appearance"]["top1"]["value"] == pytest.approx(1 / 6)
    assert streams["appearance"]["worse_by"]["value"] == pytest.approx(both.correct.mean() - 1 / 6)
    metrics = {**make_metrics(), **figures}
    page = Page(render_report(metrics, [], {}, "run"))
    assert "Motion does the work: alone, it keeps 100% of the gain over a guess, appearance 0%" in " ".join(
        page.texts["p"]
    )
    rows = {row[0]: row[1:] for row in page.tables["What each stream is worth"][1:]}
    assert [rows[name][2] for name in ("Motion alone", "Appearance alone")] == ["100%", "0%"]
    assert rows["Appearance alone"][0].startswith("16.7%")
    said = dict(stream_rows(metrics))
    assert said["Motion alone"].startswith("87.5% (") and said["Streams"].startswith("motion does the work")
    assert "Streams" not in render_report(make_metrics(), [], {}, "run")
    assert stream_rows(make_metrics()) == [] and stream_figures(both, {}, LABELS) == {}
    assert Work.from_json(streams).sentence == said["Streams"]


def test_most_clips_of_one_class_are_guessed_rightly() -> None:
    """With nine of ten clips of one class, a stream that always names it keeps nothing."""
    labels = np.array([0] * 9 + [1], np.int64).repeat(60)
    logits = np.eye(2, dtype=np.float32)[labels]
    groups = tuple(f"g{i % 60}" for i in range(len(labels)))
    both = Predictions(logits, labels, groups, tuple(map(str, range(len(labels)))))
    streams = stream_figures(both, {"motion": both, "appearance": both.always(0)}, ("A", "B"))["streams"]
    assert streams["guess"] == pytest.approx(0.9)
    assert streams["work"] == "motion" and streams["appearance"]["kept"]["value"] == pytest.approx(0, abs=1e-9)


def test_figures_where_clips_have_several_labels() -> None:
    targets = np.random.default_rng(0).random((60, 3)) < 0.4
    logits = np.where(targets, 2, -2).astype(np.float32)
    both = LabelPredictions(logits, targets, tuple(f"g{i % 6}" for i in range(60)), tuple(map(str, range(60))))
    noise = replace(both, logits=np.random.default_rng(1).random((60, 3), np.float32))
    figures = label_stream_figures(both, {"motion": noise, "appearance": both}, ("A", "B", "C"), np.full(3, 0.5))
    streams = figures["streams"]
    assert streams["work"] == "appearance" and streams["appearance"]["mean_ap"]["value"] == 1
    assert streams["guess"] == pytest.approx(targets.mean(axis=0).mean())
    assert "kept" in streams["motion"] and 0 <= streams["motion"]["macro_f1"]["value"] < 1


def test_names() -> None:
    model = {"name": "lrcn", "variant": "default"}
    assert named_network(model) == "lrcn (default)"
    assert named_network({**model, "appearance": "mobilenetv3-small"}) == "lrcn (default) with mobilenetv3-small"
