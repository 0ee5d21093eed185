"""Segments one by one, with menus to sort and filter them; the least certain ones with film strips."""

from collections.abc import Sequence

from pipelines.core.label_sets import UNKNOWN
from pipelines.labelling.familiarity import MARK, mark
from pipelines.labelling.pages.links import Places, can_play, group_of
from pipelines.labelling.pages.timelines import time_range
from pipelines.labelling.types import Example, ListedSegment
from pipelines.reports.choices import Item, choices
from pipelines.reports.film import film, how_to_play
from pipelines.reports.parts import soft, text
from pipelines.reports.text import plural

_BANDS = ((0.5, "0 to 50%"), (0.8, "50 to 80%"), (0.95, "80 to 95%"))
_TOP_BAND = "95 to 100%"
_ORDERS = ("score, lowest first", "score, highest first", "label", "group", "video and time")
_FILTERS = ("Label", "Score", "Group", "Training")
_FAMILIAR = "like training"


def segment_list(segments: Sequence[ListedSegment], number: int, places: Places) -> tuple[str, str]:
    """A list of segments, and its style rules.

    Args:
        segments: those to show.
        number: how many there are in all.
        places: where the page and the videos are.
    """
    if not segments:
        return soft("Not recorded by the version that wrote these labels." if number else "No segments."), ""
    items = [Item(_row(segment, places), _keys(segment), _values(segment)) for segment in segments]
    content, rules = choices("segments-list", "segment", _ORDERS, _FILTERS, items, "segments panel", window="Segments")
    said = f"All {plural(number, 'segment')}." if number <= len(segments) else (
        f"{len(segments):,} of {plural(number, 'segment')}: of each label those with the lowest and highest scores. "
        "The files of labels have all."
    )  # fmt: skip
    return f"{soft(f'{said} {_how_links_work(segments, places)}')}{content}", rules


def _how_links_work(segments: Sequence[ListedSegment], places: Places) -> str:
    linked = [s for s in segments if places.address_at(s.uri, s.start_s, s.end_s)]
    says = "The group is that in the name of a video, as in _g07_, or else its folder. "
    if not linked:
        return says + "There are no links, as the videos or the page are in a store, where browsers can't play them."
    says += "A name leads to its video, at the time of the segment."
    if all(can_play(segment.uri) for segment in linked):
        return says
    return says + " Browsers don't play files such as .avi: they save them, or open them in a player."


def _keys(segment: ListedSegment) -> tuple[tuple[object, ...], ...]:
    s = segment
    place = (s.video, s.start_s)
    return (s.score, *place), (-s.score, *place), (s.label, *place), (group_of(s.video), *place), place


def _values(segment: ListedSegment) -> tuple[str, ...]:
    familiar = MARK if segment.is_unfamiliar else _FAMILIAR
    return segment.label, _band(segment.score), group_of(segment.video), familiar


def _band(score: float) -> str:
    return next((name for end, name in _BANDS if score < end), _TOP_BAND)


def _row(segment: ListedSegment, places: Places) -> str:
    s = segment
    part = s.uri, s.start_s, s.end_s
    return (
        f'{_label(s.label)}<span class="n">{s.score:.1%}</span><div class="where">{places.link(s.video, *part)} '
        f'<span class="soft"><span class="fact">{time_range(s.start_s, s.end_s)}</span> · '
        f'<span class="fact">group {text(group_of(s.video))}</span></span>{mark(s.is_unfamiliar)} '
        f"{places.player(*part)}</div>"
    )


def _label(label: str) -> str:
    return f'<span><span class="tag">{UNKNOWN}</span></span>' if label == UNKNOWN else f"<strong>{text(label)}</strong>"


def gallery(examples: Sequence[Example], places: Places, num_frames: int) -> tuple[str, str]:
    """Film strips of the segments with the lowest scores, and the style rules.

    Args:
        examples: the segments.
        places: where the page and the videos are.
        num_frames: of a clip.
    """
    if not examples:
        return soft("No film strips."), ""
    items = [
        Item(
            _figure(example, f"strip-{number}", places, num_frames),
            (number, (example.label, number), (group_of(example.video), number)),
            (example.label, group_of(example.video)),
        )
        for number, example in enumerate(examples)
    ]
    orders = ("score, lowest first", "label", "group")
    content, rules = choices("least-certain-list", "segment", orders, ("Label", "Group"), items, "strips panel")
    return f"{soft('Segments with the lowest scores.')}{how_to_play()}{content}", rules


def _figure(example: Example, name: str, places: Places, num_frames: int) -> str:
    when = time_range(example.start_s, example.end_s)
    part = example.uri, example.start_s, example.end_s
    others = [f"{label} {score:.1%}" for label, score in example.top if label != example.label]
    if example.label == UNKNOWN:
        label, others = f'<span class="tag">{UNKNOWN}</span>', others[:2]
        rest = f", best {', then '.join(others)}" if others else ""
    else:
        label = f"<strong>{text(example.label)}</strong> {example.score:.1%}"
        rest = f", then {others[0]}" if others else ""
    strip = film(example.strip, f"{example.video}, {when}, {example.label}", name, num_frames)
    return (
        f"<figure>{strip}<figcaption><b>{places.link(example.video, *part)}</b>{when} · {label}{text(rest)}"
        f"{mark(example.is_unfamiliar)}{places.player(*part)}</figcaption></figure>"
    )
