"""A confusion matrix as a table."""

import math
from collections.abc import Sequence

from pipelines.reports.parts import scrolled, text

MAX_MATRIX = 60
"""Most classes in a confusion matrix; more would be unreadable."""
_SHADES = 10


def heat_table(caption: str, labels: Sequence[str], confusion: Sequence[Sequence[float]]) -> str:
    """A confusion matrix with the truth in rows: the darker a cell, the greater its share of the row.

    If there are more than `MAX_MATRIX` classes, it shows those with the most errors. Where the names of the columns
    would be too close to each other, the columns have numbers, which are beside the names of the rows.

    Args:
        caption: what the counts are.
        labels: class names, by class id.
        confusion: counts, or whatever adds up, [truth][predicted].
    """
    shown = list(range(len(labels)))
    if len(shown) > MAX_MATRIX:
        wrong = [sum(row) + sum(r[i] for r in confusion) - 2 * row[i] for i, row in enumerate(confusion)]
        shown = sorted(sorted(shown, key=lambda i: -wrong[i])[:MAX_MATRIX])
        caption += f"; the {MAX_MATRIX} of {len(labels):,} classes with the most errors"
    size = next(name for name, most in (("small", 12), ("medium", 30), ("large", MAX_MATRIX)) if len(shown) <= most)
    numbered = size == "large"
    heads, rows = [], []
    for number, truth in enumerate(shown, 1):
        total, name = sum(confusion[truth]), text(labels[truth])
        cells = "".join(_heat_cell(labels, truth, column, confusion[truth][column], total) for column in shown)
        heads.append(f'<th scope="col" title="{name}"><span>{number if numbered else name}</span></th>')
        rows.append(f'<tr><th scope="row">{name}{f" <b>{number}</b>" if numbered else ""}</th>{cells}</tr>')
    corner = f'<td class="corner">truth \u2193 predicted \u2192{" by number" if numbered else ""}</td>'
    return scrolled(f"heat {size}", caption, corner + "".join(heads), rows)


def _heat_cell(labels: Sequence[str], truth: int, predicted: int, count: float, total: float) -> str:
    kind = "hit" if truth == predicted else "miss"
    if not count:
        return f'<td class="{kind}"></td>'
    shade = math.ceil(_SHADES * count / total)
    says = f"{labels[truth]} \u2192 {labels[predicted]}: {count:,} of {total:,} ({count / total:.1%})"
    return f'<td class="{kind} h{shade}" title="{text(says)}">{count}</td>'
