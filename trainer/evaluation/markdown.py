"""Finished runs as a Markdown table, to be pasted into a page: what was trained how, and its accuracy."""

import re
from collections.abc import Callable, Sequence

from pipelines.reports.text import plural, short_count, visible
from trainer.evaluation.finished_runs import Run

_NONE = "\u2013"
_SPECIAL = re.compile(r"[\\`*\[\]<>&|~$]|(?<![^\W_])_|_(?![^\W_])")
"""What Markdown doesn't take for text. An underscore within a word is one."""
_FINGERPRINT = 8
"""Characters of a dataset's fingerprint: enough to see that two tables are from the same one."""


def escaped(value: str) -> str:
    """A text as Markdown that shows it as it is, on one line and also in the cell of a table."""
    return _SPECIAL.sub(lambda match: f"\\{match[0]}", visible(value))


def _dataset(run: Run) -> str:
    name = f"{escaped(run.dataset_name)}, " if run.dataset_name else ""
    return f"{name}{plural(len(run.labels), 'class', 'classes')} ({escaped(str(run.dataset)[:_FINGERPRINT])})"


def describe_protocol(run: Run) -> str:
    """How the test clips were kept apart, in words: by groups or at random, and in how many folds."""
    if run.started_leaky:
        return "by groups, but started from a model that has learnt from groups of test"
    if run.leaky:
        cut = "at random" if run.protocol == "random" else "the dataset's own splits"
        return f"{cut}: groups are on both sides"
    if run.folds:
        every = run.folds == run.test.num_groups
        return f"by groups, leave one group out ({run.folds} folds)" if every else f"by groups, {run.folds} folds"
    return {"groups": "by groups", "random": "at random"}.get(run.protocol, f"by groups, {escaped(run.protocol)}")


def _tests(run: Run) -> str:
    return f"{plural(run.test.num_clips, *run.unit)}, {plural(run.test.num_groups, 'group')}"


def _epochs(run: Run) -> str:
    if run.epochs is None:
        return _NONE
    fewest, most = run.epochs
    return f"{most:,}" if fewest == most else f"{fewest:,} to {most:,}"


_COLUMNS: tuple[tuple[str, bool, Callable[[Run], str]], ...] = (
    ("Run", False, lambda run: escaped(run.name)),
    ("Network", False, lambda run: escaped(run.model)),
    ("Parameters", True, lambda run: short_count(run.parameters)),
    ("Epochs", True, _epochs),
    ("Dataset", False, _dataset),
    ("Protocol", False, describe_protocol),
    ("Test", True, _tests),
    ("Top-1 (95 % interval)", True, lambda run: str(run.test.top1)),
    ("Single frame", True, lambda run: f"{run.single_frame.value:.1%}" if run.single_frame else _NONE),
    ("Majority", True, lambda run: f"{run.majority.value:.1%}"),
)
_HEADER = f"| {' | '.join(name for name, *_ in _COLUMNS)} |"


def render_markdown(runs: Sequence[Run], sentences: Sequence[str]) -> str:
    """The table, a run a row, and what else is to be said about the runs as a list below it."""
    rule = f"|{'|'.join('---:' if is_right else '---' for _, is_right, _ in _COLUMNS)}|"
    rows = [f"| {' | '.join(write(run) for *_, write in _COLUMNS)} |" for run in runs]
    items = ["", *(f"- {escaped(sentence)}." for sentence in sentences)] if sentences else []
    return "\n".join([_HEADER, rule, *rows, *items, ""])


def is_comparison(text: str) -> bool:
    """Whether a text is what `render_markdown` gave, perhaps with other columns in another version."""
    return text.startswith(_HEADER[: _HEADER.index("Parameters")])
