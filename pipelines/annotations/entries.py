"""From the fields of an entry, whatever the form of its file, to an annotation, or an error with its place."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipelines.annotations.labels import split_labels
from pipelines.annotations.times import as_time
from pipelines.annotations.types import Annotation
from pipelines.annotations.video_pattern import VideoPattern
from pipelines.core.errors import UsageError
from pipelines.core.split_names import known_split


@dataclass(frozen=True)
class Source:
    """A file of annotations.

    Attributes:
        name: its path, for messages.
        pattern: where its videos lie; None if its entries say so.
        fps: frames per second of its videos, where a form counts frames and doesn't know; 0 if that isn't known.
    """

    name: str
    pattern: VideoPattern | None = None
    fps: float = 0.0

    def where(self, place: str) -> str:
        """The file and a place in it, as messages name them."""
        return f"{self.name}, {place}"

    def video(self, given: str, fields: Mapping[str, str | int | float], place: str) -> str:
        """The video of an entry: as the entry has it, or by the pattern.

        Raises:
            UsageError: the pattern doesn't fit the entry, or the entry names no video.
        """
        path = self.pattern.path(fields, self.where(place)) if self.pattern else given
        if not path.strip():
            raise UsageError(f"{self.where(place)}: no video. Each entry must name its video")
        return path

    def annotation(
        self,
        place: str,
        video: str,
        times: tuple[object, object] = (None, None),
        labels: str | Iterable[str] = "",
        group: str = "",
        split: str = "",
        score: object = None,
    ) -> Annotation:
        """An annotation of an entry.

        Args:
            place: where the entry stands.
            video: path or id of its video.
            times: start and end as the file has them; both None or empty for the whole video.
            labels: names of the classes, one text with `|` between them, or several.
            group: name of the group.
            split: name of the split, however it is written.
            score: a number from 0 to 1, as a number or as text; None or empty if there is none.

        Raises:
            UsageError: a time, a label, a split or the score is not one; the message names file, place and value.
        """
        try:
            start_s, end_s = _range(times)
            names = split_labels(labels) if isinstance(labels, str) else _unique(labels)
            value = _score(score)
        except ValueError as error:
            raise UsageError(f"{self.where(place)}: {error}") from error
        split = known_split(split, self.where(place)) if split else ""
        return Annotation(video, start_s, end_s, names, group, split, value, place)

    def frames_per_second(self, known: object, place: str) -> float:
        """The frame rate of a video.

        Args:
            known: what the file says; None if it says nothing.
            place: where the video stands.

        Raises:
            UsageError: the file has none, and none was given; or it isn't a number above 0.
        """
        if known in (None, ""):
            if not self.fps:
                raise UsageError(
                    f"{self.where(place)}: times are numbers of frames, and nothing tells how many frames a second "
                    "has. Give --fps"
                )
            return self.fps
        try:
            fps = float(str(known))
        except ValueError:
            fps = math.nan
        if not 0 < fps < math.inf:
            raise UsageError(f"{self.where(place)}: fps is {known!r}, not a number of frames per second")
        return fps


def _range(times: tuple[object, object]) -> tuple[float | None, float | None]:
    start, end = (None if time is None or time == "" else as_time(time) for time in times)
    if (start is None) != (end is None):
        raise ValueError(
            f"there is {'no start' if start is None else 'no end'}. Give both, or none for the whole video"
        )
    return start, end


def _unique(labels: Iterable[str]) -> tuple[str, ...]:
    found = [name for label in labels for name in split_labels(_text(label))]
    return tuple(dict.fromkeys(found))


def _text(label: object) -> str:
    if not isinstance(label, str):
        raise ValueError(f"{label!r} is not the name of a class")
    return label


def _score(score: object) -> float | None:
    if score is None or score == "":
        return None
    try:
        value = float(score)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        value = math.nan
    if not 0 <= value <= 1:
        raise ValueError(f"the score {score!r} is not a number from 0 to 1")
    return value
