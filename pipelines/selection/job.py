"""From a folder of finished labels to a table of the segments to look at."""

import csv
import io
import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipelines import files
from pipelines.core.errors import UsageError
from pipelines.core.relative import relative_to
from pipelines.core.stored.sealed import load_json
from pipelines.files.output_folder import STATE
from pipelines.labelling import folder as label_folder
from pipelines.labelling.exports.reading import read_labels, read_summary
from pipelines.labelling.rows import encodable
from pipelines.labelling.types import UNKNOWN
from pipelines.reports.text import plural
from pipelines.selection.choice import REASONS, Chosen, choose
from pipelines.selection.segments import Segments, gather
from pipelines.selection.vectors import of_embeddings, of_scores

COLUMNS = ("path", "label", "start", "end", "score", "reason")


@dataclass(frozen=True, eq=False)
class Selection:
    """What was chosen from a folder of labels.

    Attributes:
        segments: all that could be chosen.
        chosen: those that are, by video and time.
        with_embeddings: whether the spread was measured on embeddings, or else on scores.
        cannot_tell: why the model can't tell what is unlike its training; empty if it can.
    """

    segments: Segments
    chosen: Sequence[Chosen]
    with_embeddings: bool
    cannot_tell: str

    @property
    def by_reason(self) -> dict[str, int]:
        """How many were chosen for each reason."""
        found = Counter(item.reason for item in self.chosen)
        return {reason: found[reason] for reason in REASONS}

    @property
    def videos(self) -> dict[int, str]:
        """The ids of their videos by position in `segments.videos`."""
        numbers = {int(self.segments.video[item.number]) for item in self.chosen}
        return {number: self.segments.videos[number] for number in sorted(numbers)}

    @property
    def labels(self) -> set[str]:
        """The predicted classes among them."""
        return {self.segments.labels[self.segments.label[item.number]] for item in self.chosen}


def select(labels: str, budget: int) -> Selection:
    """Chooses segments of finished labels.

    Args:
        labels: the output of `pipelines.label`.
        budget: how many to choose.

    Raises:
        UsageError: the labels aren't complete, or a file is damaged or missing.
        OSError: a file can't be read.
    """
    try:
        summary = load_json(read_summary(labels))
        apart_s = float(summary["settings"]["window_s"])
        names = [str(name) for name in summary["files"].get("embeddings", ())]
        cannot_tell = str((summary.get("unfamiliar") or {}).get("reason", ""))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(
            f"{files.join(labels, label_folder.SUMMARY)} is damaged ({error!r}); run the same har label command again"
        ) from error
    segments = gather(read_labels(labels))
    uris = [files.join(labels, label_folder.EMBEDDINGS, posixpath.basename(name)) for name in names]

    def vectors(wanted: np.ndarray) -> np.ndarray:
        return of_embeddings(segments, wanted, uris) if uris else of_scores(segments, wanted)

    return Selection(segments, choose(segments, vectors, budget, apart_s), bool(uris), cannot_tell)


def table(selection: Selection, paths: Mapping[str, str]) -> str:
    """The chosen segments as CSV with `COLUMNS`, which reads back as annotations.

    A label that is `UNKNOWN` is left empty.

    Args:
        selection: what was chosen.
        paths: the path of each of their videos, by id.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    segments = selection.segments
    for item in selection.chosen:
        number = item.number
        label = segments.labels[segments.label[number]]
        times = (round(float(value), 3) for value in (segments.start_s[number], segments.end_s[number]))
        path = paths[segments.videos[segments.video[number]]]
        score = round(float(segments.score[number]), 6)
        writer.writerow([encodable(path), "" if label == UNKNOWN else encodable(label), *times, score, item.reason])
    return text.getvalue()


def paths_from(output: str, labels: str, selection: Selection) -> tuple[dict[str, str], bool]:
    """The paths of the chosen videos by id, as they are written to a file, and whether they lead to the videos.

    Those of local videos are relative to the file. Only the state of a labelling run says where these are: without it,
    they are the paths in the labels, which are relative to the folder of videos.

    Args:
        output: the file.
        labels: the output of `pipelines.label`.
        selection: what was chosen.
    """
    paths = {name: selection.segments.uris[number] for number, name in selection.videos.items()}
    local = {name for name, uri in paths.items() if files.is_local(uri)}
    if not local:
        return paths, True
    here = posixpath.dirname(output)
    found = {name: uri for name, uri in _listed(labels) if name in local}
    paths |= {name: relative_to(uri, here) for name, uri in found.items()}
    return paths, found.keys() >= local


def _listed(labels: str) -> Iterator[tuple[str, str]]:
    """Ids of all videos, and where they were read from, as far as the state of the run is there."""
    layout = label_folder.read_layout(labels) if files.exists(files.join(labels, STATE)) else None
    for shard in range(layout.num_shards if layout else 0):
        for video in label_folder.read_listing(labels, shard):
            yield video.video_id, video.uri
            yield encodable(video.video_id), video.uri


def write_table(output: str, lines: str) -> None:
    """Writes a file of chosen segments atomically. The same one may be there already, and no other.

    Raises:
        UsageError: another file is there, which may hold what a person has corrected.
        OutputError: the file can't be written.
    """
    try:
        there = files.read_text(output)
    except OSError as error:
        raise UsageError(f"cannot read {output}: {files.reason(error)}. Choose another --output") from error
    if there is not None and there != lines:
        raise UsageError(f"{output} exists, with other content. Choose another --output, or remove it")
    if there is None:
        files.write_text(output, lines, posixpath.dirname(output))


def lines_about(selection: Selection) -> Iterable[str]:
    """What a person should know of a selection, in sentences."""
    segments = selection.segments
    if segments.num_failed:
        yield f"{plural(segments.num_failed, 'video')} failed: nothing is chosen from what has no labels"
    if segments.num_doubtful:
        yield f"{plural(segments.num_doubtful, 'video')} passed over, being damaged or having another remark"
    if selection.cannot_tell:
        yield f"what is unlike the training data is not known: {selection.cannot_tell}"
    if not selection.with_embeddings:
        yield (
            "these labels have no embeddings, so segments are alike if their scores are; har label --embeddings writes "
            "embeddings"
        )
