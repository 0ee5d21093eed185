"""Lists with menus: what the style rules say about the order and about filters.

`tests/labelling/test_report.py` uses them in a browser.
"""

import re

import pytest

from pipelines.reports import choices as lists
from pipelines.reports.choices import Item, choices
from tests.support.pages import HOSTILE, Page

ITEMS = [
    Item("b", (2, -2), ("x", "left")),
    Item("a", (1, -1), ("y", "left")),
    Item("head", (0, 0), ("y", ""), is_heading=True),
    Item("c", (3, -3), ("x", "left")),
]


def rendered(*items: Item, filters: tuple[str, ...] = ("Class", "Side")) -> tuple[Page, str]:
    content, rules = choices("mine", "clip", ("first", "last"), filters, items)
    return Page(content), rules


def test_orders_and_filters() -> None:
    page, rules = rendered(*ITEMS)
    kinds = [(div["class"] or "").split() for div in page.all("div")[2:]]
    assert ["heading" in kind for kind in kinds] == [True, False, False, False]
    places = {name: int(place) for name, place in re.findall(r"\.(mine-\d+)\{--o1:(\d+)\}", rules)}
    assert [places[next(k for k in kind if k in places)] for kind in kinds] == [3, 2, 1, 0]
    last = "#mine > .choices:has(.mine-o1:checked) + .items"
    assert f"{last} > .item{{order:var(--o1)}}" in rules and f"{last} > .heading{{display:none}}" in rules
    # All items are on the left, so there is no menu for sides; headings aren't counted.
    assert page.texts["option"] == ["first", "last", "all", "x (2)", "y (1)"]
    option = {text: attrs["class"] for text, attrs in zip(page.texts["option"], page.all("option"), strict=True)}
    both, x = (option["x (2)"] or "").split()
    y = (option["y (1)"] or "").removeprefix(f"{both} ")
    assert f"#mine > .choices:has(.{both}:checked) + .items > .item{{--hide0:none}}" in rules
    assert f"#mine > .choices:has(.{x}:checked) + .items > .item.{x}{{--hide0:initial}}" in rules
    assert "#mine > .items > .item{display:var(--hide0,var(--shown,block))}" in rules
    assert [x in kind for kind in kinds] == [False, False, True, True]
    assert [y in kind for kind in kinds] == [True, True, False, False]
    assert page.texts["p"] == ["End of 3 clips; fewer are shown where a filter is set."]


def test_values_beyond_the_most_frequent_have_no_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "MAX_VALUES", 2)
    page, rules = rendered(*(Item("", (i, i), (f"v{i % 4}", "")) for i in range(10)))
    assert page.texts["option"][2:] == ["all, of the 2 most frequent", "v0 (3)", "v1 (3)"]
    assert rules.count(":checked") == 2 + 1 + 2


def test_hostile_values_are_in_no_rule() -> None:
    page, rules = rendered(*(Item("", (i, i), (name, name)) for i, name in enumerate(HOSTILE)))
    assert re.fullmatch(r"[\s#.:(){};,>+\w-]*", rules) and not page.all("script") + page.all("img")
    assert len(page.all("option")) == 2 + 2 * (1 + len(HOSTILE))


def test_no_items() -> None:
    page, rules = rendered()
    assert page.texts["option"] == ["first", "last"] and "mine-0" not in rules
