"""Rows of manifests: those that name a clip, and those that can't."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """A row of a manifest: a video or a part of one, with its label.

    Attributes:
        path: the video's file, as the manifest names it.
        label: name of its class, or of several, joined as `label_sets.join_labels` does.
        group: group of videos that share a source; empty if it isn't given.
        split: name of the split; empty if it isn't given.
        start_s: where a part begins, in seconds from the video's first frame; 0 for a whole video.
        end_s: where a part ends, exclusive; 0 for a whole video.
        place: where the row stands, such as `line 12`; empty in manifests of whole videos, where it isn't kept.
    """

    path: str
    label: str
    group: str
    split: str = ""
    start_s: float = 0.0
    end_s: float = 0.0
    place: str = ""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that can't become a clip.

    Attributes:
        path: the video's file, as the manifest names it.
        label: name of its class.
        kind: `RangeError` or `LabelError`.
        message: what is wrong, beginning with manifest and line.
    """

    path: str
    label: str
    kind: str
    message: str


@dataclass(frozen=True)
class FilteredRow:
    """A row that is left out on purpose, and why."""

    path: str
    label: str
    reason: str


@dataclass(frozen=True)
class Manifest:
    """The rows of a manifest.

    Attributes:
        rows: those that name a clip, by path; those of one video by time.
        unused: names of columns that are not used.
        num_repeated: number of rows that repeat another one.
        num_comments: number of lines that were taken for comments.
        bad: rows that can't become clips.
        filtered: rows that are left out on purpose.
    """

    rows: list[ManifestRow]
    unused: tuple[str, ...] = ()
    num_repeated: int = 0
    bad: tuple[BadRow, ...] = ()
    filtered: tuple[FilteredRow, ...] = ()
    num_comments: int = 0
