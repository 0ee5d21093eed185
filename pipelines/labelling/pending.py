"""What a labelling run has to do: the listed videos compared with the existing results."""

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from pipelines import files
from pipelines.core.errors import UsageError
from pipelines.core.hashing import fingerprint
from pipelines.core.model_info import ModelInfo
from pipelines.dataset.sharding import place_in_shard
from pipelines.labelling import folder
from pipelines.labelling import shards as label_shards
from pipelines.labelling.config import LabelConfig
from pipelines.labelling.ledger import choose, is_complete
from pipelines.labelling.plan import (
    LabelLayout,
    ListedVideo,
    PendingVideos,
    ShardListing,
    by_shard,
    shard_count,
    task_size,
)
from pipelines.labelling.rows import COLUMNS
from pipelines.process.gc_pause import no_collection
from pipelines.reports.text import plural
from pipelines.video.windows import WindowSpec

_EMBEDDED = "labels with embeddings. Add --embeddings to the same command"
_NOT_EMBEDDED = "labels without embeddings, and only scoring gives these"


@dataclass(frozen=True)
class Work:
    """What a run has to do.

    Attributes:
        config: the settings.
        info: the model.
        windows: how videos are cut into windows.
        key: key of the model and of the settings that determine the scores.
        layout: layout of the output folder.
        pending: videos to decode and score, shard by shard.
        task_size: number of videos that a worker gets at a time.
        marks: shard to the mark of what its labels are made from, for the shards to be written.
        damaged: files of an earlier run that can't be trusted.
    """

    config: LabelConfig
    info: ModelInfo
    windows: WindowSpec
    key: str
    layout: LabelLayout
    pending: Sequence[PendingVideos]
    task_size: int
    marks: Mapping[int, str]
    damaged: Sequence[str] = ()

    @property
    def shards(self) -> list[ShardListing]:
        """The listed videos of each shard."""
        return [videos.listing for videos in self.pending]

    @property
    def num_videos(self) -> int:
        """Number of listed videos."""
        return sum(map(len, self.shards))

    @property
    def num_pending(self) -> int:
        """Number of videos to decode."""
        return sum(len(pending.numbers) for pending in self.pending)

    def tasks(self) -> Iterator[str]:
        """Lines of the plan file."""
        return (line for shard, videos in enumerate(self.pending) for line in videos.tasks(shard, self.task_size))


@no_collection()
def make_work(
    config: LabelConfig, info: ModelInfo, windows: WindowSpec, videos: Sequence[ListedVideo], beam_workers: int
) -> Work:
    """Compares the listed videos with the existing results.

    Raises:
        UsageError: the output belongs to another model, other windows or shards, and is not to be replaced.
        OutputError: the output is to be replaced, and can't be removed.
    """
    output = config.output
    scoring = {**windows.identity(), "clip_spec": info.clip_spec.fingerprint()}
    scoring |= {folder.EMBEDDINGS: True} if config.embeddings else {}  # labels of earlier versions have no such entry
    resized_by = [version("opencv-python-headless")] if info.clip_spec.interpolation == "bilinear" else []
    key = fingerprint([info.fingerprint, scoring, version("av"), *resized_by])
    earlier = folder.read_layout(output, config.overwrite)
    finished = files.exists(files.join(output, folder.SUMMARY))
    anew = earlier is not None and (_is_other(earlier, config, info, scoring) or (finished and config.overwrite))
    if earlier and anew:
        if not config.overwrite:
            raise UsageError(_other_labels(earlier, config, info, scoring))
        if not config.dry_run:
            folder.remove_labels(output)
        earlier = None
    wanted = config.shards or shard_count(len(videos), beam_workers, sum(video.size_bytes for video in videos))
    num_shards = earlier.num_shards if earlier else wanted
    layout = LabelLayout(num_shards, info.fingerprint, info.name, scoring)
    shards = by_shard(videos, num_shards)
    again = earlier is not None and not finished
    result = [config.segments.identity(), config.format, config.webvtt, COLUMNS]

    damaged: list[str] = []

    def compare(shard: int) -> tuple[PendingVideos, str]:
        """The videos of a shard to decode, and its mark, which is empty if its labels need not be written."""
        listing = shards[shard]
        mark = fingerprint([key, result, listing.text])
        labels = folder.labels_name(shard, num_shards, config.format)
        written = earlier is not None and label_shards.is_written(output, shard, mark, labels, damaged.append)
        # All labelled videos are in the ledger, which is long: it is read only if some may be tried again.
        left = PendingVideos(listing)
        pending = left if written and not again else _pending(output, shard, listing, key, again, anew, damaged.append)
        return pending, mark if pending.numbers or config.bigquery_table or not written else ""

    found = list(files.each_at(output, compare, range(num_shards)))
    pending = [videos for videos, _ in found]
    size = task_size(sum(len(videos.numbers) for videos in pending), beam_workers)
    marks = {shard: mark for shard, (_, mark) in enumerate(found) if mark}
    return Work(config, info, windows, key, layout, pending, size, marks, sorted(set(damaged)))


def _is_other(earlier: LabelLayout, config: LabelConfig, info: ModelInfo, scoring: Mapping[str, Any]) -> bool:
    """Whether labels are of another model, of other windows, or in another number of files."""
    same = (earlier.model, dict(earlier.scoring)) == (info.fingerprint, scoring)
    return not same or config.shards not in (0, earlier.num_shards)


def _other_labels(earlier: LabelLayout, config: LabelConfig, info: ModelInfo, scoring: Mapping[str, Any]) -> str:
    if earlier.model != info.fingerprint:
        what = (
            f"labels by another model ({earlier.name}, fingerprint {earlier.model}; this one is {info.name}, "
            f"{info.fingerprint})"
        )
    elif folder.EMBEDDINGS in {*earlier.scoring} ^ {*scoring}:
        what = _EMBEDDED if folder.EMBEDDINGS in earlier.scoring else _NOT_EMBEDDED
    elif dict(earlier.scoring) == scoring:
        what = f"labels in {plural(earlier.num_shards, 'file')}, and --shards is {config.shards}"
    else:
        other = [
            f"{k}: {earlier.scoring.get(k)} there, {scoring[k]} now"
            for k in scoring
            if earlier.scoring.get(k) != scoring[k]
        ]
        what = f"labels made with other windows ({'; '.join(other)})"
    another = "choose" if what == _EMBEDDED else "Choose"
    joint = "," if what == _EMBEDDED else "."
    return f"{config.output} holds {what}{joint} {another} another --output, or label all videos again with --overwrite"


def _pending(
    output: str, shard: int, listing: ShardListing, key: str, again: bool, anew: bool, on_damage: Callable[[str], None]
) -> PendingVideos:
    """The videos of a shard that aren't in the ledger; with `again`, also those with transient failures.

    With `anew` these are all videos, as a dry run doesn't remove the ledger.
    """
    videos = listing.videos()
    entries_known = () if anew else folder.outline_ledger(output, shard, on_damage)
    known = choose(entries_known, key, {video.video_id: video.version for video in videos})
    places: list[tuple[str, int]] = []
    begun = {}
    for number, video in enumerate(videos):
        entries = [entry for entry in known.get(video.video_id, []) if not (again and entry.transient)]
        if is_complete(entries):
            continue
        places.append((place_in_shard(video.video_id), number))
        if entries:
            begun[number] = [entry.part for entry in entries if entry.part], entries[0].parts
    return PendingVideos(listing, array("L", [number for _, number in sorted(places)]), begun)
