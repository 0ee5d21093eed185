"""A list that a reader sorts and filters with menus. No script: style rules follow what is chosen.

The rules need `:has()`, which browsers have had since 2023. Older ones hide the menus and show the list as it is.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.reports.parts import text
from pipelines.reports.text import plural

MAX_VALUES = 1000
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
    kinds: list[list[str]] = [[f"{name}-{i}"] for i in range(len(items))]
    menus, rules = _sorting(name, orders, items) if len(orders) > 1 else ([], [])
    hidden = []
    for f, called in enumerate(filters):
        counts = Counter(item.values[f] for item in items if not item.is_heading)
        if len(counts) < 2:
            continue
        numbers = {value: f"{name}-f{f}v{v}" for v, (value, _) in enumerate(counts.most_common(MAX_VALUES))}
        for item, own in zip(items, kinds, strict=True):
            own += [numbers[item.values[f]]] if item.values[f] in numbers else []
        more = f", of the {MAX_VALUES:,} most frequent" if len(counts) > MAX_VALUES else ""
        options = [(f"{name}-f{f} {numbers[value]}", f"{value} ({counts[value]:,})") for value in sorted(numbers)]
        menus.append(_menu(called, [("", f"all{more}"), *options]))
        # A filter hides all items but those of the chosen value; an item meets the rule of its own value alone. With a
        # rule for each value that hides all others, thousands of items would take a browser minutes.
        rules.append(f"{_where(name, f'{name}-f{f}')} > .item{{--hide{f}:none}}")
        rules += [f"{_where(name, kind)} > .item.{kind}{{--hide{f}:initial}}" for kind in numbers.values()]
        hidden.append(f"var(--hide{f},")
    rules.append(f"#{name} > .items > .item{{display:{''.join(hidden)}var(--shown,block){')' * len(hidden)}}}")
    entries = "".join(
        f'<div class="item {"heading " * item.is_heading}{" ".join([*own, item.kind]).strip()}">{item.html}</div>'
        for item, own in zip(items, kinds, strict=True)
    )
    number = sum(not item.is_heading for item in items)
    form = f'<form class="choices">{"".join(menus)}<button type="reset">Reset</button></form>' if menus else ""
    end = f'<p class="soft">End of {plural(number, noun)}; fewer are shown where a filter is set.</p>' if menus else ""
    scrolls = f' role="region" tabindex="0" aria-label="{text(window)}"' if window else ""
    return f'<div id="{name}">{form}<div class="items {kind}"{scrolls}>{entries}</div>{end}</div>', "\n".join(rules)


def _where(name: str, kind: str) -> str:
    """The list where an option of this class is chosen. Only the form is searched for that, not the long list."""
    return f"#{name} > .choices:has(.{kind}:checked) + .items"


def _sorting(name: str, orders: Sequence[str], items: Sequence[Item]) -> tuple[list[str], list[str]]:
    """The menu of the orders, and its rules. The items are in the first order."""
    rules = []
    places: list[list[str]] = [[] for _ in items]
    for k in range(1, len(orders)):
        chosen = _where(name, f"{name}-o{k}")
        rules += [f"{chosen} > .item{{order:var(--o{k})}}", f"{chosen} > .heading{{display:none}}"]
        for place, i in enumerate(_ranked(items, k)):
            places[i].append(f"--o{k}:{place}")
    rules += [f".{name}-{i}{{{';'.join(own)}}}" for i, own in enumerate(places)]
    return [_menu("Sort by", [(f"{name}-o{k}", order) for k, order in enumerate(orders)])], rules


def _ranked(items: Sequence[Item], order: int) -> list[int]:
    """Positions of the items in an order."""
    return sorted(range(len(items)), key=lambda i: items[i].keys[order])


def _menu(called: str, options: Sequence[tuple[str, str]]) -> str:
    inside = "".join(f'<option class="{kind}">{text(said)}</option>' for kind, said in options)
    return f"<label>{text(called)} <select>{inside}</select></label>"
