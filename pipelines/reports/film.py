"""Film strips that play: one picture with some frames side by side, shown as stills, as a moving frame, and larger.

The picture is in the page once, however often it is shown, and nothing needs a script.
"""

import base64
import binascii

from pipelines.core.spec import STRIP_FRAMES
from pipelines.reports.parts import soft, text

_HOW_TO_PLAY = (
    "Point at a strip, or go to it with Tab, and it plays, though not at the video's own speed. Click it, or press "
    "Enter, for larger frames."
)
_ROW = 4
"""Frames side by side where they are shown larger."""


def film(strip: str, shown: str, name: str, num_frames: int, *, again: bool = False) -> str:
    """A film strip. Its first frame plays on hover and focus; a click, or Enter, shows it and all frames larger.

    Args:
        strip: a JPEG file in base64, with the frames side by side.
        shown: what it shows, plain text.
        name: an id that no other element of the page has, of ASCII letters, digits and hyphens.
        num_frames: number of frames of the clip; the strip has all, but `STRIP_FRAMES` at most.
        again: show the strip that the page has under this name already, without its bytes.
    """
    size = _jpeg_size(strip)
    if size is None:
        return '<div class="missing">no film strip</div>'
    count = min(max(num_frames, 1), STRIP_FRAMES)
    width, height = size
    frame, copy = width / count, f'<use href="#{name}"/>'
    picture = f'<image id="{name}" href="data:image/jpeg;base64,{strip}" width="{width}" height="{height}"/>'
    still = _window(0, width, height, copy if again else picture, f"Film strip of {shown}")
    playing = _window(0, frame, height, copy, kind=f"play n{count}") if count > 1 else ""
    columns = min(count, _ROW)
    rows = [_window(start * frame, columns * frame, height, copy, kind="frames") for start in range(0, count, columns)]
    return (
        f'<details class="film"><summary>{still}{playing}</summary><div class="large">{playing}'
        f'<div class="rows">{"".join(rows)}</div></div></details>'
    )


def how_to_play() -> str:
    """A line that says what can be done with film strips."""
    return soft(_HOW_TO_PLAY)


def _window(x: float, width: float, height: float, content: str, label: str = "", kind: str = "stills") -> str:
    """A part of a strip as a drawing."""
    said = f'role="img" aria-label="{text(label)}"' if label else 'aria-hidden="true"'
    box = f'viewBox="{x:g} 0 {width:g} {height:g}" preserveAspectRatio="xMinYMid"'
    return f'<svg class="{kind}" {box} {said}>{content}</svg>'


def _jpeg_size(encoded: str) -> tuple[int, int] | None:
    """Width and height of a JPEG file in base64, from its frame header; None if it isn't one."""
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    position = 2
    while data[:2] == b"\xff\xd8" and position + 9 <= len(data) and data[position] == 0xFF:
        kind, length = data[position + 1], int.from_bytes(data[position + 2 : position + 4])
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            height, width = (int.from_bytes(data[position + i : position + i + 2]) for i in (5, 7))
            return (width, height) if width and height else None
        position += 2 + length
    return None
