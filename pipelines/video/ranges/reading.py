"""The clips of time ranges of a video, each frame decoded once where the ranges are in order of time.

Everything but the choice of the frames is done as for the windows that labelling reads: see `long_video`.
"""

from collections.abc import Iterator, Sequence

from pipelines.core.failure import Failure
from pipelines.core.spec import ClipSpec
from pipelines.video.clip import Clip
from pipelines.video.long_video import WindowClip, read_windows
from pipelines.video.ranges.planning import FrameTimes, cut_runs
from pipelines.video.survey import Survey
from pipelines.video.windows import PlannedWindow

_DAMAGED = "some of its pictures are damaged"


def times_of(video: Survey, spec: ClipSpec) -> FrameTimes:
    """When the frames of a video are shown."""
    return FrameTimes(video.times_s, video.duration_s, spec.by_time)


def range_clips(
    path: str, spec: ClipSpec, video: Survey, planned: Sequence[PlannedWindow], most_held: int
) -> Iterator[Clip | Failure]:
    """Yields the clip of each range, in the order given, as soon as it is complete.

    A clip counts frames and times from the first frame of its range, as if the file began there and ended with the
    range. Its damage and remarks are those of a window.

    Args:
        path: the local file that was surveyed.
        spec: how many frames to take from each range, which ones, and their size.
        video: its survey.
        planned: the ranges, from `FrameTimes`.
        most_held: how many clips may be held in memory at a time.

    Yields:
        A clip, or a failure with the range's time: less than half of its frames could be decoded.

    Raises:
        VideoReadError, VideoOpenError, NoVideoStreamError, VideoDecodeError: as `read_windows`.
    """
    for run in cut_runs(planned, video.times_s, video.key_frames.tolist(), most_held):
        windows = planned[run.first : run.end]
        piece = video.piece(windows, run.key_frame, spec.by_time)
        for window, result in zip(windows, read_windows(path, spec, piece), strict=True):
            yield result.failure or _clip(video, window, result)


def _clip(video: Survey, planned: PlannedWindow, result: WindowClip) -> Clip:
    assert video.timeline is not None, "surveys of files have one"
    times, first = video.timeline, planned.first
    damage = video.missing.message if video.missing else _DAMAGED if result.damaged else ""
    return Clip(
        frames=result.frames,
        frame_indices=tuple(index - first for index in result.indices),
        timestamps_s=tuple(times.time_s(index, first) for index in result.indices),
        num_source_frames=planned.end - first,
        duration_s=round(planned.window.end_s - planned.window.start_s, 6),
        damaged=bool(damage),
        remarks=(*video.remarks, *result.remarks),
        damage=damage,
        missing=video.missing,
    )
