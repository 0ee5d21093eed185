"""The description of a dataset, `dataset_info.json`, and the reports of its shards from which it is made."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from sys import intern
from typing import Any, Self

from pipelines import files
from pipelines.core.errors import UsageError, UserError
from pipelines.core.failure import Failure
from pipelines.core.file_names import DATASET_INFO
from pipelines.core.spec import ClipSpec, FrameEncoding
from pipelines.core.stored.descriptions import check_clip_spec, read_versioned
from pipelines.core.stored.json_text import pretty_json
from pipelines.core.stored.sealed import load_json
from pipelines.core.stored.typed_json import Amount, Count, PlainName, build
from pipelines.dataset.description_check import check_dataset, take_stated
from pipelines.inputs.records import Filtered
from pipelines.inputs.source_hints import why_no_dataset

SCHEMA_VERSION = 1
REMARKS = "remarks.jsonl"
PREVIEW = "preview.html"
_WARNING = "WARNING: "


@dataclass(frozen=True)
class Note:
    """A sentence about a dataset; `is_warning` if what it says may make a model's scores misleading."""

    text: str
    is_warning: bool = True

    def __str__(self) -> str:
        return f"{_WARNING}{self.text}" if self.is_warning else self.text

    @classmethod
    def parse(cls, line: str) -> Self:
        """The inverse of `str`."""
        return cls(line.removeprefix(_WARNING), line.startswith(_WARNING))


@dataclass(frozen=True, slots=True)
class WrittenVideo:
    """A video that became a record; `remark` is what a person should know about it (`remarks.remark`).

    `label` joins several labels, as `label_sets.join_labels` does.
    `content` is the `content.content_mark` of the file; 0 where it isn't known.
    `row` is the id of what was listed where that became several clips with ids of their own; otherwise it is empty.
    """

    video_id: str
    label: str
    group: str
    num_source_frames: Count
    duration_s: Amount
    damaged: bool
    remark: str = ""
    content: int = 0
    row: str = ""

    def __post_init__(self) -> None:
        # Videos share one string for a common name: at the end of a job, the reports of all shards are in memory.
        object.__setattr__(self, "label", intern(self.label))
        object.__setattr__(self, "row", intern(self.row))
        object.__setattr__(self, "group", self.video_id if self.group == self.video_id else intern(self.group))


@dataclass(frozen=True)
class ShardReport:
    """What a shard holds, written next to the dataset once the shard is whole.

    `task` is the fingerprint of the inputs and settings that the shard was made from; `strips` maps a few video ids to
    a film strip, a JPEG file in base64; `version` is that of the shard's file, once it exists.
    """

    task: str
    name: PlainName
    split: str
    size_bytes: Count
    sha256: str
    written: tuple[WrittenVideo, ...] = ()
    failed: tuple[Failure, ...] = ()
    filtered: tuple[Filtered, ...] = ()
    strips: Mapping[str, str] = field(default_factory=dict)
    version: str = ""

    def to_json(self) -> str:
        """JSON with a line for each part; `from_json` reads it."""
        return json.dumps({**asdict(self), "failed": [failure.to_json() for failure in self.failed]})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads what `to_json` wrote.

        Raises:
            ValueError: the text has another form or is cut off.
        """
        return build(cls, load_json(text))

    def video_ids(self) -> list[str]:
        """Ids of all that was listed and for which the report accounts; once for what became several clips."""
        several = dict.fromkeys(video.row for video in self.written if video.row)
        single = [video.video_id for video in self.written if not video.row]
        failed = [video.video_id for video in self.failed if video.video_id not in several]
        filtered = [video.video_id for video in self.filtered if video.video_id not in several]
        return [*several, *single, *failed, *(name for name in filtered if name not in set(failed))]


@dataclass(frozen=True)
class ShardInfo:
    """A shard as readers see it."""

    name: PlainName
    num_examples: Count
    size_bytes: Count
    sha256: str


@dataclass(frozen=True)
class IndexInfo:
    """The file with id, group and label of each record of a split."""

    name: PlainName
    size_bytes: Count
    sha256: str


@dataclass(frozen=True)
class SplitInfo:
    """The shards of a split, its groups, its number of examples by class, and its index.

    Datasets of earlier versions have no index.
    """

    shards: tuple[ShardInfo, ...]
    groups: tuple[str, ...]
    num_examples_by_class: Mapping[str, Count]
    index: IndexInfo | None = None

    @property
    def num_examples(self) -> int:
        """Records in all shards together."""
        return sum(shard.num_examples for shard in self.shards)


@dataclass(frozen=True)
class DatasetInfo:
    """All that a reader of a dataset needs to know. Its file is written last: if it exists, the dataset is complete.

    A notebook shows the number of clips by class and split.

    Attributes:
        clip_spec: how the pixels of a clip were made.
        encoding: how its frames are stored.
        compression: `none` or `gzip`, of the shard files.
        labels: class names; the position is the id.
        splits: split name to its shards.
        counts: listed, written, failed, filtered, ignored, damaged; of dense windows also extra, by how many the clips
            and failures exceed what was listed, as one video gives several.
        failures_by_reason: error type to number of videos.
        durations_s: minimum, median, maximum and total duration of the written videos, in seconds; of dense windows
            also their length, `window`.
        configuration: the settings of the run that determine the content.
        versions: package name to version.
        notes: what a person should know, each a `str` of a `Note`: how the input was read, what is wrong with it.
        multi_label: whether a clip may have several labels. It then counts under each of them.
        webdataset: split name to its tar files in `webdataset/`, one for each shard; empty if there are none.
    """

    clip_spec: ClipSpec
    encoding: FrameEncoding
    compression: str
    labels: tuple[str, ...]
    splits: Mapping[str, SplitInfo]
    counts: Mapping[str, Count]
    failures_by_reason: Mapping[str, Count]
    durations_s: Mapping[str, Amount]
    configuration: Mapping[str, Any]
    versions: Mapping[str, str]
    notes: tuple[str, ...] = ()
    multi_label: bool = False
    webdataset: Mapping[str, tuple[ShardInfo, ...]] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    def _repr_html_(self) -> str:
        from pipelines.dataset.summary import counts_html

        return counts_html(self)

    def to_json(self) -> str:
        """The text of `dataset_info.json`: the same for the same dataset, without times or host names."""
        return "".join(self.json_parts())

    def json_parts(self) -> Iterator[str]:
        """The same in parts, as it names every shard and every group."""
        value = {item.name: getattr(self, item.name) for item in fields(self)}
        value["clip_spec"] = {**self.clip_spec.to_json(), "fingerprint": self.clip_spec.fingerprint()}
        value["encoding"] = self.encoding.to_json()
        value["splits"] = {
            name: {
                "num_examples": split.num_examples,
                "num_examples_by_class": dict(split.num_examples_by_class),
                "groups": list(split.groups),
                **({"index": asdict(split.index)} if split.index else {}),
                "shards": [asdict(shard) for shard in split.shards],
            }
            for name, split in self.splits.items()
        }
        value["webdataset"] = {name: [asdict(tar) for tar in tars] for name, tars in self.webdataset.items()}
        for name in ("multi_label", "webdataset"):  # descriptions of other datasets keep the bytes they always had
            if not value[name]:
                del value[name]
        value = {"schema_version": value.pop("schema_version"), **value}
        yield from pretty_json(value, 2)
        yield "\n"

    @classmethod
    def read(cls, folder: str) -> Self:
        """The description of the dataset in a folder, local or in a store.

        Raises:
            UsageError: there is no complete dataset, or its description can't be read.
            UserError: the description is damaged, or from another version of this software.
        """
        uri = files.join(folder, DATASET_INFO)
        try:
            text = files.read_text(uri)
            if text is None:
                raise UsageError(why_no_dataset(folder))
        except OSError as error:
            remedy = ". Give permission, or correct the path" if files.is_local(uri) else ""
            raise UsageError(f"cannot read {uri}: {error.strerror or error}{remedy}") from error
        return cls.from_json(text, uri)

    @classmethod
    def from_json(cls, text: str, name: str = DATASET_INFO) -> Self:
        """Reads what `to_json` wrote.

        Raises:
            UserError: the text is something else, or of a newer schema.
        """
        try:
            value = read_versioned(text, name, SCHEMA_VERSION)
            value["clip_spec"] = check_clip_spec(
                value.get("clip_spec"),
                f"{name}: the clips were made by another version of this software",
                "preprocess again",
            )
            stated = take_stated(value.get("splits"))
            info = build(cls, value)
            check_dataset(info, stated)
            return info
        except ValueError as error:
            raise UserError(f"{name} is damaged or doesn't describe a dataset ({error}); preprocess again") from error
