"""What a person should know before believing the measures, in sentences."""

from collections.abc import Sequence

import numpy as np

from pipelines.core.wording import some
from pipelines.evaluation.gathering import Gathered
from pipelines.evaluation.measuring import Parts
from pipelines.reports.text import plural

MIN_GROUPS = 5
"""With fewer groups, an interval over them says little."""


def make_notes(gathered: Gathered, parts: Parts) -> tuple[list[str], list[str]]:
    """Notes that put the measures in doubt, and others."""
    loud: list[str] = []
    others: list[str] = []
    if not len(gathered.truth):
        loud.append("Nothing happens in the truth of these videos: there is nothing to find.")
    elif not {*gathered.truth.label.tolist()} & {*gathered.found.label.tolist()} and len(gathered.found):
        loud.append("Truth and labels have no label in common: are their names spelled alike?")
    if gathered.unmet:
        loud.append(f"Neither truth nor labels have the background {some(gathered.unmet)}: is it spelled alike?")
    if gathered.only_in_truth:
        loud.append(
            f"{plural(len(gathered.only_in_truth), 'video')} of the truth {_are(gathered.only_in_truth)} not in the "
            f"labels and count{_s(gathered.only_in_truth)} in no measure: {some(gathered.only_in_truth)}."
        )
    if failed := [video.video for video in gathered.videos if video.why_none]:
        loud.append(
            f"{plural(len(failed), 'video')} failed and {_have(failed)} no labels, so that everything in "
            f"{'it' if len(failed) == 1 else 'them'} counts as missed: {some(failed)}."
        )
    if lost := [video for video in gathered.videos if video.lost and not video.why_none]:
        seconds = sum(end - start for video in lost for start, end in video.lost)
        loud.append(
            f"{seconds:,.1f} s of {plural(len(lost), 'video')} failed and have no labels; what happens there counts as "
            f"missed: {some([video.video for video in lost])}."
        )
    if gathered.problems:
        look = "looks" if len(gathered.problems) == 1 else "look"
        loud.append(
            f"{plural(len(gathered.problems), 'event')} of the truth {look} wrong and {_are(gathered.problems)} listed "
            "under problems."
        )
    if (overlapping := parts.truth_overlaps | parts.found_overlaps).any():
        names = [gathered.videos[n].video for n in np.flatnonzero(overlapping)]
        others.append(
            "Edit score, F1 and accuracy are for videos where one thing happens at a time: they leave out "
            f"{plural(len(names), 'video')} ({parts.truth_overlaps.sum():,} with true events that overlap, "
            f"{parts.found_overlaps.sum():,} with labels that do): {some(names)}."
        )
    if gathered.only_in_labels:
        others.append(
            f"{plural(len(gathered.only_in_labels), 'video')} of the labels {_are(gathered.only_in_labels)} not in the "
            f"truth and count{_s(gathered.only_in_labels)} in no measure: {some(gathered.only_in_labels)}."
        )
    truth, found = (counts.sum(axis=0) for counts in (parts.truth, parts.found))
    if never := [label for n, label in enumerate(gathered.labels) if truth[n] and not found[n]]:
        others.append(f"{plural(len(never), 'class', 'classes')} never found: {some(never)}.")
    if strange := [label for n, label in enumerate(gathered.labels) if found[n] and not truth[n]]:
        others.append(
            f"The truth has no event of {plural(len(strange), 'class', 'classes')} in the labels: {some(strange)}. "
            "They have no average precision, and their detections are wrong. If they mean that nothing happens, give "
            "--background."
        )
    if len({video.model for video in gathered.videos if video.model}) > 1:
        others.append("The labels are of several models.")
    num_groups = int(gathered.groups.max()) + 1
    if num_groups < MIN_GROUPS:
        what = plural(num_groups, "group" if gathered.group_names else "video")
        others.append(f"There {'is' if num_groups == 1 else 'are'} only {what}: the intervals are rough.")
    elif not gathered.group_names:
        others.append("The truth gives no groups: the intervals take each video for independent of all others.")
    return loud, others


def _are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _have(names: Sequence[str]) -> str:
    return "has" if len(names) == 1 else "have"


def _s(names: Sequence[str]) -> str:
    return "s" if len(names) == 1 else ""
