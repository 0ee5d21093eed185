"""`--dry-run`: what would be done, and how long it would take, without writing anything."""

import time
from typing import TYPE_CHECKING

from pipelines import files
from pipelines.cli import tool
from pipelines.core.hashing import stable_hash
from pipelines.core.video_files import describe_ignored
from pipelines.decoding.messages import DecodedWindow, WindowJob
from pipelines.decoding.pool import DecoderPool
from pipelines.labelling.pending import Work
from pipelines.labelling.plan import Listing, VideoTask
from pipelines.models.scorer import shared_scorer
from pipelines.reports.text import human_bytes, human_seconds, plural, visible

if TYPE_CHECKING:
    from pipelines.engines.engine import Engine

_SAMPLE_VIDEOS = 32
_SAMPLE_S = 20.0
_SHOWN = 10


def describe(work: Work, listing: Listing, engine: "Engine", threads: int) -> None:
    """Prints what a run would do, and an estimate from a few videos, drawn at random."""
    pending = [video for videos in work.pending for video in videos.videos()]
    size = sum(task.video.size_bytes for task in pending)
    total = work.num_videos
    tool.say_damaged(work.config.output, work.damaged)
    print(f"{plural(total, 'video')} in {visible(work.config.input)}, {total - len(pending)} already labelled")
    print(f"{plural(len(pending), 'video')} to label, {human_bytes(size)}")
    for task in pending[:_SHOWN]:
        print(f"  {visible(task.video.video_id)}")
    if len(pending) > _SHOWN:
        print(f"  and {len(pending) - _SHOWN} more")
    if listing.num_ignored:
        print(f"{plural(listing.num_ignored, 'other file')} ignored: {describe_ignored(listing.ignored, visible)}")
    for failure in listing.failed:
        print(f"{visible(failure.video_id)} can't be read ({failure.message}): will be in failures.jsonl")
    missing = sum(task.video.version == "missing" for task in pending)
    if missing:
        print(f"{plural(missing, 'named video')} not found: will be in failures.jsonl")
    if pending:
        _estimate(work, pending, engine, threads)
    print("Nothing was written.")


def _estimate(work: Work, pending: list[VideoTask], engine: "Engine", threads: int) -> None:
    from pipelines.engines.engine import num_decoders

    scorer = shared_scorer(work.config.model, work.info, threads, work.config.trust_model, work.config.embeddings)
    limits = work.config.limits
    job = WindowJob(work.info.clip_spec, work.windows, limits)
    sample = sorted(pending, key=lambda task: stable_hash("sample", task.video.video_id))[:_SAMPLE_VIDEOS]
    pool = DecoderPool(num_decoders(work.config.workers, engine), limits)
    start, videos, size, windows, clips = time.monotonic(), 0, 0, 0, []
    try:
        for task, result, last in pool.stream(sample, job, lambda item: files.borrowed(item.video.uri, limits.disk_mb)):
            if isinstance(result, DecodedWindow) and not result.failure:
                clips.append(result.frames)
                windows += 1
            if len(clips) == scorer.batch_size:
                scorer.score(clips)
                clips.clear()
            if last:
                videos, size = videos + 1, size + task.video.size_bytes
            if time.monotonic() - start > _SAMPLE_S:
                break
        scorer.score(clips)
    finally:
        pool.close()
    passed_s = time.monotonic() - start
    if not size:
        print("No estimate: no video of the sample could be read completely in time")
        return
    whole_s = passed_s * sum(task.video.size_bytes for task in pending) / size
    print(
        f"A sample of {plural(videos, 'video')} ({plural(windows, 'window')}) took {human_seconds(passed_s)} on this "
        f"machine; judging by file sizes, all would take about {human_seconds(whole_s)}"
    )
