"""The confusion matrix of a run as a picture, for programs that show pictures beside curves."""

from collections.abc import Sequence

import cv2
import numpy as np

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_MARGIN_PX = 12
_MOST_PX = 2400
_LARGEST_PX, _SMALLEST_PX = 44, 4
_NAMED_FROM_PX, _COUNTED_FROM_PX = 12, 18
_RIGHT, _WRONG = np.array([33, 102, 172]), np.array([178, 24, 43])
_LONGEST_NAME = 30


def confusion_picture(confusion: Sequence[Sequence[int]], labels: Sequence[str]) -> np.ndarray:
    """A confusion matrix with names and counts: right answers in blue on the diagonal, errors in red.

    The stronger the colour, the greater the share of the row. Counts and names are left out where there are too many
    classes to read them. The font has ASCII alone: a class with other characters in its name is called by its number.

    Args:
        confusion: counts [C][C], rows by true class, columns by prediction.
        labels: the C names.

    Returns:
        uint8 [H, W, 3] RGB.
    """
    counts = np.asarray(confusion, np.int64)
    cell = max(_SMALLEST_PX, min(_LARGEST_PX, _MOST_PX // len(counts)))
    names = [_name(number, label) for number, label in enumerate(labels)]
    scale = min(0.45, cell / 30)
    shown = names if cell >= _NAMED_FROM_PX else []
    title_px = 28
    width = max((_text_px(name, scale) for name in shown), default=0) + _MARGIN_PX
    size = cell * len(counts)
    canvas = np.full((title_px + width + size + _MARGIN_PX, width + max(size, 260) + _MARGIN_PX, 3), 255, np.uint8)
    top, left = title_px + width, width
    canvas[top : top + size, left : left + size] = np.kron(_colours(counts), np.ones((cell, cell, 1))).round()
    _write(canvas, "rows: truth, columns: prediction", (left, 18), 0.42)
    for number, name in enumerate(shown):
        y = top + number * cell + cell // 2 + round(5 * scale / 0.45)
        _write(canvas, name, (left - _text_px(name, scale) - 6, y), scale)
    if shown:
        # Names of columns are written on a strip that lies on its side, and turned.
        strip = np.full((size, width, 3), 255, np.uint8)
        for number, name in enumerate(shown):
            _write(strip, name, (6, number * cell + cell // 2 + round(5 * scale / 0.45)), scale)
        canvas[title_px:top, left : left + size] = np.rot90(strip)
    if cell >= _COUNTED_FROM_PX:
        _write_counts(canvas, counts, (top, left), cell)
    return canvas


def confusion_png(confusion: Sequence[Sequence[int]], labels: Sequence[str]) -> bytes:
    """The same as a PNG file."""
    _, data = cv2.imencode(".png", confusion_picture(confusion, labels)[..., ::-1])
    return data.tobytes()


def _name(number: int, label: str) -> str:
    if not label.isascii() or not label.isprintable():
        return f"class {number + 1}"
    return label if len(label) <= _LONGEST_NAME else f"{label[: _LONGEST_NAME - 3]}..."


def _colours(counts: np.ndarray) -> np.ndarray:
    """A colour for each cell, float64 [C, C, 3]."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    full = np.where(np.eye(len(counts), dtype=bool)[..., None], _RIGHT, _WRONG)
    # A single error of many clips must still be seen.
    strength = np.where(counts > 0, 0.08 + 0.92 * shares, 0.0)[..., None]
    return 247 * (1 - strength) + full * strength


def _write_counts(canvas: np.ndarray, counts: np.ndarray, corner: tuple[int, int], cell: int) -> None:
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    for row, column in np.argwhere(counts > 0):
        text = str(counts[row, column])
        scale = min(0.45, 0.85 * 0.45 * cell / max(_text_px(text, 0.45), 1))
        x = corner[1] + column * cell + (cell - _text_px(text, scale)) // 2
        y = corner[0] + row * cell + cell // 2 + round(5 * scale / 0.45)
        _write(canvas, text, (int(x), int(y)), scale, 255 if shares[row, column] > 0.5 else 30)


def _write(canvas: np.ndarray, text: str, place: tuple[int, int], scale: float, grey: int = 30) -> None:
    cv2.putText(canvas, text, place, _FONT, scale, (grey, grey, grey), 1, cv2.LINE_AA)


def _text_px(text: str, scale: float) -> int:
    (width, _), _ = cv2.getTextSize(text, _FONT, scale, 1)
    return int(width)
