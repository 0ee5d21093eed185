"""Pages as a browser parses them, and names that would break them."""

import base64
from html.parser import HTMLParser

import numpy as np

from pipelines.video.images import film_strip

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=//evil.example/x.png onerror=alert(1)>',
    "' onmouseover='alert(1)' & \udcff\x1b[31m",
)


VOID = {"meta", "input", "img"}


class Page(HTMLParser):
    """Collects all elements with their attributes, the text inside each kind, and the tables as rows of cells."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.tables: dict[str, list[list[str]]] = {}
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open, f"left open: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs), f"an attribute of {tag} occurs twice"
        if tag not in VOID:
            self._open.append(tag)
        if tag == "table":
            self._rows: list[list[str]] = []
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("th", "td"):
            self._rows[-1].append("")
        self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag == "table":
            self.tables[self.texts["caption"][-1]] = self._rows

    def handle_data(self, data: str) -> None:
        for tag in set(self._open):
            self.texts[tag][-1] += data
        if self._open and self._open[-1] in ("th", "td", "a") and {"th", "td"} & set(self._open):
            self._rows[-1][-1] += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]


def strip(shade: int) -> str:
    return base64.b64encode(film_strip(np.full((20, 64, 64, 3), shade, np.uint8))).decode()
