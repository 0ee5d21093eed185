"""What a decoder process answers to a request for the clip of a video, or for the clips of ranges of it."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

from pipelines.core.failure import Failure
from pipelines.decoding.messages import DecodeJob, Request
from pipelines.video.clip import Clip, read_clip
from pipelines.video.content import content_mark
from pipelines.video.errors import RangeError, VideoTooShort
from pipelines.video.images import encode_frames, film_strip
from pipelines.video.ranges.planning import Between, FrameTimes, TimeRange
from pipelines.video.ranges.reading import range_clips, times_of
from pipelines.video.remarks import remark
from pipelines.video.source import read_source
from pipelines.video.survey import clip_or_survey
from pipelines.video.windows import PlannedWindow, refuse_endless

Answer = tuple[dict[str, Any], list[bytes]]
"""A header with the key `status`, and binary parts."""
BUSY: Answer = ({"status": "busy"}, [])
"""Sent while something takes long, to show that the process is working."""
_PASSED_ON = ("frame_indices", "timestamps_s", "num_source_frames", "duration_s", "damaged")
_HELD_SHARE = 8
"""Clips that wait for an earlier one take at most one part in so many of the memory."""
_Planned = PlannedWindow | list[PlannedWindow] | RangeError
"""A range that becomes one clip, the windows of one that becomes several, or why there is none."""


def failed(failure: Failure) -> Answer:
    """The answer that there is no clip."""
    return {"status": "failed", "failure": failure.to_json()}, []


def clip_answers(job: DecodeJob, request: Request) -> Iterator[Answer]:
    """The answer about a whole video, or one or more about each of the ranges that are wanted.

    Raises:
        VideoTooShort, VideoError: there is no clip, or no further one.
    """
    if request.ranges or job.dense:
        yield from _of_ranges(job, request)
        return
    clip = read_clip(request.path, job.spec, job.min_frames)
    yield _encoded(job, request, clip, request.strip)


def _encoded(job: DecodeJob, request: Request, clip: Clip, strip: bool, content: int | None = None) -> Answer:
    """A clip as it is stored. The mark of the file's content is computed last, when the file is cached."""
    parts = encode_frames(clip.frames, job.encoding)
    if strip:
        parts.append(film_strip(clip.frames))
    facts = {
        **{name: getattr(clip, name) for name in _PASSED_ON},
        "remark": remark(clip.damage, clip.remarks, clip.num_source_frames),
        "content": _content(request) if content is None else content,
    }
    if job.with_source:
        facts["source"] = asdict(read_source(request.path))
    return {"status": "clip", "strip": strip, **facts}, parts


def _content(request: Request) -> int:
    """The mark of the file's content; 0, without harm, if it can't be read."""
    if request.lent is not None and request.lent.mark is not None:
        return request.lent.mark
    try:
        return content_mark(request.path)
    except OSError:
        return 0


def _of_ranges(job: DecodeJob, request: Request) -> Iterator[Answer]:
    """Answers about each range in order; all but the last one about a range say that another one follows."""
    ranges: Sequence[TimeRange | Between | None] = request.ranges or (None,)
    as_one = job.spec if job.dense and not request.ranges else None
    video = yield from clip_or_survey(request.path, BUSY, as_one, job.dense.windows.whole_up_to_s if job.dense else 0.0)
    if isinstance(video, Clip):
        if video.num_source_frames < job.min_frames:
            raise VideoTooShort(video.num_source_frames, job.min_frames)
        yield _part(_encoded(job, request, video, 0 in request.strips))
        return
    times = times_of(video, job.spec)
    planned = [_plan(job, times, wanted) for wanted in ranges]
    windows = [window for found in planned for window in _windows(found)]
    most_held = max(2, (job.limits.memory_mb << 20) // _HELD_SHARE // job.spec.num_bytes)
    clips = range_clips(request.path, job.spec, video, windows, most_held)
    content = _content(request)
    for number, found in enumerate(planned):
        if isinstance(found, RangeError):
            message = str(found) + (f" ({video.missing.message})" if video.missing else "")
            yield _part(failed(Failure("decode", type(found).__name__, message)))
            continue
        about = _Answers(job, request, content, number in request.strips)
        if isinstance(found, PlannedWindow):
            yield _part(about.about(next(clips)))
        else:
            yield from _of_windows(about, found, clips)


def _windows(planned: _Planned) -> list[PlannedWindow]:
    if isinstance(planned, RangeError):
        return []
    return [planned] if isinstance(planned, PlannedWindow) else planned


def _plan(job: DecodeJob, times: FrameTimes, wanted: TimeRange | Between | None) -> _Planned:
    dense = wanted.dense if isinstance(wanted, Between) else job.dense
    if dense:
        refuse_endless(len(times.times_s), times.duration_s, dense.windows)
    try:
        if isinstance(wanted, Between):
            return times.windows_between(wanted)
        if job.dense:
            return times.windows_in(wanted, job.dense)
        assert wanted is not None, "without dense windows, whole videos aren't asked for in this way"
        return times.frames_of(wanted)
    except RangeError as error:
        return error


class _Answers:
    """Makes the answers about the clips of one range; the first clip has a film strip if one is wanted."""

    def __init__(self, job: DecodeJob, request: Request, content: int, strip: bool) -> None:
        self._job, self._request, self._content, self._strip = job, request, content, strip

    def about(self, found: Clip | Failure) -> Answer:
        """The answer about a clip: that it failed or is too short, or the clip as it is stored."""
        if isinstance(found, Failure):
            return failed(found)
        if found.num_source_frames < self._job.min_frames:
            return _filtered(str(VideoTooShort(found.num_source_frames, self._job.min_frames)))
        strip, self._strip = self._strip, False
        return _encoded(self._job, self._request, found, strip, self._content)


def _of_windows(about: _Answers, planned: list[PlannedWindow], clips: Iterator[Clip | Failure]) -> Iterator[Answer]:
    """The clips of a range's windows; then at most one failure and one remark on short ones, for all of them."""
    count = len(planned)
    if not count:
        yield _part(_filtered("too little lies between its annotated parts"), more=True)
    others: dict[str, list[dict[str, Any]]] = {"failed": [], "filtered": []}
    for one in planned:
        header, parts = about.about(next(clips))
        if header["status"] in others:
            others[header["status"]].append(header)
        else:
            yield _part((header, parts), (one.window.start_s, one.window.end_s), more=True)
    if lost := [Failure.from_json(header["failure"]) for header in others["failed"]]:
        first = lost[0]
        said = f"{len(lost)} of {count} windows, for example {TimeRange(first.start_s or 0.0, first.end_s or 0.0)}"
        yield _part(failed(replace(first, message=f"{said}: {first.message}")), more=True)
    if short := [header["reason"] for header in others["filtered"]]:
        yield _part(_filtered(f"{len(short)} of {count} windows: {short[0]}"), more=True)
    yield _part(({"status": "done"}, []))


def _filtered(reason: str) -> Answer:
    return {"status": "filtered", "reason": reason}, []


def _part(answer: Answer, range_s: tuple[float, float] | None = None, more: bool = False) -> Answer:
    """An answer about a range, or about a window in it, and whether another one about the same range follows."""
    header, parts = answer
    return {**header, "part": {"range_s": range_s, "more": more}}, parts
