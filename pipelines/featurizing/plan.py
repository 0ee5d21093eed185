"""What there is to compute: for each shard of a dataset one shard of features, with all that its bytes depend on."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Self

from pipelines.core.errors import UsageError
from pipelines.core.hashing import compact_json, fingerprint
from pipelines.core.spec import ClipSpec, FrameEncoding
from pipelines.core.stored.sealed import load_json
from pipelines.core.stored.typed_json import Positive, build
from pipelines.dataset.info import DatasetInfo, ShardInfo

_RECORDS_VERSION = 1
"""Raised by a change to the features that the same network gives of the same frames, or to their records."""
_WORDS = {"appearance": "the network", "weights": "its weights", "clip_spec": "the clip settings", "size": "features"}


@dataclass(frozen=True)
class Sight:
    """A network as it sees a dataset.

    Attributes:
        appearance: its name.
        weights: fingerprint of its weights.
        size: D, how many features it gives of a frame.
        height, width: those of a frame in pixels.
    """

    appearance: str
    weights: str
    size: int
    height: int
    width: int


@dataclass(frozen=True)
class FeaturesLayout:
    """What an output folder keeps from its first run; only the dataset's clips may change."""

    appearance: str
    weights: str
    clip_spec: str
    size: Positive

    def to_json(self) -> str:
        """The text of the layout file."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads what `to_json` wrote.

        Raises:
            ValueError: the text has another form; the message says how.
        """
        return build(cls, load_json(text))

    def check_same(self, other: "FeaturesLayout", output: str) -> None:
        """Refuses to continue features with another network or other clips than those of the first run.

        Raises:
            UsageError: something differs; the message gives both values.
        """
        there, now = asdict(self), asdict(other)
        if differing := [key for key in now if there[key] != now[key]]:
            told = "; ".join(f"{_WORDS[key]}: {there[key]} there, {now[key]} now" for key in differing)
            raise UsageError(
                f"{output} holds features that were made otherwise ({told}). Choose another --output, or replace them "
                "with --overwrite"
            )


@dataclass(frozen=True)
class FeaturesTask:
    """A shard to be computed, as its worker sees it.

    Attributes:
        shard: that of the dataset; the shard of features has its name.
        fingerprint: changes with everything that the bytes of the features depend on.
    """

    shard: ShardInfo
    fingerprint: str

    @property
    def name(self) -> str:
        """File name of the shard, in both folders."""
        return self.shard.name

    @property
    def line(self) -> str:
        """The task as a line of the plan file."""
        return compact_json([asdict(self.shard), self.fingerprint])

    @classmethod
    def from_json(cls, line: str) -> Self:
        """Reads a line of the plan file."""
        shard, mark = json.loads(line)
        return cls(ShardInfo(**shard), mark)


@dataclass(frozen=True)
class FeaturesSettings:
    """What all shards of a run have in common.

    Attributes:
        data: the dataset's folder.
        output: the folder of the features.
        clip_spec, encoding, compression: how the dataset's clips are made and stored.
        sight: the network.
        threads: TensorFlow's threads in each worker process; 0 for as many as there are cores.
    """

    data: str
    output: str
    clip_spec: ClipSpec
    encoding: FrameEncoding
    compression: str
    sight: Sight
    threads: int


@dataclass(frozen=True)
class FeaturesPlan:
    """All shards, in the order of the dataset's description."""

    layout: FeaturesLayout
    tasks: tuple[FeaturesTask, ...]

    @property
    def num_clips(self) -> int:
        """Clips of all shards together."""
        return count_clips(self.tasks)


def count_clips(tasks: Iterable[FeaturesTask]) -> int:
    """Clips of some shards together."""
    return sum(task.shard.num_examples for task in tasks)


def make_plan(info: DatasetInfo, sight: Sight) -> FeaturesPlan:
    """The shards of features of a dataset, as a network sees it."""
    spec = info.clip_spec
    settings = [_RECORDS_VERSION, asdict(sight), spec.fingerprint(), info.encoding.to_json(), info.compression]

    def tasks() -> Iterator[FeaturesTask]:
        for split in info.splits.values():
            for shard in split.shards:
                yield FeaturesTask(shard, fingerprint([settings, shard.name, shard.num_examples, shard.sha256]))

    layout = FeaturesLayout(sight.appearance, sight.weights, spec.fingerprint(), sight.size)
    return FeaturesPlan(layout, tuple(tasks()))
