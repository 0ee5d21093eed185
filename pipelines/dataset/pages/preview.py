"""The preview of a dataset: a page with film strips of every class, the counts, and what was left out and why.

The page is one file that loads nothing else, and is the same for the same dataset. Every name in it comes from outside
and is escaped with `text`.
"""

import heapq
import json
from collections import Counter
from collections.abc import Mapping, Sequence

from pipelines.dataset.info import DatasetInfo, Note, ShardReport
from pipelines.dataset.pages.clips import Counts, alike, clips
from pipelines.dataset.pages.durations import durations
from pipelines.dataset.pages.left_out import left_out
from pipelines.dataset.pages.strips import choose_strips, placed
from pipelines.dataset.summary import describe_clips, missing_classes
from pipelines.inputs.catalog import Catalog
from pipelines.reports.page import render_page
from pipelines.reports.parts import Measure, folded, notes, table, tile
from pipelines.reports.text import human_bytes, human_seconds, plural, some

MAX_ROWS = 200
"""Rows of a table of groups or of videos that were left out."""
MAX_CLASSES = 1000
_COUNTS = {
    "listed": "videos found",
    "written": "clips in the dataset",
    "failed": "could not be used",
    "filtered": "left out on purpose",
    "damaged": "of those written, only partly decoded",
    "ignored": "other files, not listed",
}
_HEADINGS = {
    "Clips": "Clips by class, group or duration",
    "Most alike": "Clips that look most alike",
    "Tables": "Clips by class and by group",
    "Left out": "Videos left out or damaged",
    "Settings": "How the dataset was made",
}


def render_preview(
    info: DatasetInfo,
    reports: Sequence[ShardReport],
    title: str,
    catalog: Catalog | None = None,
) -> str:
    """The page for a dataset.

    Args:
        info: its description.
        reports: the reports of its shards.
        title: its name.
        catalog: what was listed; the page shows what is in no shard.
    """
    splits = list(info.splits)
    groups = _Groups(reports)
    by_class = {
        label: Counter({name: split.num_examples_by_class.get(label, 0) for name, split in info.splits.items()})
        for label in info.labels
    }
    num_frames = info.clip_spec.num_frames
    shown = choose_strips(info.labels[:MAX_CLASSES], splits, reports, info.multi_label)
    sizes = {name: split.num_examples for name, split in info.splits.items()}
    content, rules = clips(shown, by_class, splits, num_frames, MAX_CLASSES, sum(sizes.values()))
    sections = {
        "Splits": _splits(info),
        "Durations": _durations(info, reports),
        "Clips": content,
        "Most alike": alike(shown, num_frames),
        "Tables": _matrix("class", "classes", by_class, splits, MAX_CLASSES, len(by_class), sizes)
        + _matrix("group", "groups", groups.first, splits, MAX_ROWS, groups.number, sizes),
        "Left out": left_out(info, reports, catalog or Catalog(())),
        "Settings": f'<div class="columns">{_settings(info)}</div>',
    }
    return render_page(
        title,
        _subtitle(info),
        f'<dl class="tiles">{_tiles(info.counts)}</dl>{_notes(info, groups)}',
        sections,
        "Made from dataset_info.json and the reports of the shards.",
        styles=(rules,),
        headings=_HEADINGS,
    )


class _Groups:
    """The groups. There may be as many as videos, so counts are only made for those that are shown.

    Attributes:
        number: number of groups.
        shared: names of the groups that are in more than one split, sorted.
        first: clips by group and split, for the groups that are shown: shared ones first, then by name.
    """

    def __init__(self, reports: Sequence[ShardReport]) -> None:
        split_of: dict[str, str] = {}
        shared = set()
        for split, video in placed(reports):
            if split_of.setdefault(video.group, split) != split:
                shared.add(video.group)
        self.number = len(split_of)
        self.shared = sorted(shared)
        names = heapq.nsmallest(MAX_ROWS, split_of, key=lambda name: (name not in shared, name))
        self.first: dict[str, Counter[str]] = {name: Counter() for name in names}
        for split, video in placed(reports):
            if video.group in self.first:
                self.first[video.group][split] += 1


def _subtitle(info: DatasetInfo) -> str:
    clips = sum(split.num_examples for split in info.splits.values())
    size = sum(shard.size_bytes for split in info.splits.values() for shard in split.shards)
    parts = (plural(clips, "clip"), plural(len(info.labels), "class", "classes"), human_bytes(size))
    return f"{', '.join(parts)}: {describe_clips(info)}"


def _tiles(counts: Mapping[str, int]) -> str:
    return "".join(tile(key.capitalize(), f"{counts.get(key, 0):,}", what) for key, what in _COUNTS.items())


def _notes(info: DatasetInfo, groups: _Groups) -> str:
    """What a person should know before using the dataset."""
    listed, written, failed, filtered = (info.counts.get(key, 0) for key in ("listed", "written", "failed", "filtered"))
    items = []
    if listed != written + failed + filtered:
        items.append(f"{listed:,} videos were listed, but {written + failed + filtered:,} are accounted for.")
    if failed:
        items.append(f"{plural(failed, 'video')} of {listed:,} ({failed / max(listed, 1):.1%}) failed.")
    items += [f"{name} has no clips." for name, split in info.splits.items() if not split.num_examples]
    for split, labels in missing_classes(info).items():
        items.append(f"{split} has no clip of {plural(len(labels), 'class', 'classes')}: {some(labels)}.")
    if groups.shared:
        items.append(f"{plural(len(groups.shared), 'group')} in more than one split: {some(groups.shared)}.")
    found = [Note.parse(line) for line in info.notes]
    loud = [_sentence(note) for note in found if note.is_warning]
    items += [_sentence(note) for note in found if not note.is_warning]
    return notes(items, "No video failed, every split has every class, and no group is in two splits.", loud)


def _sentence(note: Note) -> str:
    return f"{note.text[:1].upper()}{note.text[1:]}."


def _splits(info: DatasetInfo) -> str:
    sizes = {name: sum(shard.size_bytes for shard in split.shards) for name, split in info.splits.items()}
    rows = [
        (name, split.num_examples, len(split.groups), len(split.shards), Measure(human_bytes(sizes[name])))
        for name, split in info.splits.items()
    ]
    totals = [sum(column) for column in zip(*(row[1:4] for row in rows), strict=True)]
    return table(
        "Clips, groups and files", ("Split", "Clips", "Groups", "Shards", "Size"), rows,
        ("Total", *totals, Measure(human_bytes(sum(sizes.values())))),
    )  # fmt: skip


def _durations(info: DatasetInfo, reports: Sequence[ShardReport]) -> str:
    by_split: dict[str, list[float]] = {name: [] for name in info.splits}
    for split, video in placed(reports):
        by_split[split].append(video.duration_s)
    return durations(by_split, " · ".join(f"{key} {human_seconds(value)}" for key, value in info.durations_s.items()))


def _matrix(
    noun: str, nouns: str, counts: Counts, splits: Sequence[str], max_rows: int, num_rows: int, sizes: Mapping[str, int]
) -> str:
    """A table of clips by class or group and split: the first of `num_rows` rows, with the sizes of the splits."""
    rows = [(name, *(by[split] for split in splits), sum(by.values())) for name, by in counts.items()]
    last = [sizes[split] for split in splits]
    total = ("Total", *last, sum(last)) if rows else ("Total",)
    caption, headers = f"Clips by {noun} and split", (noun.capitalize(), *splits, "Total")
    return folded(plural(num_rows, noun, nouns), caption, headers, rows, max_rows, total, num_rows=num_rows)


def _settings(info: DatasetInfo) -> str:
    spec = info.clip_spec
    clip = {
        "Shape": f"uint8 {list(spec.shape)} RGB",
        "Sampling": spec.sampling,
        "Resize": spec.resize,
        "Interpolation": spec.interpolation,
        "Raw size": human_bytes(spec.num_bytes),
        "Encoding": " ".join(map(str, info.encoding.to_json().values())),
        "Compression": info.compression,
        "Fingerprint": spec.fingerprint(),
    }
    run = {key: value if isinstance(value, str) else json.dumps(value) for key, value in info.configuration.items()}
    tables = (("Clips", clip), ("Settings of the run", run), ("Package versions", info.versions))
    return "".join(
        table(name, (), [(key, str(value)) for key, value in values.items()]) for name, values in tables if values
    )
