"""A list that a reader sorts and filters with menus. No script: style rules follow what is chosen.

The rules need `:has()`, which browsers have had since 2023. Older ones hide the menus and show the list as it is.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.reports.parts import text
from pipelines.reports.text import plural

MAX_VALUES = 500
"""Most values in a menu of a filter, the most frequent ones."""


@dataclass(frozen=True)
class Item:
    """An item of a list.

    Attributes:
        html: its content.
        keys: for each order of the list, what it is sorted by.
        values: for each filter its value, plain text.
        is_heading: whether it is a heading, which is only shown in the first order, and not counted.
        kind: further class names.
    """

    html: str
    keys: tuple[Any, ...]
    values: tuple[str, ...] = ()
    is_heading: bool = False
    kind: str = ""


def choices(
    name: str,
    noun: str,
    orders: Sequence[str],
    filters: Sequence[str],
    items: Sequence[Item],
    kind: str = "",
    window: str = "",
) -> tuple[str, str]:
    """A list with a menu for its order and one for each filter.

    Args:
        name: an id that no other element of the page has, of ASCII letters, digits and hyphens.
        noun: what an item is.
        orders: what the orders are called; the list begins in the first.
        filters: what the filters are called; one whose items all have the same value has no menu.
        items: the items; where keys are equal, they keep their sequence.
        kind: class names of the list.
        window: name of a window in which a long list scrolls; empty for none.

    Returns:
        the list, HTML; and its rules, which have to be in a style sheet of the page.
    """
    items = [items[i] for i in _ranked(items, 0)]
    ranks = [dict(zip(_ranked(items, k), range(len(items)), strict=True)) for k in range(len(orders))]
    rules = [f"#{name}:has(.{name}-o{k}:checked) .item{{order:var(--o{k})}}" for k in range(1, len(orders))]
    rules += [f"#{name}:has(.{name}-o{k}:checked) .heading{{display:none}}" for k in range(1, len(orders))]
    if len(orders) > 1:
        rules += [
            f".{name}-{i}{{{';'.join(f'--o{k}:{ranks[k][i]}' for k in range(1, len(orders)))}}}"
            for i in range(len(items))
        ]
    menus = [_menu("Sort by", [(f"{name}-o{k}", order) for k, order in enumerate(orders)])] if len(orders) > 1 else []
    kinds: list[list[str]] = [[f"{name}-{i}"] for i in range(len(items))]
    for f, called in enumerate(filters):
        counts = Counter(item.values[f] for item in items if not item.is_heading)
        if len(counts) < 2:
            continue
        numbers = {value: v for v, (value, _) in enumerate(counts.most_common(MAX_VALUES))}
        for item, own in zip(items, kinds, strict=True):
            if item.values[f] in numbers:
                own.append(f"{name}-f{f}v{numbers[item.values[f]]}")
        shown = [(f"{name}-f{f}v{numbers[value]}", f"{value} ({counts[value]:,})") for value in sorted(numbers)]
        more = f", of the {MAX_VALUES:,} most frequent" if len(counts) > MAX_VALUES else ""
        menus.append(_menu(called, [("", f"all{more}"), *shown]))
        rules += [f"#{name}:has(.{kind}:checked) .item:not(.{kind}){{display:none}}" for kind, _ in shown]
    entries = "".join(
        f'<div class="item {"heading " * item.is_heading}{" ".join([*own, item.kind]).strip()}">{item.html}</div>'
        for item, own in zip(items, kinds, strict=True)
    )
    number = sum(not item.is_heading for item in items)
    form = f'<form class="choices">{"".join(menus)}<button type="reset">Reset</button></form>' if menus else ""
    end = f'<p class="soft">End of {plural(number, noun)}; fewer are shown where a filter is set.</p>' if menus else ""
    scrolls = f' role="region" tabindex="0" aria-label="{text(window)}"' if window else ""
    return f'<div id="{name}">{form}<div class="items {kind}"{scrolls}>{entries}</div>{end}</div>', "\n".join(rules)


def _ranked(items: Sequence[Item], order: int) -> list[int]:
    """Positions of the items in an order."""
    return sorted(range(len(items)), key=lambda i: items[i].keys[order])


def _menu(called: str, options: Sequence[tuple[str, str]]) -> str:
    inside = "".join(f'<option class="{kind}">{text(said)}</option>' for kind, said in options)
    return f"<label>{text(called)} <select>{inside}</select></label>"
