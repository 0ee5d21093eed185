"""Finished labels without a model: videos, segments and vectors that a test chooses."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pipelines.core.failure import Failure
from pipelines.labelling import folder as label_folder
from pipelines.labelling.embeddings.table import VideoWindows, write_embeddings
from pipelines.labelling.exports.reading import VideoLabels
from pipelines.labelling.plan import LabelLayout, ListedVideo, by_shard
from pipelines.labelling.rows import rows, write_rows
from pipelines.labelling.types import LabelledVideo, Segment
from pipelines.video.windows import Window

MODEL = "0123456789abcdef"
WINDOW_S = 2.0


def segment(
    start_s: float, end_s: float, scores: Mapping[str, float], unfamiliar: float | None = None, label: str = ""
) -> Segment:
    """A segment with these scores of its best classes, the first of which is its label."""
    top = tuple(scores.items())
    return Segment(start_s, end_s, label or top[0][0], top[0][1], top, unfamiliar)


def video_labels(
    name: str, segments: Sequence[Segment], remark: str = "", failures: Sequence[Failure] = ()
) -> VideoLabels:
    return VideoLabels(name, name, MODEL, remark, tuple(segments), tuple(failures))


def write_labels(
    folder: Path,
    videos: Sequence[VideoLabels],
    root: Path | None = None,
    vectors: Mapping[tuple[str, float], Sequence[float]] | None = None,
    num_shards: int = 1,
    format: str = "jsonl",
    reason: str = "",
) -> Path:
    """Writes what `pipelines.label` would.

    Args:
        folder: the labels.
        videos: the videos.
        root: the folder of the videos, which the state then names; None for labels that were copied without it.
        vectors: the embedding of each segment, by its video and start: all its windows have it.
        num_shards: number of label files.
        format: theirs.
        reason: why the model can't tell unfamiliar videos.
    """
    listed = [ListedVideo(video.video, str(root / video.video) if root else video.uri, "1") for video in videos]
    shards = by_shard(listed, num_shards)
    if root:
        label_folder.prepare(str(folder), LabelLayout(num_shards, MODEL, "tiny", {}), format, shards)
    folder.mkdir(parents=True, exist_ok=True)
    names: dict[str, list[str]] = {"labels": [], **({"embeddings": []} if vectors else {})}
    by_name = {video.video: video for video in videos}
    for shard, listing in enumerate(shards):
        mine = [by_name[item.video_id] for item in listing.videos() if by_name[item.video_id].segments]
        names["labels"].append(label_folder.labels_name(shard, num_shards, format))
        with open(folder / names["labels"][-1], "wb") as file:
            labelled = [LabelledVideo(v.video, v.uri, 0.0, False, v.segments, v.remark) for v in mine]
            write_rows(file, (row for video in labelled for row in rows(video, MODEL)), format)
        if vectors:
            names["embeddings"].append(label_folder.embeddings_name(shard, num_shards))
            (folder / names["embeddings"][-1]).parent.mkdir(exist_ok=True)
            with open(folder / names["embeddings"][-1], "wb") as file:
                write_embeddings(file, (_windows(video, vectors) for video in mine), MODEL)
    failures = [failure for video in videos for failure in video.failures]
    (folder / "failures.jsonl").write_text("".join(failure.to_line() for failure in failures))
    summary = {"settings": {"window_s": WINDOW_S}, "unfamiliar": {"reason": reason}, "files": names}
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder


def _windows(video: VideoLabels, vectors: Mapping[tuple[str, float], Sequence[float]]) -> VideoWindows:
    """Windows of which two begin in each segment, the second of them in its middle."""
    found: list[tuple[float, float]] = []
    values: list[Sequence[float]] = []
    for item in video.segments:
        length = item.end_s - item.start_s
        for middle in (item.start_s, item.start_s + length / 2):
            found.append((middle - 1, middle + 1))
            values.append(vectors[video.video, item.start_s])
    windows = [Window(number, *times) for number, times in enumerate(found)]
    return VideoWindows(video.video, video.uri, windows, np.array(values, np.float16))
