"""The frame of all pages: head, policy, headings with links to them, footer.

A page is one file that loads nothing else: its policy lets the browser run the page's own script and apply its own
styles, and nothing else, even if a name got through unescaped.
"""

import base64
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from string import Template

from pipelines.reports.parts import text


def render_page(
    title: str,
    subtitle: str,
    top: str,
    sections: Mapping[str, str],
    footer: str,
    *,
    style: str = "",
    script: str = "",
    headings: Mapping[str, str] | None = None,
    style_attributes: bool = False,
) -> str:
    """A page: a top part, then sections with a heading and a link to each.

    Args:
        title: what the page is about, plain text.
        subtitle: a sentence below it, plain text.
        top: content before the first section, HTML.
        sections: name, as shown in the list of links, to content, which is HTML.
        footer: what the page was made from, plain text.
        style: style sheet of the page, in addition to the one that all pages have.
        script: script of the page, run at its end; empty for none.
        headings: headings of sections whose heading is longer than the name.
        style_attributes: whether elements have `style` attributes, which needs a weaker policy.
    """
    common = asset("style.css")
    ids = {name: name.lower().replace(" ", "-") for name in sections}
    headings = {name: name for name in sections} | dict(headings or {})
    styles = "'unsafe-inline'" if style_attributes else f"{_allowed(common)} {_allowed(style)}"
    policy = f"default-src 'none'; img-src data:; style-src {styles}"
    # Inserted text is not searched for placeholders again: a `$` in a name stays as it is.
    return Template(asset("frame.html")).substitute(
        policy=f"{policy}; script-src {_allowed(script)}" if script else policy,
        title=text(title),
        common=common,
        style=style,
        subtitle=text(subtitle),
        nav="".join(f'<a href="#{anchor}">{text(name)}</a>' for name, anchor in ids.items()),
        top=top,
        sections="\n".join(
            f'<section aria-labelledby="{ids[name]}"><h2 id="{ids[name]}">{text(headings[name])}</h2>\n{content}'
            "</section>"
            for name, content in sections.items()
        ),
        footer=text(footer),
        script=f"<script>{script}</script>\n" if script else "",
    )


def asset(name: str) -> str:
    """The text of a style sheet, script or template for pages."""
    return files("pipelines.reports").joinpath("assets", name).read_text("utf-8")


def _allowed(content: str) -> str:
    """The source expression that makes a content security policy allow just this script or style sheet."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
