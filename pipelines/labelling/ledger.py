"""The ledger's entries: what is known of a video, or of a range of a long one, once all its windows are through.

An entry holds the probabilities of every window, not the labels: another threshold or smoothing needs no new scoring.
"""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self, TypeVar

import numpy as np

from pipelines.core.failure import Failure
from pipelines.core.stored.sealed import load_json
from pipelines.labelling.account import MAX_UNCERTAIN
from pipelines.video.windows import Window

_PLAIN = ("video", "version", "key", "part", "parts", "num_windows", "duration_s", "damaged", "remark")
MAX_STRIPS = MAX_UNCERTAIN
"""Film strips that a file of the ledger keeps, of its least certain windows."""


@dataclass(frozen=True)
class Entry:
    """A video, or a range of its windows.

    Attributes:
        video: its id.
        version: of the file that was read.
        key: of the model and the settings that decide about the scores.
        part: the windows `first:end` which these are, and `parts`, all such ranges of the video; empty for a video
            that was not cut.
        parts: see `part`.
        num_windows: of the part, those that failed included.
        duration_s: of the whole video.
        damaged: whether some of it could not be decoded.
        windows: those that were scored, by index.
        probabilities: float32 [len(windows), C].
        failures: of the video or of its windows.
        strips: film strips, JPEG in base64, by index of the window.
        remark: what a person should know of the video.
    """

    video: str
    version: str
    key: str
    part: str
    parts: tuple[str, ...]
    num_windows: int
    duration_s: float
    damaged: bool
    windows: tuple[Window, ...]
    probabilities: np.ndarray
    failures: tuple[Failure, ...]
    strips: Mapping[int, str] = field(default_factory=dict)
    remark: str = ""

    @property
    def transient(self) -> bool:
        """Whether it is worth trying again."""
        return any(failure.transient for failure in self.failures)

    def with_strips(self, strips: Mapping[int, str]) -> "Entry":
        """The same with these film strips."""
        return replace(self, strips=strips)

    def to_json(self) -> str:
        """One line; `from_json` reads it."""
        value = {name: getattr(self, name) for name in _PLAIN}
        value["windows"] = [[w.index, w.start_s, w.end_s] for w in self.windows]
        value["probabilities"] = base64.b64encode(self.probabilities.astype("<f4").tobytes()).decode()
        value["failures"] = [failure.to_json() for failure in self.failures]
        value["strips"] = self.strips
        return json.dumps(value)

    @classmethod
    def from_json(cls, line: str) -> Self:
        """Reads what `to_json` wrote.

        Raises:
            ValueError, TypeError, KeyError: the line is something else or cut off.
        """
        value: dict[str, Any] = dict(load_json(line))
        windows = tuple(Window(*item) for item in value.pop("windows"))
        flat = np.frombuffer(base64.b64decode(value.pop("probabilities")), "<f4")
        return cls(
            windows=windows,
            probabilities=flat.reshape(len(windows), -1) if windows else flat.reshape(0, 0),
            failures=tuple(map(Failure.from_json, value.pop("failures"))),
            parts=tuple(value.pop("parts")),
            strips={int(index): strip for index, strip in value.pop("strips").items()},
            **value,
        )


_FIELDS = {item.name for item in fields(Entry)}
_WINDOW_FIELDS = len(fields(Window))


@dataclass(frozen=True, slots=True)
class Outline:
    """What tells of an entry whether a video is done: all but the windows. Attributes as those of `Entry`."""

    video: str
    version: str
    key: str
    part: str
    parts: tuple[str, ...]
    num_windows: int
    transient: bool

    @classmethod
    def from_json(cls, line: str) -> Self:
        """Reads what `Entry.to_json` wrote, in half the time, and takes what `Entry.from_json` takes.

        Raises:
            ValueError, TypeError, KeyError: the line is something else or cut off.
        """
        value: dict[str, Any] = dict(load_json(line))
        if value.keys() != _FIELDS:
            raise KeyError(f"not the fields of an entry: {', '.join(sorted(value))}")
        windows, size = value["windows"], len(base64.b64decode(value["probabilities"]))
        if any(len(item) != _WINDOW_FIELDS for item in windows) or (size % (4 * len(windows)) if windows else size):
            raise ValueError("windows and probabilities don't fit")
        _ = [int(index) for index in value["strips"]]
        transient = any(Failure.from_json(item).transient for item in value["failures"])
        return cls(
            video=value["video"],
            version=value["version"],
            key=value["key"],
            part=value["part"],
            parts=tuple(value["parts"]),
            num_windows=value["num_windows"],
            transient=transient,
        )


_E = TypeVar("_E", Entry, Outline)


def choose(entries: Iterable[_E], key: str, versions: Mapping[str, str]) -> dict[str, list[_E]]:
    """Of all entries those that hold for the videos as they are, by video: each part once, in order.

    Where a part was done twice, by a worker that was thought lost or because it had failed, the one without transient
    failures is taken, and of two alike the same one whatever their order.

    Args:
        entries: in any order.
        key: of the present model and settings.
        versions: id to version of the videos that are listed now.
    """
    found: dict[str, dict[tuple[tuple[str, ...], str], _E]] = {}
    for entry in entries:
        if entry.key == key and versions.get(entry.video) == entry.version:
            parts = found.setdefault(entry.video, {})
            place = (entry.parts, entry.part)
            if place not in parts or _order(entry) < _order(parts[place]):
                parts[place] = entry
    return {video: _best_cut(parts) for video, parts in found.items()}


def _order(entry: Entry | Outline) -> tuple[bool, str]:
    return entry.transient, entry.to_json() if isinstance(entry, Entry) else ""  # outlines of a part are as good


def _best_cut(found: Mapping[tuple[tuple[str, ...], str], _E]) -> list[_E]:
    """The entries of one way to cut a video: a complete one if there is any, without transient failures if there is
    one, with most done. A video that failed as a whole may have been cut since."""
    if len(found) == 1:
        return list(found.values())
    cuts: dict[tuple[str, ...], list[_E]] = {}
    for (parts, _), entry in sorted(found.items()):
        cuts.setdefault(parts, []).append(entry)
    best = max(cuts.values(), key=_worth)
    return sorted(best, key=_first_window)


def _worth(entries: Sequence[Entry | Outline]) -> tuple[bool, bool, int, int]:
    is_sound = not any(entry.transient for entry in entries)
    return is_complete(entries), is_sound, sum(entry.num_windows for entry in entries), -len(entries[0].parts)


def _first_window(entry: Entry | Outline) -> int:
    return int(entry.part.partition(":")[0] or 0)


def is_complete(entries: Sequence[Entry | Outline]) -> bool:
    """Whether these entries, of one way to cut it, are all of a video."""
    return bool(entries) and {entry.part for entry in entries} >= set(entries[0].parts or ("",))
