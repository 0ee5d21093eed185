"""Colours of pages: text has a contrast of 4.5 with what is behind it, marks one of 3 (WCAG 2.2, 1.4.3 and 1.4.11)."""

import re
from collections.abc import Sequence
from itertools import product

import pytest

from pipelines.reports.page import asset

TEXT, MARKS = 4.5, 3.0
MODES = ("light", "dark")
SHEETS = ("style.css", "film.css", "labels.css", "training.css")
DARK = re.compile(r"@media \(prefers-color-scheme: dark\) \{\s*:root \{(.*?)\}", re.DOTALL)
LIGHT = re.compile(r"^:root \{(.*?)\}", re.DOTALL | re.MULTILINE)

Color = Sequence[float]
"""Red, green and blue from 0 to 255."""


def variables(mode: str) -> dict[str, str]:
    """The values of all variables in a mode; in the dark one, values of the light one hold if they aren't changed."""
    found: dict[str, str] = {}
    for pattern in (LIGHT, DARK)[: 1 + MODES.index(mode)]:
        for sheet in SHEETS:
            for block in pattern.findall(asset(sheet)):
                found.update(re.findall(r"--([\w-]+):\s*([^;]+);", block))
    return found


def color(value: str) -> Color:
    if not value.startswith("#"):
        return [float(part) for part in value.split()]
    digits = value[1:] if len(value) == 7 else "".join(2 * digit for digit in value[1:])
    return [int(digits[i : i + 2], 16) for i in (0, 2, 4)]


def luminance(value: Color) -> float:
    shares = [part / 255 for part in value]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: Color, b: Color) -> float:
    darker, lighter = sorted((luminance(a), luminance(b)))
    return (lighter + 0.05) / (darker + 0.05)


def test_the_measure() -> None:
    assert contrast(color("#000"), color("#fff")) == pytest.approx(21)
    assert contrast(color("#777777"), color("255 255 255")) == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("mode", MODES)
def test_text(mode: str) -> None:
    named = variables(mode)
    pairs = [
        *product(("text", "soft", "link"), ("page", "card", "well")),
        *((name, f"{name}-well") for name in ("warn", "good", "bad")),
        ("good", "card"),
    ]
    low = {pair: contrast(color(named[pair[0]]), color(named[pair[1]])) for pair in pairs}
    assert {pair: value for pair, value in low.items() if value < TEXT} == {}


@pytest.mark.parametrize("mode", MODES)
def test_marks(mode: str) -> None:
    named = variables(mode)
    marks = [name for name in named if re.fullmatch(r"[sc]\d+|other|unknown|edge|link", name)]
    assert len(marks) == 6 + 12 + 4
    low = {(m, b): contrast(color(named[m]), color(named[b])) for m, b in product(marks, ("page", "card", "well"))}
    assert {pair: value for pair, value in low.items() if value < MARKS} == {}


@pytest.mark.parametrize("mode", MODES)
def test_numbers_in_the_confusion_matrix(mode: str) -> None:
    named = variables(mode)
    deep = set(re.findall(r"h\d+", re.search(r"^(.*?)\{ color: var\(--deep\)", asset("training.css"), re.M)[1]))
    assert deep == {"h8", "h9", "h10"}
    low = {}
    for kind, step in product(("hit", "miss"), (f"h{i}" for i in range(1, 11))):
        share = float(named[step])
        behind = [share * a + (1 - share) * b for a, b in zip(color(named[kind]), color(named["card"]), strict=True)]
        low[kind, step] = contrast(color(named["deep" if step in deep else "text"]), behind)
    assert {cell: value for cell, value in low.items() if value < TEXT} == {}


def test_no_color_or_opacity_is_beside_the_variables() -> None:
    """Otherwise the tests above would say nothing about it."""
    for sheet in SHEETS:
        rules = " ".join(re.findall(r"\{([^{}]*)\}", LIGHT.sub("", DARK.sub("", asset(sheet)))))
        behind_videos = ["#000"] if sheet == "labels.css" else []
        assert re.findall(r"#[0-9a-fA-F]{3,6}\b", rules) == behind_videos, sheet
        assert re.findall(r"(?<!-)opacity: [^;]*", rules) == [], sheet
