"""The frame of all pages: head, policy, headings with links to them, footer.

A page is one file without scripts. Its policy lets the browser apply the page's own style sheets, show the pictures in
it and, where a page links to videos, play those beside it; nothing else, even if a name got through unescaped.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from string import Template

from pipelines.reports.parts import text

_COMMON = ("style.css", "film.css")
_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:;"


def render_page(
    title: str,
    subtitle: str,
    top: str,
    sections: Mapping[str, str],
    footer: str,
    *,
    styles: Sequence[str] = (),
    headings: Mapping[str, str] | None = None,
    plays_videos: bool = False,
) -> str:
    """A page: a top part, then sections with a heading and a link to each.

    Args:
        title: what the page is about, plain text.
        subtitle: a sentence below it, plain text.
        top: content before the first section, HTML.
        sections: name, as shown in the list of links, to content, which is HTML.
        footer: what the page was made from, plain text.
        styles: style rules, in addition to those that all pages have.
        headings: headings of sections whose heading is longer than the name.
        plays_videos: whether the page has players for videos on this machine or beside the page.
    """
    sheet = "\n".join((*map(asset, _COMMON), *styles))
    ids = {name: name.lower().replace(" ", "-") for name in sections}
    headings = {name: name for name in sections} | dict(headings or {})
    media = " media-src 'self' file:;" if plays_videos else ""
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    policy = f"{_POLICY}{media} style-src 'sha256-{digest}'"
    # Inserted text is not searched for placeholders again: a `$` in a name stays as it is.
    return Template(asset("frame.html")).substitute(
        policy=policy,
        title=text(title),
        style=sheet,
        subtitle=text(subtitle),
        nav="".join(f'<a href="#{anchor}">{text(name)}</a>' for name, anchor in ids.items()),
        top=top,
        sections="\n".join(
            f'<section aria-labelledby="{ids[name]}"><h2 id="{ids[name]}">{text(headings[name])}</h2>\n{content}'
            "</section>"
            for name, content in sections.items()
        ),
        footer=text(footer),
    )


def asset(name: str) -> str:
    """The text of a style sheet or template for pages."""
    return files("pipelines.reports").joinpath("assets", name).read_text("utf-8")
