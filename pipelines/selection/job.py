"""From a folder of finished labels to the segments to look at."""

import posixpath
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pipelines import files
from pipelines.core.errors import UsageError
from pipelines.core.label_sets import UNKNOWN
from pipelines.core.stored.sealed import load_json
from pipelines.labelling import folder as label_folder
from pipelines.labelling.exports.reading import read_labels, read_summary
from pipelines.labelling.types import Segment
from pipelines.reports.text import plural
from pipelines.selection.choice import REASONS, Chosen, choose
from pipelines.selection.known import Known
from pipelines.selection.segments import Segments, gather
from pipelines.selection.vectors import of_embeddings, of_scores


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
    def uris(self) -> dict[str, str]:
        """Where each video was read from, by its id."""
        return dict(zip(self.segments.videos, self.segments.uris, strict=True))

    def by_video(self) -> dict[str, list[tuple[Segment, str]]]:
        """The chosen segments with their reasons in order of time, by id of their video.

        A segment whose label is `UNKNOWN` has its best class as label, and its low score: a person has to choose one.
        """
        found: dict[str, list[tuple[Segment, str]]] = {}
        for item in self.chosen:
            name = self.segments.videos[self.segments.video[item.number]]
            found.setdefault(name, []).append((self._segment(item.number), item.reason))
        return found

    def _segment(self, number: int) -> Segment:
        all_ = self.segments
        codes = [code for code in all_.top[number].tolist() if code >= 0]
        names = [all_.labels[code] for code in codes]
        top = tuple(zip(names, all_.top_scores[number].tolist(), strict=False))
        label = all_.labels[all_.label[number]]
        if label == UNKNOWN and names:
            label = names[0]
        unfamiliar = float(all_.unfamiliar[number])
        told = None if np.isnan(unfamiliar) else unfamiliar
        times = float(all_.start_s[number]), float(all_.end_s[number])
        return Segment(*times, label, float(all_.score[number]), top, told)

    def remarks(self) -> Iterator[str]:
        """What a person should know about it, in sentences."""
        if number := self.segments.num_failed:
            yield f"{plural(number, 'video')} failed: nothing is chosen from what has no labels"
        if number := self.segments.num_doubtful:
            yield f"{plural(number, 'video')} passed over, being damaged or having another remark"
        if number := self.segments.num_known:
            yield f"{plural(number, 'segment')} passed over, being annotated already"
        if self.cannot_tell:
            yield f"what is unlike the training data is not known: {self.cannot_tell}"
        if not self.with_embeddings:
            yield (
                "these labels have no embeddings, so segments are alike if their scores are; har label --embeddings "
                "writes embeddings"
            )


def select(labels: str, budget: int, known: Known | None = None) -> Selection:
    """Chooses segments of finished labels.

    Args:
        labels: the output of `pipelines.label`.
        budget: how many to choose.
        known: what is annotated already, which isn't chosen.

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
    segments = gather(read_labels(labels), known.covers if known else None)
    uris = [files.join(labels, label_folder.EMBEDDINGS, posixpath.basename(name)) for name in names]

    def vectors(wanted: np.ndarray) -> np.ndarray:
        return of_embeddings(segments, wanted, uris) if uris else of_scores(segments, wanted)

    return Selection(segments, choose(segments, vectors, budget, apart_s), bool(uris), cannot_tell)
