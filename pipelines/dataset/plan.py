"""The plan of a run: which video goes into which shard, and what a shard is made from.

The layout (shards of each split, split of each group) is decided once for a dataset and kept with it, so that a later
run over more videos moves none of the old ones.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from heapq import nsmallest
from importlib.metadata import version
from typing import Any, Self

from pipelines.core.errors import UsageError
from pipelines.core.hashing import compact_json, fingerprint, stable_hash, text_fingerprint
from pipelines.core.label_sets import split_labels
from pipelines.core.stored.json_text import pretty_json
from pipelines.core.stored.lines import LineCodec, extend
from pipelines.core.stored.sealed import load_json
from pipelines.core.stored.typed_json import Count, build
from pipelines.dataset import sharding
from pipelines.dataset.config import PreprocessConfig
from pipelines.inputs.catalog import Catalog, VideoRecord
from pipelines.inputs.folders import in_usual_order
from pipelines.inputs.splits.assign import assign_by_fractions
from pipelines.process.gc_pause import no_collection
from pipelines.reports.text import plural

STRIPS_PER_CLASS = 4
"""Number of clips of each class with a film strip in the preview."""
_USUAL_CLIPS = 50
"""How many clips a video is taken to become where that isn't known before it is decoded."""


def _make_record(video_id: str, label: str, group: str, version: str, *rest: Any) -> VideoRecord:
    *part, uri = rest
    if len(part) == 1:
        return VideoRecord(video_id, uri, label, group, version, between=part[0])
    return VideoRecord(video_id, uri, label, group, version, "", *part)


_FIELDS = ("video_id", "label", "group", "version")
_RECORDS = LineCodec(_make_record, *_FIELDS)
_PARTS = LineCodec(_make_record, *_FIELDS, "start_s", "end_s", "remark")
_BACKGROUND = LineCodec(_make_record, *_FIELDS, "between")
"""Records of whole videos without a remark are as short as ever, which also keeps fingerprints of older datasets."""


@dataclass(frozen=True)
class Layout:
    """What a dataset keeps from its first run: settings, shards of each split, split of each group."""

    configuration: Mapping[str, Any]
    num_shards: Mapping[str, Count]
    split_of_group: Mapping[str, str]

    def json_parts(self) -> Iterator[str]:
        """The text of the layout file in parts, as it is as long as the listing if each video is a group of its own."""
        yield from pretty_json({item.name: getattr(self, item.name) for item in fields(self)}, 1, sort_keys=True)
        yield "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads what `json_parts` gave.

        Raises:
            ValueError: the text has another form; the message says how.
        """
        return build(cls, load_json(text))

    def differences(self, configuration: Mapping[str, Any]) -> list[str]:
        """The settings that differ from those of the first run, with both values.

        A setting that an earlier version of this software didn't have counts as the present default.
        """
        there, now = _with_defaults(self.configuration), _with_defaults(configuration)
        return [
            f"{key}: {there.get(key)!r} there, {now.get(key)!r} now"
            for key in sorted(set(self.configuration) | set(configuration))
            if there.get(key) != now.get(key)
        ]

    def check_same(self, configuration: Mapping[str, Any], output: str) -> None:
        """Refuses to continue a dataset with other settings than those of the first run.

        Raises:
            UsageError: some settings differ; the message gives both values of each.
        """
        if differing := self.differences(configuration):
            raise UsageError(
                f"{output} holds a dataset made with other settings ({'; '.join(differing)}). "
                "Choose another --output, or replace the dataset with --overwrite"
            )


def _with_defaults(configuration: Mapping[str, Any]) -> dict[str, Any]:
    defaults = {item.name: item.default for item in fields(PreprocessConfig) if item.default is not MISSING}
    return {**{key: list(v) if isinstance(v, tuple) else v for key, v in defaults.items()}, **configuration}


@dataclass(frozen=True)
class ShardTask:
    """A shard to be written, as its worker sees it. It holds nothing that differs between machines.

    Attributes:
        name: file name of the shard.
        split: its split.
        videos: the videos that go into it, in this order.
        strips: ids of the videos that get a film strip.
        fingerprint: changes with any video or setting that the shard's bytes depend on.
    """

    name: str
    split: str
    videos: tuple[VideoRecord, ...]
    strips: frozenset[str]
    fingerprint: str

    @classmethod
    def from_json(cls, line: str) -> Self:
        """Reads a line of the plan file."""
        name, split, strips, mark, rows = json.loads(line)
        videos = tuple(_RECORDS.decode(*row) for row in rows)
        return cls(name, split, videos, frozenset(strips), mark)


@dataclass(frozen=True)
class PlannedShard:
    """A shard as the planning machine sees it, with its videos as text.

    Attributes:
        name: file name of the shard.
        num_videos: number of videos that go into it.
        fingerprint: fingerprint of its task.
        line: its task, as a line of the plan file.
    """

    name: str
    num_videos: int
    fingerprint: str
    line: str


@dataclass(frozen=True)
class Plan:
    """All shards of a dataset, by split and number."""

    layout: Layout
    labels: tuple[str, ...]
    splits: tuple[str, ...]
    shards: tuple[PlannedShard, ...]


@no_collection()
def make_plan(
    catalog: Catalog,
    config: PreprocessConfig,
    earlier: Layout | None = None,
    beam_workers: int = 1,
) -> Plan:
    """Assigns the videos of a catalogue to splits and shards.

    Args:
        catalog: the videos; if the catalogue has splits, they are kept.
        config: the settings.
        earlier: the layout of the dataset that already exists; it stays as it is.
        beam_workers: number of Beam workers that there should be work for at a time.

    Raises:
        UsageError: there are fewer shards than splits.
    """
    by_split: dict[str, list[VideoRecord]] = defaultdict(list)
    split_of_group: Mapping[str, str] = {}
    if catalog.splits_from:
        for video in catalog.videos:
            by_split[video.split].append(video)
        splits = in_usual_order(by_split)
    else:
        kept = earlier.split_of_group if earlier else None
        split_of_group = assign_by_fractions(catalog.videos, config.fractions, config.split_seed, kept)
        for video in catalog.videos:
            by_split[split_of_group[video.group]].append(video)
        splits = tuple(config.fractions)
    counts = {split: len(by_split[split]) for split in splits}
    num_shards = dict(earlier.num_shards) if earlier else _num_shards(counts, config, beam_workers)
    for split in splits:
        if counts[split]:
            num_shards[split] = num_shards.get(split) or 1
    layout = Layout(config.identity(), num_shards, {**(earlier.split_of_group if earlier else {}), **split_of_group})
    pixels = [config.clip_spec.fingerprint(), version("av"), version("opencv-python-headless")]
    storage = [config.frame_encoding.to_json(), config.compression]
    dense = [[config.dense.windows.identity(), config.dense.most]] if config.dense else []
    several = ["multi_label"] if catalog.multi_label else []
    settings = fingerprint([pixels, storage, config.min_frames, catalog.labels, *dense, *several])
    strips = _choose_strips(catalog)
    shards = [
        shard
        for split in splits
        for shard in _shards_of_split(split, by_split[split], num_shards.get(split, 0), settings, strips)
    ]
    return Plan(layout, catalog.labels, splits, tuple(shards))


def _num_shards(counts: Mapping[str, int], config: PreprocessConfig, beam_workers: int) -> dict[str, int]:
    used = sum(1 for count in counts.values() if count)
    total = config.shards
    if not total:
        record_bytes = sharding.estimate_record_bytes(config.clip_spec, config.frame_encoding)
        rows = sum(counts.values())
        clips = rows * (config.clips_per_video or _USUAL_CLIPS) if config.dense else rows
        total = max(used, min(rows, sharding.shard_count(clips, record_bytes, beam_workers)))
    if total < used:
        too_few = f"{plural(total, 'shard')} {'is' if total == 1 else 'are'} too few"
        raise UsageError(f"{too_few} for {used} splits with videos; give at least {used}")
    return sharding.apportion(total, counts)


def _choose_strips(catalog: Catalog) -> frozenset[str]:
    by_class: dict[str, list[str]] = defaultdict(list)
    for video in catalog.videos:
        for label in split_labels(video.label) if catalog.multi_label else (video.label,):
            by_class[label].append(video.video_id)
    return frozenset(
        video_id
        for ids in by_class.values()
        for video_id in nsmallest(STRIPS_PER_CLASS, ids, key=lambda i: (stable_hash("strip", i), i))
    )


def _shards_of_split(
    split: str, videos: list[VideoRecord], num_shards: int, settings: str, strips: frozenset[str]
) -> Iterator[PlannedShard]:
    lines = ((video.video_id, _line(video)) for video in videos)
    chosen: dict[int, list[str]] = defaultdict(list)
    for video in videos:
        if video.video_id in strips:
            chosen[sharding.shard_of(video.video_id, num_shards)].append(video.video_id)
    for index, text in enumerate(sharding.deal(lines, num_shards)):
        rows = [line.split("\t")[1:] for line in sorted(text.splitlines())]
        name = sharding.shard_name(split, index, num_shards)
        contents = ",".join(row for row, _ in rows)
        mark = text_fingerprint(f"[{compact_json(settings)},{compact_json(name)},[{contents}]]")
        members = ",".join(extend(row, uri) for row, uri in rows)
        line = extend(compact_json([name, split, sorted(chosen[index]), mark]), f"[{members}]")
        yield PlannedShard(name, len(rows), mark, line)


def _line(video: VideoRecord) -> str:
    """A video's place in its shard; what its record depends on; and its address, which the record doesn't depend on."""
    codec = _BACKGROUND if video.between else _PARTS if video.end_s or video.remark else _RECORDS
    return f"{sharding.place_in_shard(video.video_id)}\t{codec.encode(video)}\t{compact_json(video.uri)}"
