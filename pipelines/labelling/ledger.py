"""The ledger's entries: the results for a video, or for a range of a long one, once all its windows are done.

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
"""Number of film strips that a file of the ledger keeps, of its least certain windows."""


@dataclass(frozen=True)
class Entry:
    """A video, or a range of its windows.

    Attributes:
        video: its id.
        version: version of the file that was read.
        key: key of the model and of the settings that determine the scores.
        part: the range of windows, as `first:end`; empty for a video that was not cut.
        parts: all ranges of the video; empty for a video that was not cut.
        num_windows: windows of the range, including those that failed.
        duration_s: duration of the whole video in seconds.
        damaged: whether some of it could not be decoded.
        windows: the windows that were scored, by index.
        probabilities: float32 [len(windows), C].
        failures: failures of the video or of its windows.
        strips: film strips, JPEG in base64, by index of the window.
        remark: what a person should know about the video.
        unfamiliar: float32 [len(windows)], how far each is from the clips of training, over the largest usual distance;
            None if the model can't tell.
        embeddings: float16 [len(windows), D], the features of each before the last layer; None unless asked for.
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
    unfamiliar: np.ndarray | None = None
    embeddings: np.ndarray | None = None

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
        value["probabilities"] = _dump(self.probabilities)
        if self.unfamiliar is not None:
            value[_UNFAMILIAR] = _dump(self.unfamiliar)
        if self.embeddings is not None:
            value[_EMBEDDINGS] = base64.b64encode(self.embeddings.astype("<f2").tobytes()).decode()
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
        flat = _load(value.pop("probabilities"))
        told = _load(value.pop(_UNFAMILIAR)) if _UNFAMILIAR in value else None
        if told is not None and len(told) != len(windows):
            raise ValueError("windows and distances don't fit")
        vectors = _load_half(value.pop(_EMBEDDINGS), len(windows)) if _EMBEDDINGS in value else None
        return cls(
            windows=windows,
            probabilities=flat.reshape(len(windows), -1) if windows else flat.reshape(0, 0),
            failures=tuple(map(Failure.from_json, value.pop("failures"))),
            parts=tuple(value.pop("parts")),
            strips={int(index): strip for index, strip in _object(value.pop("strips")).items()},
            unfamiliar=told,
            embeddings=vectors,
            **value,
        )


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is not an object")
    return value


def _dump(values: np.ndarray) -> str:
    return base64.b64encode(values.astype("<f4").tobytes()).decode()


def _load(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4")


def _load_half(text: str, num_windows: int) -> np.ndarray:
    values = np.frombuffer(base64.b64decode(text), "<f2").reshape(num_windows, -1)
    if not values.size:
        raise ValueError("embeddings without values")
    return values


_UNFAMILIAR, _EMBEDDINGS = "unfamiliar", "embeddings"
_OPTIONAL = {_UNFAMILIAR, _EMBEDDINGS}
_FIELDS = {item.name for item in fields(Entry)} - _OPTIONAL
_WINDOW_FIELDS = len(fields(Window))


@dataclass(frozen=True, slots=True)
class Outline:
    """The fields of an `Entry` that tell whether a video is done: all but the windows."""

    video: str
    version: str
    key: str
    part: str
    parts: tuple[str, ...]
    num_windows: int
    transient: bool

    @classmethod
    def from_json(cls, line: str) -> Self:
        """Reads what `Entry.to_json` wrote, twice as fast as `Entry.from_json`, and accepts the same lines.

        Raises:
            ValueError, TypeError, KeyError: the line is something else or cut off.
        """
        value: dict[str, Any] = dict(load_json(line))
        if value.keys() - _OPTIONAL != _FIELDS:
            raise KeyError(f"not the fields of an entry: {', '.join(sorted(value))}")
        windows, size = value["windows"], len(base64.b64decode(value["probabilities"]))
        if any(len(item) != _WINDOW_FIELDS for item in windows) or (size % (4 * len(windows)) if windows else size):
            raise ValueError("windows and probabilities don't fit")
        if _UNFAMILIAR in value and len(base64.b64decode(value[_UNFAMILIAR])) != 4 * len(windows):
            raise ValueError("windows and distances don't fit")
        if _EMBEDDINGS in value:
            _load_half(value[_EMBEDDINGS], len(windows))
        _ = [int(index) for index in _object(value["strips"])]
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
    """The entries that are valid for the videos as they are now, by video: each part once, in order.

    If a part was done twice, by a worker that was presumed lost or because it had failed, the entry without transient
    failures is taken; of two equally good ones, always the same, whatever their order.

    Args:
        entries: entries in any order.
        key: key of the present model and settings.
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
    return entry.transient, entry.to_json() if isinstance(entry, Entry) else ""  # any outline of a part will do


def _best_cut(found: Mapping[tuple[tuple[str, ...], str], _E]) -> list[_E]:
    """The entries of the best cut of a video: complete if possible, then without transient failures, then with most
    windows done. A video that failed as a whole may have been cut since."""
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
    """Whether these entries, all of the same cut, cover the whole video."""
    return bool(entries) and {entry.part for entry in entries} >= set(entries[0].parts or ("",))
