"""Warnings about the classes and groups of an input before it is preprocessed."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

from pipelines.core.clip_ids import video_of
from pipelines.core.label_sets import SEPARATOR, UNKNOWN, split_labels
from pipelines.core.names import alike
from pipelines.core.wording import some
from pipelines.inputs.catalog import Catalog

_MISSING = re.compile(r"(?i:nan|nat|<na>|n/a|undefined)|NA|NULL|None|#(?:N/A|[A-Z/0]+[!?])")
"""What programs write for a missing value, or spreadsheets for a wrong one. Classes in which
nothing happens are often called `null` or `none`."""

_COPY = re.compile(
    r"^(?:copy of|kopie von|copie de|copia de|copia di) +|(?: +-)? +(?:copy|kopie|copie|copia)(?: +\d+| +\(\d+\))?$"
    r"| *\(\d+\)$",
    re.IGNORECASE,
)
"""What systems and browsers add to the name of a copy, or of what is downloaded again."""


def note_classes(catalog: Catalog) -> Catalog:
    """The catalogue with warnings about names of classes and groups that look alike or mean something else, and about a
    single class.

    Args:
        catalog: the videos that become a dataset.
    """
    counts = Counter(
        name for v in catalog.videos for name in (split_labels(v.label) if catalog.multi_label else [v.label])
    )
    notes = []
    if len(counts) == 1:
        (label,) = counts
        notes.append(f"WARNING: all videos are of one class ({label}): there is nothing to tell apart")
    if UNKNOWN in counts:
        notes.append(
            f"WARNING: a class is called {UNKNOWN}, which is what labels say where no class is certain enough: "
            "measures and exports of labels leave it out. Give it another name"
        )
    if missing := [label for label in sorted(counts) if _MISSING.fullmatch(label)]:
        notes.append(
            f"WARNING: programs write {some(missing)} where a value is missing, and here it is a class, with "
            f"{sum(counts[label] for label in missing):,} of the videos. Leave them out if they have no label"
        )
    if missing := [group for group in sorted({video.group for video in catalog.videos}) if _MISSING.fullmatch(group)]:
        notes.append(
            f"WARNING: programs write {some(missing)} where a value is missing, and here it is a group, whose videos "
            "all go into one split. Leave the group of a video empty if it isn't known"
        )
    if not catalog.multi_label and (joined := [label for label in sorted(counts) if SEPARATOR in label]):
        notes.append(
            f"WARNING: classes with a {SEPARATOR} in their names are one class each: {some(joined)}. With "
            "--multi-label, their clips have several labels; if that isn't meant, rename them"
        )
    looks = defaultdict(list)
    for label in sorted(counts):
        looks[_look(label)].append(label)
    if doubtful := [labels for labels in looks.values() if len(labels) > 1]:
        pairs = [
            " and ".join(f"{name} ({counts[label]:,})" for name, label in zip(_told_apart(labels), labels, strict=True))
            for labels in doubtful
        ]
        notes.append(
            f"WARNING: classes whose names look alike are kept apart: {some(pairs, between='; ')}. If they are meant "
            "to be one class, give all of their videos the same class name"
        )
    if pairs := _alike_groups(catalog):
        notes.append(
            f"WARNING: groups whose names differ only in case or in Unicode form are kept apart: {some(pairs)}. If "
            "they are meant to be one group, give it one name: its videos may go into different splits"
        )
    return replace(catalog, notes=(*catalog.notes, *notes)) if notes else catalog


def _alike_groups(catalog: Catalog) -> list[str]:
    """The names of such groups, each with those that are like it. A video that is a group of its own has none."""
    names: dict[str, list[str]] = defaultdict(list)
    for group in sorted({video.group for video in catalog.videos if video.group != video_of(video.video_id)}):
        names[alike(group)].append(group)
    return [" and ".join(_told_apart(groups)) for groups in names.values() if len(groups) > 1]


def _look(label: str) -> str:
    """A key that is equal for names that differ only in case, in spaces, `_` and `-`, in invisible signs, in Unicode
    normalisation, or in what systems add to the names of copies, and for those that are the same whole number: `01`
    and, as spreadsheets write it, `1.0`."""
    label = "".join(sign for sign in label if unicodedata.category(sign) != "Cf" and sign not in "\ufe0e\ufe0f")
    label = _COPY.sub("", label) or label
    look = re.sub(r"[\s_-]+", "", unicodedata.normalize("NFKC", label).casefold())
    number = re.fullmatch(r"0*(\d+)(?:[.,]0*)?", look)
    sign = "-" * bool(re.match(r"-\d", label))
    return sign + number[1] if number else look


def _told_apart(labels: Sequence[str]) -> list[str]:
    """The names in quotation marks; if they would look the same, with escapes for their non-ASCII characters."""
    same = len({unicodedata.normalize("NFC", label) for label in labels}) < len(labels)
    return list(map(ascii if same else repr, labels))
