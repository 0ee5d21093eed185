"""Writes a shard: decodes its videos in order and streams their records into a file. Needs neither Beam nor stores."""

import base64
import contextlib
import gzip
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import BinaryIO, cast

from pipelines.core.failure import Failure
from pipelines.core.label_sets import ids_of
from pipelines.dataset.example import Example, encode
from pipelines.dataset.info import ShardReport, WrittenVideo
from pipelines.dataset.plan import ShardTask
from pipelines.dataset.tfrecord import frame_record
from pipelines.decoding.lent_file import Opened
from pipelines.decoding.messages import ClipResult, DecodedClip, DecodeJob
from pipelines.decoding.pool import DecoderPool
from pipelines.inputs.catalog import VideoRecord
from pipelines.inputs.records import Filtered

_GZIP_LEVEL = 6


@dataclass(frozen=True)
class ShardSettings:
    """What all shards of a run have in common."""

    job: DecodeJob
    labels: tuple[str, ...]
    compression: str = "none"
    multi_label: bool = False


class _HashingWriter:
    """Passes bytes on to a file, counting and hashing them."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()
        self.size_bytes = 0

    def write(self, data: bytes) -> int:
        self._file.write(data)
        self.sha256.update(data)
        self.size_bytes += len(data)
        return len(data)

    def flush(self) -> None:
        self._file.flush()


def write_shard(
    task: ShardTask,
    settings: ShardSettings,
    pool: DecoderPool,
    open_local: Callable[[VideoRecord], Opened],
    file: BinaryIO,
    on_video: Callable[[ClipResult], None] = lambda _: None,
) -> ShardReport:
    """Writes the records of a shard and returns the report on its videos.

    The bytes depend only on the videos and the settings. Only a few clips are in memory at a time.

    Args:
        task: the shard.
        settings: what the bytes depend on besides the videos.
        pool: decodes several videos at a time.
        open_local: gives a local path for a video, or what lends blocks of it.
        file: the file to write to, open for writing.
        on_video: called after each video.

    Raises:
        OSError: `file` can't be written.
    """
    out = _HashingWriter(file)
    written, failed, filtered, strips = [], [], [], {}
    with contextlib.ExitStack() as stack:
        records: BinaryIO = cast(BinaryIO, out)
        if settings.compression == "gzip":
            # The header has neither name nor time, so that the same records give the same file.
            zipped = gzip.GzipFile(filename="", mode="wb", compresslevel=_GZIP_LEVEL, fileobj=records, mtime=0)
            records = cast(BinaryIO, stack.enter_context(zipped))
        wants_strip = task.strips.__contains__
        for video, result in pool.map(task.videos, settings.job, open_local, lambda v: wants_strip(v.video_id)):
            if isinstance(result, DecodedClip):
                data = encode(_example(video, result, settings))
                header, footer = frame_record(data)
                records.write(header)
                records.write(data)
                records.write(footer)
                if result.strip:
                    strips[video.video_id] = base64.b64encode(result.strip).decode()
                facts = result.num_source_frames, result.duration_s, result.damaged, result.remark, result.content
                written.append(WrittenVideo(video.video_id, video.label, video.group, *facts))
            elif isinstance(result, Failure):
                failed.append(replace(result, video_id=video.video_id, uri=video.uri, label=video.label))
            else:
                filtered.append(Filtered(video.video_id, video.label, result.reason))
            on_video(result)
    return ShardReport(
        task=task.fingerprint,
        name=task.name,
        split=task.split,
        size_bytes=out.size_bytes,
        sha256=out.sha256.hexdigest(),
        written=tuple(written),
        failed=tuple(failed),
        filtered=tuple(filtered),
        strips=strips,
    )


def _example(video: VideoRecord, clip: DecodedClip, settings: ShardSettings) -> Example:
    several = ids_of(video.label, settings.labels) if settings.multi_label else ()
    return Example(
        frames=clip.frames,
        label=several[0] if several else settings.labels.index(video.label),
        label_name=video.label,
        video_id=video.video_id,
        group=video.group,
        timestamps_s=clip.timestamps_s,
        frame_indices=clip.frame_indices,
        num_source_frames=clip.num_source_frames,
        remark=clip.remark,
        labels=several,
    )
