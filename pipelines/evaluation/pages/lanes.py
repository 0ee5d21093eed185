"""Truth over labels: what happens in a video and what its labels say, as two lanes with one axis of time."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from pipelines.evaluation.results import Bar, Timeline, VideoResult
from pipelines.labelling.pages.timelines import NUM_COLORS, clock, time_range
from pipelines.reports.charts import scale
from pipelines.reports.parts import Measure, key, svg, table, text
from pipelines.reports.text import plural

_UNITS, _HEIGHT = 10_000, 10
_MAX_TRACKS = 5
"""Most events side by side in a lane; further ones are drawn over the last."""
_OTHER = "other labels"


def choose_colors(timelines: Sequence[Timeline]) -> dict[str, str]:
    """Label to the class of its colour, the same in all timelines: those of the longest time get their own."""
    seconds: dict[str, float] = defaultdict(float)
    for timeline in timelines:
        for bar in (*timeline.truth, *timeline.found):
            seconds[bar.label] += bar.end_s - bar.start_s
    ordered = sorted(seconds, key=lambda label: (-seconds[label], label))
    return {label: f"c{number}" for number, label in enumerate(ordered[:NUM_COLORS])}


def lanes(timeline: Timeline, video: VideoResult, colors: Mapping[str, str]) -> str:
    """A card with the two lanes of a video, a legend, and the same as a table, which is closed at first."""
    facts = f"Group {video.group}. " if video.group else ""
    facts += f"F1 at half overlap {video.f1:.1%}: {video.right:,} of {plural(video.truth, 'event')} found"
    facts += f", {plural(video.found, 'detection')}. Right in {_share(video)} of {clock(video.length_s)}"
    bars = (*timeline.truth, *timeline.found)
    # If only some events are shown, the lanes end with the last of them: the rest would look empty.
    is_cut = len(timeline.truth) < video.truth or len(timeline.found) < video.found
    end_s = max([bar.end_s for bar in bars], default=0.0) if is_cut else timeline.length_s
    end_s = end_s or timeline.length_s or 1.0
    drawn = [
        f"<span>{name}</span>{_lane(side, colors, end_s, lost, f'{name} of {timeline.video}: {facts}', kind)}"
        for name, side, lost, kind in (
            ("truth", timeline.truth, (), "missed"),
            ("labels", timeline.found, timeline.lost, "wrong"),
        )
    ]
    known = {label: kind for label, kind in colors.items() if any(bar.label == label for bar in bars)}
    known |= {_OTHER: "other"} if any(bar.label not in colors for bar in bars) else {}
    keys = "".join(key(kind, label) for label, kind in known.items())
    keys += key("wrong", "without counterpart") + (key("lost", "failed") if timeline.lost else "")
    more = f'<p class="more">The first ones are shown here, up to {clock(end_s)}.</p>' if is_cut else ""
    rows = [(time_range(bar.start_s, bar.end_s), *_cells(bar, n < len(timeline.truth))) for n, bar in enumerate(bars)]
    listed = table(f"Events of {timeline.video}", ("Time", "Side", "Label", "Score", "Fits"), rows)
    return (
        f'<article class="panel timeline"><h3>{text(timeline.video)}</h3><p class="soft">{text(facts)}</p>'
        f'<div class="lanes">{"".join(drawn)}{scale([clock(0), clock(end_s / 2), clock(end_s)])}</div>'
        f'<p class="legend">{keys}</p>{more}<details><summary>As a table</summary>{listed}</details></article>'
    )


def _share(video: VideoResult) -> str:
    return f"{video.right_s / video.length_s:.1%}" if video.length_s else "none"


def _cells(bar: Bar, is_true: bool) -> tuple[str, str, Measure, str]:
    score = "" if is_true else f"{bar.score:.1%}"
    return ("truth" if is_true else "labels"), bar.label, Measure(score), "yes" if bar.right else "no"


def tracks(bars: Sequence[Bar]) -> list[int]:
    """For each bar, sorted by start, the first track in which nothing is drawn at that time."""
    ends: list[float] = []
    found = []
    for bar in bars:
        free = next((n for n, end_s in enumerate(ends) if end_s <= bar.start_s), len(ends))
        free = min(free, _MAX_TRACKS - 1)
        ends[free:] = [bar.end_s] if free >= len(ends) else [max(ends[free], bar.end_s), *ends[free + 1 :]]
        found.append(free)
    return found


def _lane(
    bars: Sequence[Bar],
    colors: Mapping[str, str],
    end_s: float,
    lost: Sequence[Sequence[float]],
    says: str,
    kind: str,
) -> str:
    placed = tracks(bars)
    height = _HEIGHT / (max(placed, default=0) + 1)
    units = _UNITS / end_s
    parts = [
        f'<rect class="lost" x="{start * units:.0f}" y="0" width="{max((end - start) * units, 1):.0f}" '
        f'height="{_HEIGHT}"><title>{text(f"failed, {time_range(start, end)}")}</title></rect>'
        for start, end in lost
    ]
    for bar, track in zip(bars, placed, strict=True):
        named = f"{bar.label}, {time_range(bar.start_s, bar.end_s)}"
        if kind == "wrong":
            named += f", {bar.score:.1%}"
        parts.append(
            f'<rect class="{colors.get(bar.label, "other")}{"" if bar.right else f" {kind}"}" '
            f'x="{bar.start_s * units:.0f}" y="{track * height:.2f}" '
            f'width="{max((bar.end_s - bar.start_s) * units, 1):.0f}" height="{height:.2f}">'
            f"<title>{text(named if bar.right else f'{named}: without counterpart')}</title></rect>"
        )
    return svg(_UNITS, _HEIGHT, "".join(parts), says, stretched=True, kind="lane")
