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
from trainer.evaluation.streams.margins import is_clear
from trainer.evaluation.streams.work import Work, named_network, who_works
from trainer.evaluation.summary.terminal import stream_rows

GUESS = 0.2


@pytest.mark.parametrize(
    ("both", "motion", "appearance", "reach", "by"),
    [
        # accuracy of both, of each alone, how far intervals reach, who does the work
        (1.0, 1.0, 0.2, 0.0, "motion"),
        (1.0, 0.2, 1.0, 0.0, "appearance"),
        (1.0, 0.95, 0.97, 0.0, "either"),
        (1.0, 0.6, 0.6, 0.0, "both"),
        (0.6, 0.56, 0.24, 0.0, "motion"),  # 0.9 of 0.4
        (0.6, 0.55, 0.24, 0.0, "both"),
        (0.6, 0.65, 0.1, 0.0, "motion"),  # better alone, and worse than a guess
        (0.5, 0.5, 0.2, 0.3, "unknown"),  # the interval of both holds a guess
        (0.2, 0.2, 0.2, 0.0, "unknown"),
    ],
)
@pytest.mark.parametrize("sure", [True, False])
def test_who_does_the_work(both: float, motion: float, appearance: float, reach: float, by: str, sure: bool) -> None:
    together = Interval(both, max(both - reach, 0), min(both + reach, 1))
    worse = {
        name: Interval(both - alone, both - alone - reach, both - alone + reach)
        for name, alone in (("motion", motion), ("appearance", appearance))
    }
    work = who_works(together, GUESS, worse, sure)
    assert (work.by, work.sure) == (by, sure and by != "unknown")
    if by == "unknown":
        assert not work.kept
    else:
        assert work.kept["motion"].value == pytest.approx((motion - GUESS) / (both - GUESS))
    assert ("room for another answer" in work.sentence) == (not sure and by != "unknown")


@pytest.mark.parametrize(
    ("both", "motion", "appearance", "by", "sure"),
    [
        # of 18 clips in each group, how many are right: by both, and by each stream alone
        ([18] * 7, [3] * 7, [18, 18, 17, 18, 18, 18, 18], "appearance", True),  # 99 % and 17 % of 126 clips
        ([17] * 7, [17] * 7, [3] * 7, "motion", True),  # all alike, and no interval of a share is narrow
        ([18] * 7, [18] * 7, [18] * 7, "either", True),
        ([18] * 7, [9] * 7, [9] * 7, "both", True),
        ([18] * 7, [3] * 7, [18, 18, 18, 18, 18, 18, 8], "appearance", False),  # a group where it isn't enough
        ([18] * 7, [3, 18, 3, 18, 3, 18, 18], [18] * 7, "appearance", False),  # groups where motion is enough, too
        ([18] * 7, [3] * 7, [17, 16, 17, 16, 17, 17, 16], "appearance", False),  # close to 90 %
        ([18] * 4, [3] * 4, [18] * 4, "appearance", True),
        ([18], [3], [18], "unknown", False),  # a group says nothing of others
    ],
)
def test_room_for_another_answer_is_told_by_paired_differences(
    both: list[int], motion: list[int], appearance: list[int], by: str, sure: bool
) -> None:
    labels = np.arange(18 * len(both)) % 6
    names = tuple(f"g{i // 18}" for i in range(len(labels)))

    def right(counts: list[int]) -> Predictions:
        hits = np.concatenate([np.arange(18) < count for count in counts])
        logits = np.eye(6, dtype=np.float32)[np.where(hits, labels, (labels + 1) % 6)]
        return Predictions(logits, labels, names, tuple(map(str, range(len(labels)))))

    alone = {"motion": right(motion), "appearance": right(appearance)}
    streams = stream_figures(right(both), alone, [f"{i}" for i in range(6)])["streams"]
    assert (streams["work"], streams["sure"]) == (by, sure)


@pytest.mark.parametrize(
    ("margins", "clear"),
    [
        ([0.1, 0.1, 0.1, 0.1], True),
        ([-0.1, -0.1, -0.1, -0.1], True),
        ([0.3, -0.1, 0.2, 0.1], False),
        ([0.0, 0.0, 0.0, 0.0], False),
        ([0.1], False),  # one group tells nothing about others
        ([0.1, 0.1], False),  # one clip of 40 more or less might be chance
    ],
)
def test_a_margin_is_clear_by_a_t_test_over_groups(margins: list[float], clear: bool) -> None:
    values = np.repeat(margins, 20)
    groups = np.repeat(np.arange(len(margins)).astype(str), 20).tolist()
    assert is_clear(lambda weights: weights @ values / weights.sum(axis=1), groups) == clear


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
    assert streams["sure"]
    few = replace(noise, logits=np.where(np.arange(60)[:, None] % 6 < 3, both.logits, noise.logits))
    figures = label_stream_figures(both, {"motion": few, "appearance": both}, ("A", "B", "C"), np.full(3, 0.5))
    assert not figures["streams"]["sure"]  # in half of the groups, motion is as good
    assert "kept" in streams["motion"] and 0 <= streams["motion"]["macro_f1"]["value"] < 1


def test_names() -> None:
    model = {"name": "lrcn", "variant": "default"}
    assert named_network(model) == "lrcn (default)"
    assert named_network({**model, "appearance": "mobilenetv3-small"}) == "lrcn (default) with mobilenetv3-small"
