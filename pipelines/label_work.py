"""What a labelling run has to do: what is listed compared with what is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from pipelines import files, label_store
from pipelines.core.collection import no_collection
from pipelines.core.errors import UsageError
from pipelines.core.hashing import fingerprint
from pipelines.core.label_config import LabelConfig
from pipelines.core.label_plan import LabelLayout, LabelTask, ListedVideo, VideoTask, by_shard, make_tasks, shard_count
from pipelines.core.ledger import choose, is_complete
from pipelines.core.model_info import ModelInfo
from pipelines.core.windows import WindowSpec


@dataclass(frozen=True)
class Work:
    """What a run has to do.

    Attributes:
        config: the settings.
        info: the model.
        windows: how videos are cut into windows.
        key: of the model and the settings that decide about scores.
        layout: of the output folder.
        shards: the listed videos of each shard.
        tasks: what is to be decoded and scored.
        marks: what the labels of those shards are made from that are to be written.
    """

    config: LabelConfig
    info: ModelInfo
    windows: WindowSpec
    key: str
    layout: LabelLayout
    shards: Sequence[Sequence[ListedVideo]]
    tasks: Sequence[LabelTask]
    marks: Mapping[int, str]

    @property
    def pending(self) -> list[VideoTask]:
        """Videos that are to be decoded."""
        return [video for task in self.tasks for video in task.videos]


@no_collection()
def make_work(
    config: LabelConfig, info: ModelInfo, windows: WindowSpec, videos: Sequence[ListedVideo], beam_workers: int
) -> Work:
    """Compares what is listed with what is known.

    Raises:
        UsageError: the output belongs to another model, or to other windows, and is not to be replaced.
        OutputError: it is to be replaced, and can't be removed.
    """
    output = config.output
    scoring = {**windows.identity(), "clip_spec": info.clip_spec.fingerprint()}
    key = fingerprint([info.fingerprint, scoring, version("av")])
    earlier = label_store.read_layout(output)
    if earlier and (earlier.model, dict(earlier.scoring)) != (info.fingerprint, scoring):
        if not config.overwrite:
            raise UsageError(_other_labels(earlier, info, scoring, output))
        if not config.dry_run:
            label_store.remove_labels(output)
        earlier = None
    if earlier and config.shards not in (0, earlier.num_shards):
        raise UsageError(
            f"{output} has {earlier.num_shards} files of labels, --shards says {config.shards}; choose another --output"
        )
    size_bytes = sum(video.size_bytes for video in videos)
    wanted = config.shards or shard_count(len(videos), beam_workers, size_bytes)
    num_shards = earlier.num_shards if earlier else wanted
    layout = LabelLayout(num_shards, info.fingerprint, info.name, scoring)
    shards = by_shard(videos, num_shards)
    again = earlier is not None and not files.exists(files.join(output, label_store.SUMMARY))
    result = [config.segments.identity(), config.format, config.webvtt]

    def compare(shard: int) -> tuple[list[VideoTask], str]:
        """The videos of a shard that are to be decoded, and its mark, empty where its labels needn't be written."""
        videos = shards[shard]
        mark = fingerprint([key, result, [[v.video_id, v.uri, v.version] for v in videos]])
        written = earlier is not None and _is_written(config, layout, shard, mark)
        # Whatever has labels is in the ledger, which is long: it is read only for what may be tried again.
        pending = [] if written and not again else _pending(output, shard, videos, key, again)
        return pending, mark if pending or config.bigquery_table or not written else ""

    found = list(files.each_at(output, compare, range(num_shards)))
    num_pending = sum(len(pending) for pending, _ in found)
    tasks = [
        task
        for shard, (pending, _) in enumerate(found)
        for task in make_tasks(shard, pending, num_pending, beam_workers)
    ]
    marks = {shard: mark for shard, (_, mark) in enumerate(found) if mark}
    return Work(config, info, windows, key, layout, shards, tasks, marks)


def _other_labels(earlier: LabelLayout, info: ModelInfo, scoring: Mapping[str, Any], output: str) -> str:
    if earlier.model != info.fingerprint:
        what = (
            f"labels by another model ({earlier.name}, fingerprint {earlier.model}; this one is {info.name}, "
            f"{info.fingerprint})"
        )
    else:
        other = [
            f"{k}: {earlier.scoring.get(k)} there, {scoring[k]} now"
            for k in scoring
            if earlier.scoring.get(k) != scoring[k]
        ]
        what = f"labels made with other windows ({'; '.join(other)})"
    return f"{output} holds {what}. Choose another --output, or label everything anew there with --overwrite"


def _pending(output: str, shard: int, videos: Sequence[ListedVideo], key: str, again: bool) -> list[VideoTask]:
    """The videos of a shard that aren't in the ledger, or, with `again`, failed for a reason that may have passed."""
    known = choose(label_store.outline_ledger(output, shard), key, {v.video_id: v.version for v in videos})
    pending = []
    for video in videos:
        entries = [entry for entry in known.get(video.video_id, []) if not (again and entry.transient)]
        if not is_complete(entries):
            done = tuple(entry.part for entry in entries if entry.part)
            pending.append(VideoTask(video, done, entries[0].parts if entries else ()))
    return pending


def _is_written(config: LabelConfig, layout: LabelLayout, shard: int, mark: str) -> bool:
    name = label_store.labels_name(shard, layout.num_shards, config.format)
    found = label_store.read_shard_report(config.output, shard)
    return found is not None and found[0] == mark and files.exists(files.join(config.output, name))
