"""Two samples beside each other: histograms on one axis, and shares by category."""

from collections.abc import Callable, Mapping, Sequence

from pipelines.reports.charts import scale
from pipelines.reports.parts import Share, color_key, series_color, soft, svg, table, text
from pipelines.reports.text import plural

_BINS = 24
_MOST_ROWS = 20


def paired_histogram(
    what: str, noun: str, names: Sequence[str], values: Sequence[Sequence[float]], write: Callable[[float], str]
) -> str:
    """A panel with two histograms, bar beside bar: each shows shares of its own sample, so that sizes don't matter.

    Args:
        what: the quantity.
        noun: what each value stands for.
        names: names of the two samples.
        values: their values, finite; at least one in all.
        write: formats a value.
    """
    together = [value for sample in values for value in sample]
    low, high = min(together), max(together)
    width = (high - low) / _BINS or max(abs(low), 1.0) / _BINS
    counts = [[0] * _BINS for _ in values]
    for sample, bins in zip(values, counts, strict=True):
        for value in sample:
            bins[min(int((value - low) / width), _BINS - 1)] += 1
    shares = [[count / max(1, len(sample)) for count in bins] for sample, bins in zip(values, counts, strict=True)]
    peak = max(map(max, shares))
    step = 1000 / _BINS
    drawn = []
    for index in range(_BINS):
        here = [bins[index] for bins in shares]
        parts = [f'<rect class="band" x="{index * step:.1f}" y="0" width="{step:.1f}" height="100"/>']
        for number, share in enumerate(here):
            tall = 100 * share / peak
            left = index * step + 2 + number * (step - 4) / 2
            parts.append(
                f'<rect class="{series_color(number)}" x="{left:.1f}" y="{100 - tall:.2f}" '
                f'width="{(step - 4) / 2:.1f}" height="{tall:.2f}"/>'
            )
        found = ", ".join(f"{name} {share:.0%}" for name, share in zip(names, here, strict=True))
        says = f"{write(low + index * width)} to {write(low + (index + 1) * width)}: {found}"
        drawn.append(f"<g>{''.join(parts)}<title>{text(says)}</title></g>")
    plot = svg(1000, 100, "".join(drawn), f"Histograms of {what}, tallest bar {peak:.0%}", stretched=True)
    keys = "".join(
        color_key(number, f"{name}: {plural(len(sample), noun)}")
        for number, (name, sample) in enumerate(zip(names, values, strict=True))
    )
    ticks = [write(low + quarter / 4 * _BINS * width) for quarter in range(5)]
    return (
        f'<div class="panel"><p class="legend">{keys}<span class="soft">tallest bar: {peak:.0%}</span></p>'
        f'<div class="plot">{plot}{scale(ticks)}</div></div>'
    )


def paired_shares(caption: str, names: Sequence[str], shares: Sequence[Mapping[str, float]]) -> str:
    """A table of the shares of each category in two samples, those that differ most first.

    Args:
        caption: what the shares are of.
        names: names of the two samples.
        shares: category to its share, from 0 to 1, for each sample.
    """
    first, second = shares
    both = sorted({*first, *second}, key=lambda key: (-abs(first.get(key, 0.0) - second.get(key, 0.0)), key))
    rows = [(key, Share(first.get(key, 0.0)), Share(second.get(key, 0.0))) for key in both[:_MOST_ROWS]]
    rest = len(both) - len(rows)
    below = soft(f"{rest:,} more differ less than these.") if rest else ""
    return table(caption, ("", *names), rows) + below
