"""What there is to label: listed videos, tasks for the workers, and the layout of an output folder."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from pipelines.core.failure import Failure
from pipelines.core.hashing import compact_json
from pipelines.core.stored.lines import LineCodec, extend
from pipelines.core.stored.sealed import load_json
from pipelines.core.stored.typed_json import Positive, build
from pipelines.core.video_files import IgnoredFile
from pipelines.dataset import sharding

VIDEOS_PER_SHARD = 10_000
"""Number of videos whose labels go into one file, unless another number of files is asked for."""
BYTES_PER_SHARD = 1 << 37
"""The same for their size: a worker has the scores of all windows of a shard in memory when it writes the labels. For
128 GiB, about a hundred hours of video, these take a few hundred megabytes."""
_MAX_TASK_VIDEOS = 256
_TASKS_PER_WORKER = 4


@dataclass(frozen=True, slots=True)
class ListedVideo:
    """A video to be labelled.

    Attributes:
        video_id: its name in the labels, unique.
        uri: where to read it.
        version: changes when the file does; `missing` if there is no file.
        size_bytes: size of the file.
    """

    video_id: str
    uri: str
    version: str
    size_bytes: int = 0


_LISTED = LineCodec(ListedVideo, "video_id", "uri", "version", "size_bytes")


@dataclass(frozen=True)
class Listing:
    """All videos of an input, sorted by id.

    Attributes:
        videos: the videos.
        ignored: other files that were ignored, by path.
        num_repeated: number of entries of a list that name a file again.
        failed: folders and links that can't be read, and may contain videos.
        unused: names of columns of a manifest that are not used.
        num_comments: number of lines of a list that begin with `#` and name no file.
    """

    videos: tuple[ListedVideo, ...]
    ignored: tuple[IgnoredFile, ...] = ()
    num_repeated: int = 0
    failed: tuple[Failure, ...] = ()
    unused: tuple[str, ...] = ()
    num_comments: int = 0

    @property
    def num_ignored(self) -> int:
        """How many files were ignored."""
        return len(self.ignored)

    @property
    def num_listed(self) -> int:
        """How many videos, folders and links must be accounted for."""
        return len(self.videos) + len(self.failed)


@dataclass(frozen=True, slots=True)
class VideoTask:
    """A video that is not labelled yet.

    Attributes:
        video: the video.
        done: its ranges that are labelled, as `first:end`.
        parts: all ranges of the cut to which these belong; useless if the video is now cut in another way.
    """

    video: ListedVideo
    done: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class LabelTask:
    """Some videos of one shard, as given to a worker."""

    shard: int
    videos: tuple[VideoTask, ...]

    @classmethod
    def from_json(cls, line: str) -> Self:
        """Reads a line of the plan file."""
        shard, rows = json.loads(line)
        return cls(
            shard, tuple(VideoTask(_LISTED.decode(*values), tuple(done), tuple(parts)) for *values, done, parts in rows)
        )


@dataclass(frozen=True)
class ShardListing:
    """The videos of a shard, by id, as text, so that they lie next to each other in memory.

    Attributes:
        text: a line of JSON for each video.
    """

    text: str

    def __len__(self) -> int:
        return self.text.count("\n")

    def videos(self) -> list[ListedVideo]:
        """The same as objects."""
        return [_LISTED.decode(*row) for row in json.loads(f"[{','.join(self.text.splitlines())}]")]


@dataclass(frozen=True)
class PendingVideos:
    """The videos of a shard that are to be decoded.

    Attributes:
        listing: all videos of the shard.
        numbers: positions in `listing` of the videos to decode, in the order of work.
        begun: position to `done` and `parts` (see `VideoTask`), for videos that are partly labelled.
    """

    listing: ShardListing
    numbers: Sequence[int] = ()
    begun: Mapping[int, tuple[Sequence[str], Sequence[str]]] = field(default_factory=dict)

    def tasks(self, shard: int, most: int) -> Iterator[str]:
        """Lines of the plan file, of at most so many videos each."""
        lines = self.listing.text.splitlines() if self.numbers else []
        begun = {number: compact_json(begun)[1:-1] for number, begun in self.begun.items()}
        rows = [extend(lines[number], begun.get(number, "[],[]")) for number in self.numbers]
        for i in range(0, len(rows), most):
            yield f"[{shard},[{','.join(rows[i : i + most])}]]"

    def videos(self) -> list[VideoTask]:
        """The same as objects."""
        return [video for line in self.tasks(0, len(self.numbers) or 1) for video in LabelTask.from_json(line).videos]


@dataclass(frozen=True)
class LabelLayout:
    """What an output folder keeps from its first run.

    Attributes:
        num_shards: number of label files.
        model: fingerprint of the model.
        name: the model's name, for messages.
        scoring: settings that determine windows and their scores; others can change without scoring again.
    """

    num_shards: Positive
    model: str
    name: str
    scoring: Mapping[str, Any]

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


def shard_count(num_videos: int, beam_workers: int = 1, size_bytes: int = 0) -> int:
    """Number of label files for so many videos of this total size."""
    by_size = min(num_videos, -(-size_bytes // BYTES_PER_SHARD))
    by_number = -(-num_videos // VIDEOS_PER_SHARD)
    return max(1, by_number, by_size, min(beam_workers, num_videos // _MAX_TASK_VIDEOS))


def by_shard(videos: Iterable[ListedVideo], num_shards: int) -> list[ShardListing]:
    """The videos of each shard, by id. The shard of a video doesn't depend on the other videos."""
    lines = ((video.video_id, _LISTED.encode(video)) for video in videos)
    return [ShardListing(text) for text in sharding.deal(lines, num_shards)]


def task_size(num_pending: int, beam_workers: int) -> int:
    """Number of videos in a task, small enough that `beam_workers` share `num_pending` videos evenly."""
    return max(1, min(_MAX_TASK_VIDEOS, -(-num_pending // (_TASKS_PER_WORKER * beam_workers))))
