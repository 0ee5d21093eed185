"""Long sequences of numbers as short JSON: the frame times and windows of a range, to be sent to a decoder.

Evenly spaced values take a hundred bytes, however many there are; ten minutes of jittery times at 60 frames per second
take about ten thousand.
"""

import base64
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pipelines.video.windows import PlannedWindow, Window

_US = 1_000_000


def pack(values: Sequence[int]) -> list[Any]:
    """Whole numbers of at most 64 bits as `[first, bytes per step, steps]`; `unpack` restores them."""
    if not values:
        return []
    steps = np.diff(np.asarray(values, np.int64))
    largest = max(abs(int(steps.min(initial=0))), abs(int(steps.max(initial=0))))
    size = next((size for size in (1, 2, 4) if largest < 1 << (8 * size - 1)), 8)
    data = zlib.compress(steps.astype(f"<i{size}").tobytes(), 9)
    return [int(values[0]), size, base64.b64encode(data).decode()]


def unpack(packed: Sequence[Any]) -> list[int]:
    """The inverse of `pack`."""
    if not packed:
        return []
    first, size, text = packed
    steps = np.frombuffer(zlib.decompress(base64.b64decode(text)), f"<i{size}")
    return [first, *(first + np.cumsum(steps, dtype=np.int64)).tolist()]


def _pack_seconds(values: Sequence[float]) -> dict[str, Any]:
    """Seconds, as microseconds where these are whole: windows begin and end at whole microseconds."""
    whole = [round(value * _US) for value in values]
    if [value / _US for value in whole] == list(values):
        return {"us": pack(whole)}
    return {"s": list(values)}


def _unpack_seconds(packed: Mapping[str, Any]) -> list[float]:
    return packed["s"] if "s" in packed else [value / _US for value in unpack(packed["us"])]


def windows_to_json(windows: Iterable[PlannedWindow]) -> dict[str, Any]:
    """Windows as a JSON object, to be read by `windows_from_json`."""
    planned = list(windows)
    return {
        "index": pack([item.window.index for item in planned]),
        "start_s": _pack_seconds([item.window.start_s for item in planned]),
        "end_s": _pack_seconds([item.window.end_s for item in planned]),
        "first": pack([item.first for item in planned]),
        "end": pack([item.end for item in planned]),
    }


def windows_from_json(value: Mapping[str, Any]) -> tuple[PlannedWindow, ...]:
    """The inverse of `windows_to_json`."""
    columns = (
        unpack(value["index"]), _unpack_seconds(value["start_s"]), _unpack_seconds(value["end_s"]),
        unpack(value["first"]), unpack(value["end"]),
    )  # fmt: skip
    rows = zip(*columns, strict=True)
    return tuple(PlannedWindow(Window(index, start_s, end_s), first, end) for index, start_s, end_s, first, end in rows)
