"""What there is to label: listed videos, tasks for the workers, and the layout of an output folder."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from pipelines.core import sharding

VIDEOS_PER_SHARD = 10_000
"""Videos whose labels go into one file, as long as nobody asks for another number of files."""
BYTES_PER_SHARD = 1 << 37
"""The same for their size: a worker has the scores of all windows of a shard in memory when it writes the labels, and
of 128 GiB, some hundred hours of video, these take a few hundred megabytes."""
_MAX_TASK_VIDEOS = 256
_TASKS_PER_WORKER = 4


@dataclass(frozen=True, slots=True)
class ListedVideo:
    """A video to be labelled.

    Attributes:
        video_id: its name in the labels, unique.
        uri: where to read it.
        version: changes when the file does; `missing` where there is no file.
        size_bytes: of the file.
    """

    video_id: str
    uri: str
    version: str
    size_bytes: int = 0


@dataclass(frozen=True)
class Listing:
    """All videos of an input, sorted by id.

    Attributes:
        videos: the videos.
        num_ignored: other files that were passed over.
        num_repeated: entries of a list which name a file that was named before.
    """

    videos: tuple[ListedVideo, ...]
    num_ignored: int = 0
    num_repeated: int = 0


@dataclass(frozen=True, slots=True)
class VideoTask:
    """A video that is not labelled yet.

    Attributes:
        video: the video.
        done: the ranges of it that are, by their address `first:end`.
        parts: all ranges of the cut to which these belong; where the video is now cut in another way, they are of no
            use.
    """

    video: ListedVideo
    done: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class LabelTask:
    """Some videos of one shard, as a worker gets them."""

    shard: int
    videos: tuple[VideoTask, ...]

    def to_json(self) -> str:
        """One line of the plan file."""
        videos = [
            [t.video.video_id, t.video.uri, t.video.version, t.video.size_bytes, t.done, t.parts] for t in self.videos
        ]
        return json.dumps([self.shard, videos])

    @classmethod
    def from_json(cls, line: str) -> Self:
        """Reads what `to_json` wrote."""
        shard, videos = json.loads(line)
        return cls(
            shard,
            tuple(VideoTask(ListedVideo(*video), tuple(done), tuple(parts)) for *video, done, parts in videos),
        )


@dataclass(frozen=True)
class LabelLayout:
    """What an output folder keeps from its first run.

    Attributes:
        num_shards: files of labels.
        model: fingerprint of the model.
        name: the model's name, for messages.
        scoring: settings that decide about windows and their scores; others can change without scoring anew.
    """

    num_shards: int
    model: str
    name: str
    scoring: Mapping[str, Any]

    def to_json(self) -> str:
        """The text of the layout file."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads what `to_json` wrote."""
        return cls(**json.loads(text))


def shard_count(num_videos: int, beam_workers: int = 1, size_bytes: int = 0) -> int:
    """Files of labels for so many videos of that size together."""
    by_size = min(num_videos, -(-size_bytes // BYTES_PER_SHARD))
    by_number = -(-num_videos // VIDEOS_PER_SHARD)
    return max(1, by_number, by_size, min(beam_workers, num_videos // _MAX_TASK_VIDEOS))


def by_shard(videos: Sequence[ListedVideo], num_shards: int) -> list[list[ListedVideo]]:
    """The videos of each shard, by id: where one goes doesn't depend on the others."""
    shards: list[list[ListedVideo]] = [[] for _ in range(num_shards)]
    for video in videos:
        shards[sharding.shard_of(video.video_id, num_shards)].append(video)
    return shards


def make_tasks(shard: int, videos: Sequence[VideoTask], num_pending: int, beam_workers: int) -> list[LabelTask]:
    """Cuts a shard's videos into tasks, small enough that `beam_workers` share `num_pending` videos evenly."""
    size = max(1, min(_MAX_TASK_VIDEOS, -(-num_pending // (_TASKS_PER_WORKER * beam_workers))))
    ordered = sorted(videos, key=lambda task: sharding.order_in_shard(task.video.video_id))
    return [LabelTask(shard, tuple(ordered[i : i + size])) for i in range(0, len(ordered), size)]
