"""Timelines of labels: what a video shows when, as a bar and a table."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from pipelines.core.label_sets import UNKNOWN
from pipelines.labelling.familiarity import MARK
from pipelines.labelling.pages.links import NOWHERE, Places
from pipelines.labelling.types import LabelledVideo, Segment
from pipelines.reports.charts import scale
from pipelines.reports.parts import Link, Measure, key, svg, table, text
from pipelines.reports.text import plural

MAX_SEGMENTS = 300
"""Number of segments of a timeline that are drawn."""
NUM_COLORS = 12
"""Number of labels with a colour of their own; the others share one."""
_UNITS = 10_000
_OTHER = "other labels"


def clock(seconds: float) -> str:
    """A position in a video: `0:07.5`, `1:02:03.0`."""
    tenths = round(seconds * 10)
    hours, minutes, rest = tenths // 36_000, tenths // 600 % 60, tenths % 600 / 10
    return f"{hours}:{minutes:02}:{rest:04.1f}" if hours else f"{minutes}:{rest:04.1f}"


def time_range(start_s: float, end_s: float) -> str:
    """A time range of a video in words."""
    return f"{clock(start_s)} to {clock(end_s)}"


def choose_colors(videos: Sequence[LabelledVideo]) -> dict[str, str]:
    """Label to the class of its colour, the same in all timelines: the labels of the longest time get their own."""
    seconds: dict[str, float] = defaultdict(float)
    for video in videos:
        for segment in video.segments:
            seconds[segment.label] += segment.end_s - segment.start_s
    seconds.pop(UNKNOWN, None)
    ordered = sorted(seconds, key=lambda label: (-seconds[label], label))
    return {label: f"c{index}" for index, label in enumerate(ordered[:NUM_COLORS])} | {UNKNOWN: "unknown"}


def timeline(video: LabelledVideo, colors: Mapping[str, str], places: Places = NOWHERE) -> str:
    """A card with the segments of a video on a bar, a legend, and the same as a table, which is closed at first.

    Args:
        video: a video with segments.
        colors: the colours from `choose_colors`.
        places: where the page and the video are, for links.
    """
    segments = video.segments[:MAX_SEGMENTS]
    # If only some segments are drawn, the bar ends with the last of them: the rest would look empty.
    last_s = max(segment.end_s for segment in segments)
    end_s = last_s if len(segments) < len(video.segments) else max(video.duration_s, last_s)
    units = _UNITS / (end_s or 1)
    addresses = [places.address_at(video.uri, s.start_s, s.end_s) for s in segments]
    # The table has the same links, in which a keyboard goes from one to the next; here they would be hundreds of stops.
    bars = [
        _linked(
            f'<rect class="{colors.get(s.label, "other")}" x="{s.start_s * units:.0f}" '
            f'width="{max((s.end_s - s.start_s) * units, 1):.0f}" height="10"><title>{text(_says(s))}</title></rect>',
            address,
        )
        for s, address in zip(segments, addresses, strict=True)
    ]
    shown = {label: kind for label, kind in colors.items() if any(s.label == label for s in segments)}
    if any(s.label not in colors for s in segments):
        shown[_OTHER] = "other"
    keys = "".join(key(kind, label) for label, kind in shown.items())
    facts = f"{plural(len(video.segments), 'segment')} in {clock(video.duration_s)}"
    more = ""
    if len(segments) < len(video.segments):
        more = f'<p class="more">The first {len(segments):,} are shown here, up to {clock(end_s)}.</p>'
    rows = [
        (Link(time_range(s.start_s, s.end_s), address), marked(s), Measure(f"{s.score:.1%}"))
        for s, address in zip(segments, addresses, strict=True)
    ]
    content = table(f"Segments of {video.video}", ("Time", "Label", "Score"), rows)
    damaged = ' <span class="tag">damaged</span>' if video.damaged else ""
    return (
        f'<article class="panel timeline"><h3>{text(video.video)}</h3><p class="soft">{facts}{damaged}</p>'
        f"{_lanes(segments, bars, f'Timeline of {video.video}: {facts}')}"
        f"{scale([clock(0), clock(end_s / 2), clock(end_s)])}"
        f'<p class="legend">{keys}</p>{more}'
        f"<details><summary>As a table</summary>{content}</details></article>"
    )


def _lanes(segments: Sequence[Segment], bars: Sequence[str], says: str) -> str:
    """The bars of segments side by side; below each other as far as they overlap, each in the first lane with room."""
    ends: list[float] = []
    lanes: list[str] = []
    for segment, bar in zip(segments, bars, strict=True):
        free = next((lane for lane, end in enumerate(ends) if end <= segment.start_s), len(ends))
        if free == len(ends):
            ends.append(0.0)
            lanes.append("")
        ends[free] = segment.end_s
        lanes[free] += bar
    titles = [says, *(f"{says}, lane {number}" for number in range(2, len(lanes) + 1))]
    return "".join(
        svg(_UNITS, 10, lane, title, stretched=True, kind="lane") for lane, title in zip(lanes, titles, strict=True)
    )


def marked(segment: Segment) -> str:
    """The label of a segment, and whether it is unlike training."""
    return f"{segment.label} ({MARK})" if segment.is_unfamiliar else segment.label


def _linked(drawing: str, address: str) -> str:
    return f'<a href="{text(address)}" tabindex="-1">{drawing}</a>' if address else drawing


def _says(segment: Segment) -> str:
    far = f", {MARK}" if segment.is_unfamiliar else ""
    return f"{segment.label}, {time_range(segment.start_s, segment.end_s)}, {segment.score:.1%}{far}"
