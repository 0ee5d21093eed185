"""What a decoder process answers to a request about one video: headers, each with binary parts. See `server`."""

import itertools
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import asdict

import cv2

from pipelines.core.failure import Failure
from pipelines.decoding.clip_answers import BUSY, Answer, clip_answers, failed
from pipelines.decoding.messages import DecodeJob, Job, Request, WindowJob
from pipelines.video.clip import Clip
from pipelines.video.errors import VideoError, VideoReadError, VideoTooShort
from pipelines.video.long_video import WindowClip, lost_window, read_windows
from pipelines.video.pieces import Piece, Range
from pipelines.video.remarks import remark
from pipelines.video.survey import clip_or_survey
from pipelines.video.windows import Window


def answers(job: Job, request: Request) -> Iterator[Answer]:
    """The answers to a request about a video that can be opened; an error of the video is an answer too, and the last
    one."""
    try:
        yield from clip_answers(job, request) if isinstance(job, DecodeJob) else _windows(job, request)
    except VideoTooShort as short:
        yield {"status": "filtered", "reason": str(short)}, []
    except MemoryError:
        yield {"status": "out_of_memory"}, []
    except VideoReadError as error:  # the disk or network may recover
        yield failed(Failure("read", type(error).__name__, str(error), transient=True))
    except VideoError as error:
        yield failed(Failure("decode", type(error).__name__, str(error)))
    except cv2.error as error:
        yield failed(Failure("encode", "EncodeError", str(error)))
    except Exception as error:  # a bug here or in a library costs only this video
        where = traceback.extract_tb(error.__traceback__)[-1]
        message = f"{type(error).__name__}: {error} ({where.name}, line {where.lineno})"
        yield failed(Failure("decode", "UnexpectedError", message, transient=True))  # a later version may fix it


def _windows(job: WindowJob, request: Request) -> Iterator[Answer]:
    """The windows of a video or of a range of it; for a very long video, only its ranges."""
    path, spec, wanted = request.path, job.spec, request.range
    if wanted is None:
        video = yield from clip_or_survey(path, BUSY, spec, job.windows.whole_up_to_s)
        if isinstance(video, Clip):
            whole = Window(0, 0.0, video.duration_s)
            said = remark(video.damage, video.remarks, video.num_source_frames)
            alone = Range(0, 1, video.duration_s, {}, video.missing, said)
            yield from _answers([WindowClip(whole, video.frames, video.damaged)], alone)
            return
        ranges = video.ranges(job.windows, spec.by_time)
        if len(ranges) > 1:
            yield {"status": "cut", "ranges": list(map(asdict, ranges))}, []
            return
        wanted = ranges[0]
    yield from _answers(read_windows(path, spec, Piece.from_json(wanted.piece)), wanted)


def _answers(results: Iterable[WindowClip], wanted: Range) -> Iterator[Answer]:
    """The results of a range's windows, and a failure for what is missing after the last one."""
    missing, lost = wanted.missing, []
    if missing and missing.seconds_behind(wanted.duration_s):
        lost.append(lost_window(Window(wanted.end, wanted.duration_s, missing.end_s), missing.message))
    common = {"status": "window", "num_windows": wanted.num_windows, "duration_s": wanted.duration_s}
    for result in itertools.chain(results, lost):
        failure = result.failure
        of_window = {
            "window": (result.window.index, result.window.start_s, result.window.end_s),
            "damaged": failure is None and (result.damaged or missing is not None),
            "remark": "; ".join(filter(None, (wanted.remark, *result.remarks))) if failure is None else "",
            "failure": failure and failure.to_json(),
        }
        yield {**common, **of_window}, [result.frames.tobytes()]
