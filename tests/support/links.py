"""Links and anchors of Markdown files."""

import re

_CODE = re.compile(r"^ *```.*?^ *```$|`[^`\n]+`", re.M | re.S)
_LINK = re.compile(r"\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)|<(?:img|a|source)\b[^>]*?\b(?:src|href|srcset)=\"([^\"]+)\"")


def links(text: str) -> list[str]:
    """Targets of all links and pictures that lead to files, in order; those to the web are left out."""
    found = [first or second for first, second in _LINK.findall(_CODE.sub("", text))]
    return [target for target in found if not re.match(r"[a-z]+:", target)]


def anchors(text: str) -> set[str]:
    """The anchors of all headings, as GitHub and MkDocs make them."""
    headings = re.findall(
        r"^#{1,6} +(.*?)(?: *\{#([\w-]+)\})? *$", re.sub(r"^ *```.*?^ *```$", "", text, flags=re.M | re.S), re.M
    )
    made: list[str] = []
    for heading, own in headings:
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        anchor = own or re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", plain).strip())
        again = made.count(anchor)
        made.append(anchor)
        if again:
            made.append(f"{anchor}-{again}")
    return {*made}
