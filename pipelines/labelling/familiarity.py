"""What is said of videos that are unlike those that a model was trained on."""

from pipelines.core.familiarity import USUAL_SHARE
from pipelines.labelling.types import LabelReport
from pipelines.reports.text import plural

MARK = "unlike training"
"""The mark of a segment."""


def is_worth_a_warning(report: LabelReport) -> bool:
    """Whether clearly more videos are unfamiliar than the 5 % that are expected of familiar ones."""
    return report.unfamiliar > USUAL_SHARE * report.labelled


def share_sentence(report: LabelReport) -> str:
    """Which share of the labelled videos is unlike those that the model has seen; empty if none is."""
    if not report.unfamiliar:
        return ""
    share = report.unfamiliar / report.labelled
    percent = f"{100 * share:.0f}" if share >= 0.01 else "less than 1"
    text = f"{percent} % of these videos are unlike what the model has seen"
    return f"{text}: don't trust their labels" if is_worth_a_warning(report) else text


def note_on_page(report: LabelReport, reason: str) -> tuple[str, bool]:
    """The sentence at the top of the page, which may be empty, and whether it is loud.

    Args:
        report: the report on all shards.
        reason: why the model can't tell; empty if it can.
    """
    if reason:
        return f"Whether these videos are like those that the model has seen is not known: {reason}.", False
    sentence = share_sentence(report)
    if not sentence:
        return "", False
    return f"{sentence} ({plural(report.unfamiliar_segments, 'segment')}).", is_worth_a_warning(report)


def mark(is_unfamiliar: bool | None) -> str:
    """HTML behind the label of a segment."""
    return f' <span class="tag">{MARK}</span>' if is_unfamiliar else ""
