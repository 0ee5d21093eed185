"""Times as people write them: seconds, `MM:SS` or `HH:MM:SS.mmm`, all from a video's first frame."""

import math
import re
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

_PLAIN = re.compile(r"\d{1,9}(?:\.\d{1,3})?")
_SECONDS = re.compile(r"\d+(?:\.\d*)?(?:[eE][+-]?\d{1,3})?|\.\d+")
_CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d{2}(?:\.\d+)?)")
_MS = Decimal("0.001")
_LONGEST_S = 10**9
FORMS = "a time is seconds (12.5), MM:SS (1:05) or HH:MM:SS.mmm (0:01:05.250)"


def parse_time(text: str) -> float:
    """The seconds that a text means, rounded to the millisecond: 65.25 for `65.25`, `1:05.25` and `00:01:05.250`.

    Raises:
        ValueError: the text isn't a time; the message quotes it and gives the forms.
    """
    text = text.strip()
    if _PLAIN.fullmatch(text):  # there may be millions
        return float(text)
    if match := _CLOCK.fullmatch(text):
        hours, minutes, seconds = int(match[1] or 0), int(match[2]), Decimal(match[3])
        if seconds < 60 and (match[1] is None or minutes < 60):
            return _to_ms(hours * 3600 + minutes * 60 + seconds, text)
    elif _SECONDS.fullmatch(text):
        return _to_ms(Decimal(text), text)
    raise ValueError(f"{text!r} is not a time: {FORMS}{_hint(text)}")


def as_time(value: object) -> float:
    """The seconds that a value of a JSON or Parquet file means, a number or a text as in `parse_time`.

    Raises:
        ValueError: the value isn't a time.
    """
    if isinstance(value, str):
        return parse_time(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ValueError(f"{value!r} is not a time: {FORMS}")
    return _to_ms(Decimal(repr(value)), repr(value))


def time_text(time_s: float) -> str:
    """A time in seconds to the millisecond, without needless zeros: `12.5`."""
    return f"{time_s:.3f}".rstrip("0").rstrip(".")


def frame_time(frame: int, fps: float) -> float:
    """When a frame, counted from 0, is first shown, in seconds. Rounded down to the millisecond, so that a stretch that
    begins with a frame has it, and one that ends before it hasn't."""
    return float(int(Fraction(frame * 1000) / Fraction(repr(fps)))) / 1000


def frame_at(time_s: float, fps: float) -> int:
    """The number of the frame, counted from 0, that is first shown nearest to a time."""
    return round(time_s * fps)


def _to_ms(seconds: Decimal, text: str) -> float:
    if seconds > _LONGEST_S:
        raise ValueError(f"{text!r} is not a time within a video")
    return float(seconds.quantize(_MS, ROUND_HALF_UP))


def _hint(text: str) -> str:
    if re.fullmatch(r"[\d:]*\d,\d+", text):
        return "; the decimal separator is a point"
    if re.fullmatch(r"[\d.:]*\d\s*[a-zA-Z\u00b5\"']+", text):
        return "; no unit follows it"
    return "; seconds and minutes after a colon are below 60" if _CLOCK.fullmatch(text) else ""
