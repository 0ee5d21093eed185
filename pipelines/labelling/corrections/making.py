"""Makes the next manifest from the files in which people corrected labels."""

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipelines import files
from pipelines.annotations.changes import Changes, by_video, compare
from pipelines.annotations.entries import Source
from pipelines.annotations.label_studio import is_reviewed, predicted
from pipelines.annotations.next_manifest import NextRows, manifest_lines, next_rows, with_splits
from pipelines.annotations.reading import KINDS, read_annotations, read_json, read_kind
from pipelines.annotations.types import Annotation
from pipelines.core.errors import UsageError
from pipelines.labelling.corrections import FORMS
from pipelines.labelling.corrections.known_groups import known_groups
from pipelines.labelling.corrections.places import Places, find_places


@dataclass(frozen=True)
class Corrections:
    """What the next manifest is made from; paths are normalised.

    Attributes:
        form: one of `FORMS`.
        sources: the files with corrections.
        output: the manifest to write.
        manifest: the old manifest; empty for none.
        dataset: the dataset whose groups keep their splits; empty for none.
        labels: the labels that people were shown; empty if not known.
        selection: the table of the segments of these that people were shown; empty if they were shown all.
        fps: frames per second, where files count frames and don't tell; 0 if not known.
    """

    form: str
    sources: tuple[str, ...]
    output: str
    manifest: str = ""
    dataset: str = ""
    labels: str = ""
    selection: str = ""
    fps: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """What was made.

    Attributes:
        num_videos: number of corrected videos.
        num_open: number of tasks that nobody looked at.
        compared_with: what the changes are counted against, in words; empty if there is nothing.
        changes: what people changed.
        num_segments: number of segments of the corrected videos.
        rows: the rows of the next manifest.
        new_split: the split of videos of which no split is known; empty if there are no splits.
        num_new: number of such videos.
    """

    num_videos: int
    num_open: int
    compared_with: str
    changes: Changes
    num_segments: int
    rows: NextRows
    new_split: str
    num_new: int


def make_manifest(given: Corrections) -> Outcome:
    """Writes the next manifest, atomically.

    Raises:
        UsageError: a file can't be used, nobody has looked at anything yet, or no labels are left.
        OutputError: the manifest can't be written.
    """
    places = find_places(given.output, given.manifest, given.labels)
    read = _read(given, places)
    corrected = by_video(read.corrected)
    if not corrected:
        names = ", ".join(given.sources)
        raise UsageError(f"nobody has annotated anything in {names} yet. Annotate, then export again")
    old = by_video(places.rows)
    seen = by_video(read.shown or _selected(given, places) or places.predictions(corrected.keys()))
    found = next_rows(old, seen, corrected)
    placed, new_split, num_new = _placed(found.rows, given.dataset)
    if not placed:
        raise UsageError("no labels are left in these videos, so there is nothing for a manifest")
    _write(given.output, "".join(manifest_lines([replace(row, video=places.shown(row.video)) for row in placed])))
    before, compared_with = (seen, "predictions") if seen else (old, "the old manifest" if old else "")
    num_segments = sum(bool(item.labels) for item in read.corrected)
    return Outcome(
        len(corrected), read.num_open, compared_with, compare(before, corrected), num_segments,
        replace(found, rows=tuple(placed)), new_split, num_new,
    )  # fmt: skip


@dataclass(frozen=True)
class _Read:
    corrected: list[Annotation]
    shown: list[Annotation]
    num_open: int


def _read(given: Corrections, places: Places) -> _Read:
    """What people made of the videos, what they were shown if the files tell, and the number of tasks left to do."""
    read = _Read([], [], 0)
    for uri in given.sources:
        kind, found = read_kind(uri, fps=given.fps)
        if kind != given.form:
            hint = f". Give --from {kind}" if kind in FORMS else ""
            raise UsageError(f"{uri} is {KINDS[kind]}, not {KINDS[given.form]}{hint}")
        root = posixpath.dirname(uri) if kind == "csv" else ""
        read.corrected.extend(replace(item, video=places.full(item.video, root)) for item in found)
        if kind == "label-studio":
            tasks = read_json(uri)
            shown = predicted(tasks, Source(uri, fps=given.fps))
            read.shown.extend(replace(item, video=places.full(item.video)) for item in shown)
            read = replace(read, num_open=read.num_open + sum(not is_reviewed(task) for task in tasks))
    return read


def _selected(given: Corrections, places: Places) -> list[Annotation]:
    """The segments of a selection."""
    root = posixpath.dirname(given.selection)
    found = read_annotations(given.selection) if given.selection else ()
    return [replace(item, video=places.full(item.video, root)) for item in found]


def _placed(rows: Sequence[Annotation], dataset: str) -> tuple[Sequence[Annotation], str, int]:
    """The rows with groups and splits, the split of new videos, and the number of these."""
    if dataset:
        known = known_groups(dataset)
        grouped = [replace(row, group=row.group or known.group(row.video)) for row in rows]
        split_of = {row.group: known.split_of_group.get(row.group, "") for row in grouped}
        placed, num_new = with_splits(grouped, lambda row: split_of[row.group], known.new)
        return placed, known.new, num_new
    if any(row.split for row in rows):
        placed, num_new = with_splits(rows, lambda row: row.split)
        return placed, "train", num_new
    return rows, "", 0


def _write(output: str, text: str) -> None:
    folder, name = posixpath.split(output)
    temporary = files.join(folder, f".{name}.tmp")
    files.write_text(output, text, temporary)
    files.delete_folder(temporary)
