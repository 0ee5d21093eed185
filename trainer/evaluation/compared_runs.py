"""Finished runs, read and compared."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from pipelines.core.interval import Interval
from pipelines.reports.embed import framed
from trainer.evaluation.comparison import describe_difference, find_notes
from trainer.evaluation.comparison_page import render_comparison
from trainer.evaluation.finished_runs import Run, read_runs
from trainer.evaluation.matching.runs import find_flags, paired_differences


@dataclass(frozen=True, eq=False)
class Comparison:
    """Finished runs side by side. A notebook shows it as a page.

    Attributes:
        runs: the runs, with their scores.
        flags: for each run, why its scores can't be compared with the others; empty if they can.
        notes: what the flags mean, and what else a reader should know.
        differences: the better of two runs with test clips in common, the other one, and the difference of their
            accuracies on these.
    """

    runs: Sequence[Run]
    flags: Sequence[str]
    notes: Sequence[str]
    differences: Sequence[tuple[Run, Run, Interval]]

    @classmethod
    def of(cls, folders: Sequence[str]) -> Self:
        """Reads and compares the runs in some folders.

        Raises:
            UsageError: a run is missing, unfinished or damaged.
        """
        runs = read_runs(folders)
        flags = find_flags(runs)
        return cls(runs, flags, find_notes(runs, flags), paired_differences(runs))

    @property
    def sentences(self) -> list[str]:
        """The notes and the differences in words."""
        return [*self.notes, *(describe_difference(*difference) for difference in self.differences)]

    def page(self, file: str) -> str:
        """The comparison as a self-contained page.

        Args:
            file: where the page will be: an absolute path, for links to the runs.

        Raises:
            UsageError: the history of a run is damaged.
        """
        return render_comparison(self.runs, self.flags, self.notes, self.differences, file)

    def _repr_html_(self) -> str:
        return framed(self.page(os.path.abspath("comparison.html")))
