"""Which runs may be compared with which, and how much better one is than another on the same test clips."""

from collections.abc import Sequence
from itertools import combinations

from pipelines.core.interval import Interval
from trainer.evaluation.finished_runs import Run
from trainer.evaluation.matching.common import Common, in_common
from trainer.evaluation.metrics import paired_difference
from trainer.evaluation.predictions import Predictions


def same_test(a: Run, b: Run) -> bool:
    """Whether two runs were tested alike: on the same clips, and both with or both without training on their groups.

    Clips are compared by their ids or, where these weren't kept, by their number and groups.
    """
    if (a.dataset, a.labels, a.leaky) != (b.dataset, b.labels, b.leaky):
        return False
    if a.predictions and b.predictions:
        return _clips(a.predictions) == _clips(b.predictions)
    known_of_a, known_of_b = ((run.folds > 0, run.test.num_clips, run.test_groups) for run in (a, b))
    return known_of_a == known_of_b


def _clips(predictions: Predictions) -> set[tuple[str, str, int]]:
    return set(zip(predictions.video_ids, predictions.groups, predictions.labels.tolist(), strict=True))


def find_flags(runs: Sequence[Run]) -> list[str]:
    """For each run, why its scores can't be compared with the others; empty if they can.

    All are compared with the first run that isn't leaky, or else with the first.
    """
    first = next((run for run in runs if not run.leaky), runs[0])
    flags = []
    for run in runs:
        if run.leaky:
            flags.append("leaky")
        elif run.dataset != first.dataset or run.labels != first.labels:
            flags.append("other dataset")
        else:
            flags.append("" if same_test(run, first) else "other test clips")
    return flags


def paired_differences(runs: Sequence[Run]) -> list[tuple[Run, Run, Interval]]:
    """How much better the best of the runs with the same test clips is than each other one of them.

    The best ones among runs with different test clips, of other datasets or classes perhaps, are compared on the clips
    that both have in test, unless one of them is leaky. Only runs that kept their predictions are compared.

    Returns:
        the better run, another one, and the difference of their accuracies, never negative.
    """
    waiting = sorted((run for run in runs if run.predictions), key=lambda run: -run.test.top1.value)
    found, leaders = [], []
    while waiting:
        best, *others = waiting
        leaders.append(best)
        same = [run for run in others if same_test(best, run)]
        found += [(best, run, _difference(common)) for run in same if (common := common_clips(best, run))]
        waiting = [run for run in others if run not in same]
    for a, b in combinations((run for run in leaders if not run.leaky), 2):
        if common := common_clips(a, b):
            difference = _difference(common)
            if difference.value < 0:
                a, b, difference = b, a, Interval(-difference.value, -difference.high, -difference.low)
            found.append((a, b, difference))
    return found


def common_clips(a: Run, b: Run) -> Common | None:
    """The test clips that two runs have in common; None if there are none, or one has kept no predictions."""
    if not (a.predictions and b.predictions):
        return None
    return in_common(a.predictions, a.labels, b.predictions, b.labels)


def _difference(common: Common) -> Interval:
    return paired_difference(common.first, common.second)
