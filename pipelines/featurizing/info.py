"""The description of features, `features_info.json`, and the reports on their shards."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from pipelines import files
from pipelines.core.errors import UsageError, UserError
from pipelines.core.hashing import fingerprint
from pipelines.core.spec import ClipSpec
from pipelines.core.stored.descriptions import check_clip_spec, read_versioned
from pipelines.core.stored.json_text import pretty_json
from pipelines.core.stored.sealed import load_json
from pipelines.core.stored.typed_json import Count, PlainName, Positive, build
from pipelines.dataset.description_check import take_stated
from pipelines.dataset.info import ShardInfo
from pipelines.inputs.source_hints import why_no_features

FEATURES_INFO = "features_info.json"
SCHEMA_VERSION = 1
DTYPE = "float16"


@dataclass(frozen=True)
class FeaturesReport:
    """What a shard of features holds, written once the shard is whole; see `files.shard_reports.Report`."""

    task: str
    name: PlainName
    num_examples: Count
    size_bytes: Count
    sha256: str
    version: str = ""

    def to_json(self) -> str:
        """A line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads what `to_json` wrote.

        Raises:
            ValueError: the text has another form.
        """
        return build(cls, load_json(text))


@dataclass(frozen=True)
class FeaturesSplit:
    """The shards of features of a split, in the order of the dataset's."""

    shards: tuple[ShardInfo, ...]

    @property
    def num_examples(self) -> int:
        """Records in all shards together."""
        return sum(shard.num_examples for shard in self.shards)


@dataclass(frozen=True)
class FeaturesInfo:
    """All that a reader of features needs to know. Its file is written last: if it exists, they are complete.

    Attributes:
        appearance: name of the network.
        weights: fingerprint of its weights (`appearance.eyes.eye_fingerprint`).
        dataset: `fingerprint` of the dataset, and its `uri`, relative to this folder.
        clip_spec: how the clips were made.
        size: D, how many features a frame has; a record holds [T, D].
        splits: split name to its shards. They have the names and the order of the dataset's, and so have their records.
        versions: package name to version.
        dtype: of the features, little-endian.
    """

    appearance: str
    weights: str
    dataset: Mapping[str, str]
    clip_spec: ClipSpec
    size: Positive
    splits: Mapping[str, FeaturesSplit]
    versions: Mapping[str, str]
    dtype: str = DTYPE
    schema_version: int = SCHEMA_VERSION

    @property
    def compression(self) -> str:
        """That of the shards; there is none, as it would gain little."""
        return "none"

    def fingerprint(self) -> str:
        """Equal for two folders exactly when the network and the bytes of all shards are equal."""
        shards = sorted((shard.name, shard.sha256) for split in self.splits.values() for shard in split.shards)
        return fingerprint([self.appearance, self.weights, self.dataset.get("fingerprint"), shards])

    def to_json(self) -> str:
        """The text of `features_info.json`: the same for the same features, without times or host names."""
        value: dict[str, Any] = {item.name: getattr(self, item.name) for item in fields(self)}
        value["clip_spec"] = {**self.clip_spec.to_json(), "fingerprint": self.clip_spec.fingerprint()}
        value["splits"] = {
            name: {"num_examples": split.num_examples, "shards": [asdict(shard) for shard in split.shards]}
            for name, split in self.splits.items()
        }
        return "".join(pretty_json({"schema_version": value.pop("schema_version"), **value}, 2)) + "\n"

    @classmethod
    def read(cls, folder: str) -> Self:
        """The description of the features in a folder, local or in a store.

        Raises:
            UsageError: there are no complete features, or their description can't be read.
            UserError: the description is damaged, or from another version of this software.
        """
        uri = files.join(folder, FEATURES_INFO)
        try:
            text = files.read_text(uri)
        except OSError as error:
            raise UsageError(f"cannot read {uri}: {error.strerror or error}") from error
        if text is None:
            raise UsageError(why_no_features(folder, FEATURES_INFO))
        return cls.from_json(text, uri)

    @classmethod
    def from_json(cls, text: str, name: str = FEATURES_INFO) -> Self:
        """Reads what `to_json` wrote.

        Raises:
            UserError: the text is something else, or of a newer schema.
        """
        again = "run python -m pipelines.features again"
        try:
            value = read_versioned(text, name, SCHEMA_VERSION)
            problem = f"{name}: the clips were made by another version of this software"
            value["clip_spec"] = check_clip_spec(value.get("clip_spec"), problem, again)
            stated = take_stated(value.get("splits"))
            info = build(cls, value)
            for split, count in stated.items():
                if count != info.splits[split].num_examples:
                    raise ValueError(f"splits.{split}.num_examples differs from its shards")
            if info.dtype != DTYPE:
                raise ValueError(f"dtype must be {DTYPE}, not {info.dtype!r}")
        except ValueError as error:
            raise UserError(f"{name} is damaged or doesn't describe features ({error}); {again}") from error
        return info
