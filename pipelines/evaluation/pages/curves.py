"""Curves of precision over recall, one panel for each of the most frequent classes."""

from collections.abc import Sequence

from pipelines.evaluation.results import ClassResult
from pipelines.reports.parts import soft, svg, text
from pipelines.reports.text import plural

MAX_CURVES = 12
_WIDTH, _HEIGHT = 380, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 20, 12, 34
_TICKS = (0, 0.25, 0.5, 0.75, 1)


def curves(classes: Sequence[ClassResult]) -> str:
    """A panel for each of the classes with the most true events."""
    chosen = sorted((c for c in classes if c.truth), key=lambda c: (-c.truth, c.label))
    if not chosen:
        return soft("No class has a true event.")
    intro = (
        "Detections of a class, best score first: how many of its events were found (recall), and how many of the "
        "detections were right (precision), at a temporal overlap of 0.5. A curve that ends early misses the events "
        "beyond its end, however low a score is accepted."
    )
    more = f" The {MAX_CURVES} most frequent classes of {len(chosen):,}." if len(chosen) > MAX_CURVES else ""
    return f'{soft(intro + more)}<div class="curves">{"".join(map(_panel, chosen[:MAX_CURVES]))}</div>'


def _panel(result: ClassResult) -> str:
    ap = f"average precision {result.ap_at_half.value:.1%}" if result.ap_at_half else ""
    facts = f"{ap}, {plural(result.truth, 'event')}, {plural(result.found, 'detection')}"
    left, right, bottom = _LEFT, _WIDTH - _RIGHT, _HEIGHT - _BOTTOM

    def at(recall: float, precision: float) -> str:
        return f"{left + (right - left) * recall:.1f},{bottom - (bottom - _TOP) * precision:.1f}"

    parts = []
    for share in _TICKS:
        x, y = left + (right - left) * share, bottom - (bottom - _TOP) * share
        parts += [
            f'<line class="grid" x1="{left}" x2="{right}" y1="{y:g}" y2="{y:g}"/>',
            f'<text class="right" x="{left - 7}" y="{y + 4:g}">{share:.0%}</text>',
            f'<text class="middle" x="{x:g}" y="{bottom + 17}">{share:.0%}</text>',
        ]
    parts.append(f'<text class="middle" x="{(left + right) / 2:g}" y="{_HEIGHT - 2}">recall</text>')
    if result.curve:
        points = " ".join(at(point[0], point[1]) for point in result.curve)
        end = at(*result.curve[-1][:2]).split(",")
        parts.append(f'<polyline class="c0" points="{points}"/>')
        parts.append(f'<circle class="c0" cx="{end[0]}" cy="{end[1]}" r="3"/>')
    drawing = svg(_WIDTH, _HEIGHT, "".join(parts), f"Precision over recall of {result.label}: {facts}")
    return f'<div class="panel chart"><h3>{text(result.label)}</h3>{soft(facts)}{drawing}</div>'
