"""Writes a shard: decodes its videos in order and streams their records into a file. Needs neither Beam nor stores."""

import base64
import contextlib
import gzip
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import BinaryIO, cast

from pipelines.core.clip_ids import clip_id, range_of, video_of
from pipelines.core.failure import Failure
from pipelines.core.hashing import HashingWriter
from pipelines.core.label_sets import ids_of
from pipelines.dataset.example import Example, encode
from pipelines.dataset.info import ShardReport, WrittenVideo
from pipelines.dataset.plan import ShardTask
from pipelines.dataset.tfrecord import frame_record
from pipelines.decoding.lent_file import Opened
from pipelines.decoding.messages import ClipResult, DecodedClip, DecodedPart, DecodeFiltered, DecodeJob, Request
from pipelines.decoding.pool import DecoderPool
from pipelines.inputs.catalog import VideoRecord
from pipelines.inputs.records import Filtered
from pipelines.reports.text import plural
from pipelines.video.ranges.planning import Between, TimeRange

_GZIP_LEVEL = 6


@dataclass(frozen=True)
class ShardSettings:
    """What all shards of a run have in common."""

    job: DecodeJob
    labels: tuple[str, ...]
    compression: str = "none"
    multi_label: bool = False


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
    out = HashingWriter(file)
    found = _Account(settings)
    with contextlib.ExitStack() as stack:
        records: BinaryIO = cast(BinaryIO, out)
        if settings.compression == "gzip":
            # The header has neither name nor time, so that the same records give the same file.
            zipped = gzip.GzipFile(filename="", mode="wb", compresslevel=_GZIP_LEVEL, fileobj=records, mtime=0)
            records = cast(BinaryIO, stack.enter_context(zipped))
        # If the file can't be written, decoders must not wait for room for clips that nobody takes.
        results = stack.enter_context(
            contextlib.closing(pool.map_ranges(requests(task.videos, task.strips), settings.job, open_local))
        )
        for video, part in results:
            if example := found.take(video, part):
                data = encode(example)
                header, footer = frame_record(data)
                records.write(header)
                records.write(data)
                records.write(footer)
            if not part.more:
                on_video(found.end(video))
    return ShardReport(
        task=task.fingerprint,
        name=task.name,
        split=task.split,
        size_bytes=out.size_bytes,
        sha256=out.sha256.hexdigest(),
        written=tuple(found.written),
        failed=tuple(found.failed),
        filtered=tuple(found.filtered),
        strips=found.strips,
    )


def requests(videos: Sequence[VideoRecord], wanted: Container[str] = ()) -> Iterator[tuple[list[VideoRecord], Request]]:
    """Videos, neighbouring parts of the same one together, with what their decoder is asked for.

    Args:
        videos: whole videos and parts of some.
        wanted: ids of those of which a film strip is wanted.
    """
    for (_, whole_id), same in groupby(videos, lambda video: (video.uri, video.is_whole and video.video_id)):
        parts = list(same)
        strips = frozenset(number for number, video in enumerate(parts) if video.video_id in wanted)
        if whole_id:
            yield parts, Request(strip=bool(strips), strips=strips)
        else:
            yield parts, Request(ranges=tuple(map(_range, parts)), strips=strips)


def _range(video: VideoRecord) -> TimeRange | Between:
    return Between.from_text(video.between) if video.between else TimeRange(video.start_s, video.end_s)


class _Account:
    """What became of the videos of a shard. The parts of one video come one after the other."""

    def __init__(self, settings: ShardSettings) -> None:
        self._settings = settings
        self.written: list[WrittenVideo] = []
        self.failed: list[Failure] = []
        self.filtered: list[Filtered] = []
        self.strips: dict[str, str] = {}
        self._source = ""
        self._row_of: dict[str, str] = {}  # for the clips of one video, what they were made for
        self._outcome: ClipResult | None = None
        self._reasons: list[str] = []
        self._repeated: list[str] = []

    def take(self, video: VideoRecord, part: DecodedPart) -> Example | None:
        """Records a result about a video or range, and returns the content of its record if it is a clip."""
        result = part.result
        if isinstance(result, DecodedClip):
            return self._write(video, part.range_s, result)
        if isinstance(result, Failure):
            self.failed.append(replace(result, video_id=video.video_id, uri=video.uri, label=video.label))
        elif isinstance(result, DecodeFiltered):
            self._reasons.append(result.reason)
        self._outcome = self._outcome or result
        return None

    def _write(self, video: VideoRecord, range_s: tuple[float, float] | None, clip: DecodedClip) -> Example | None:
        video_id = _clip_id(video, range_s)
        if self._source != (source := video_of(video_id)):
            self._source, self._row_of = source, {}
        if video_id in self._row_of:
            self._repeated.append(video_id)
            return None
        self._row_of[video_id], self._outcome = video.video_id, clip
        remark = "; ".join(filter(None, (clip.remark, video.remark)))
        if clip.strip:
            self.strips[video_id] = base64.b64encode(clip.strip).decode()
        facts = clip.num_source_frames, clip.duration_s, clip.damaged, remark, clip.content
        row = video.video_id if range_s else ""
        self.written.append(WrittenVideo(video_id, video.label, video.group, *facts, row))
        return _example(video, video_id, remark, clip, self._settings)

    def end(self, video: VideoRecord) -> ClipResult:
        """Records the end of a video or range, and returns what became of it: a clip if there is any."""
        if self._repeated:
            first, count = self._repeated[0], len(self._repeated)
            self._reasons.append(f"{plural(count, 'clip')} that {self._row_of[first]} gives as well, such as {first}")
        if self._reasons:
            self.filtered.append(Filtered(video.video_id, video.label, "; ".join(self._reasons)))
            self._outcome = self._outcome or DecodeFiltered(self.filtered[-1].reason)
        if self._outcome is None:  # a decoder that a hostile video controls may say so
            self.take(video, DecodedPart(Failure("decode", "UnexpectedError", "the decoder gave nothing", True)))
        outcome, self._outcome, self._reasons, self._repeated = self._outcome, None, [], []
        assert outcome is not None
        return outcome


def _clip_id(video: VideoRecord, range_s: tuple[float, float] | None) -> str:
    """The id of the clip of a row, or of a window in it. A file that is named as a part of a video counts as one."""
    if range_s is None:
        return video.video_id
    offset_s, _ = (video.is_whole and range_of(video.video_id)) or (0.0, 0.0)
    return clip_id(video_of(video.video_id), offset_s + range_s[0], offset_s + range_s[1])


def _example(video: VideoRecord, video_id: str, remark: str, clip: DecodedClip, settings: ShardSettings) -> Example:
    several = ids_of(video.label, settings.labels) if settings.multi_label else ()
    return Example(
        frames=clip.frames,
        label=several[0] if several else settings.labels.index(video.label),
        label_name=video.label,
        video_id=video_id,
        group=video.group,
        timestamps_s=clip.timestamps_s,
        frame_indices=clip.frame_indices,
        num_source_frames=clip.num_source_frames,
        remark=remark,
        labels=several,
    )
