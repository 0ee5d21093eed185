"""What the pages of the trainer have in common: the frame, tiles, and how figures are written for people."""

from collections.abc import Mapping
from importlib.resources import files
from string import Template

from pipelines.page_parts import allowed, page_style, text
from trainer.intervals import Interval


def render_page(title: str, subtitle: str, top: str, sections: Mapping[str, str], footer: str) -> str:
    """A page of the trainer: what stands on top, then sections with a heading and a link to each.

    `top` and the values of `sections` are HTML, all else is plain text.
    """
    page = files("trainer").joinpath("report_page.html").read_text("utf-8")
    common, own = page_style(), page.partition("</style>\n<style>")[2].partition("</style>")[0]
    ids = {name: name.lower().replace(" ", "-") for name in sections}
    return Template(page).substitute(
        policy=f"default-src 'none'; img-src data:; style-src {allowed(common)} {allowed(own)}",
        style=common,
        title=text(title),
        subtitle=text(subtitle),
        nav="".join(f'<a href="#{anchor}">{text(name)}</a>' for name, anchor in ids.items()),
        top=top,
        sections="\n".join(
            f'<section aria-labelledby="{ids[name]}"><h2 id="{ids[name]}">{text(name)}</h2>{content}</section>'
            for name, content in sections.items()
        ),
        footer=text(footer),
    )


def tile(name: str, value: str, small: str) -> str:
    """A figure with its name and a line below it, all plain text."""
    return f"<div><dt>{text(name)}</dt><dd>{text(value)}<small>{text(small)}</small></dd></div>"


def percent(share: float) -> str:
    """A share as percent with one digit."""
    return f"{share:.1%}"


def between(interval: Interval) -> str:
    """The limits of an interval, in percent."""
    return f"{100 * interval.low:.1f} to {percent(interval.high)}"


def score(interval: Interval) -> str:
    """A value with its interval, in percent."""
    return f"{percent(interval.value)} ({between(interval)})"


def short_count(number: int) -> str:
    """A count in few digits: `950`, `24.6 k`, `3.1 M`."""
    for unit, size in (("M", 1_000_000), ("k", 1000)):
        if number >= size:
            return f"{number / size:.{1 if number < 100 * size else 0}f} {unit}"
    return str(number)
