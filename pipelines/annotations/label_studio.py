"""Label Studio's JSON export: tasks with what people annotated, and the predictions that they began with.

Ranges of `TimelineLabels` are read, of `Labels` over the sound of a video, and `Choices` for whole videos. Frames of
ranges are counted from 1, and a range has its last frame: https://labelstud.io/tags/timelinelabels
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pipelines.annotations.entries import Source
from pipelines.annotations.times import frame_time
from pipelines.annotations.types import Annotation
from pipelines.core.errors import UsageError
from pipelines.core.video_files import is_video_name

_PASSED_OVER = ("textarea", "number", "rating", "datetime", "relation")
"""Remarks of people, which aren't labels."""
_READ = "TimelineLabels, Labels with seconds and Choices are read"
_UPLOADED = re.compile(r"/data/upload/\d+/(?:[0-9a-f]{8}-)?")
ADDRESS = "uri"
"""Field of a task that has the address of its video, if this software made the task."""


def is_label_studio(value: Any) -> bool:
    """Whether a value is that of a JSON export, of tasks with `data` and annotations or predictions."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(task, dict) and isinstance(task.get("data"), dict) for task in value)
        and any("annotations" in task or "predictions" in task for task in value)
    )


def reviewed(tasks: Sequence[Mapping[str, Any]], source: Source) -> Iterator[Annotation]:
    """What people annotated. Tasks without an annotation, or whose annotation was skipped, give nothing; an annotation
    with nothing in it gives one for the whole video without labels.

    Raises:
        UsageError: a task has annotations that differ, of which none is marked as the ground truth, or a result of a
            kind that isn't read; the message names the task.
    """
    for number, task in enumerate(tasks):
        place = _place(task, number)
        found = [
            list(_results(item, f"{place}, annotation {item.get('id', index)}", task, source))
            for index, item in enumerate(_chosen(task))
        ]
        if len({_content(each) for each in found}) > 1:
            raise UsageError(
                f"{source.where(place)}: {len(found)} annotations that differ. Mark one of them as the ground truth "
                "(the star) in Label Studio, or remove the others, and export again"
            )
        yield from found[0] if found else ()


def predicted(tasks: Sequence[Mapping[str, Any]], source: Source) -> Iterator[Annotation]:
    """The predictions that the annotations of people began with; of tasks that nobody annotated, none.

    An export keeps them with each annotation, or, where it is asked for whole predictions, with the task.

    Raises:
        UsageError: a result is of a kind that isn't read; the message names the task.
    """
    for number, task in enumerate(tasks):
        chosen = _chosen(task)
        found = [item.get("prediction") for item in chosen] + list(task.get("predictions") or [])[::-1]
        whole = [item for item in found if isinstance(item, dict) and item.get("result")]
        for item in whole[:1] if chosen else ():
            yield from _results(item, f"{_place(task, number)}, prediction", task, source, is_predicted=True)


def is_reviewed(task: Mapping[str, Any]) -> bool:
    """Whether a task has an annotation that counts."""
    return bool(_chosen(task))


def _place(task: Mapping[str, Any], number: int) -> str:
    return f"task {task.get('id', number + 1)}"


def _chosen(task: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The annotations that count: those of the ground truth, if there are any, or else all that weren't skipped."""
    given = [item for item in task.get("annotations") or [] if isinstance(item, dict)]
    found: list[Mapping[str, Any]] = [item for item in given if not item.get("was_cancelled")]
    return [item for item in found if item.get("ground_truth")] or found


def _content(found: Sequence[Annotation]) -> tuple[tuple[float, float, tuple[str, ...]], ...]:
    return tuple(sorted((item.start_s or 0.0, item.end_s or 0.0, item.labels) for item in found))


def _results(
    item: Mapping[str, Any], place: str, task: Mapping[str, Any], source: Source, is_predicted: bool = False
) -> Iterator[Annotation]:
    data = task["data"]
    fields = {key: value for key, value in data.items() if isinstance(value, str | int | float)}
    video = source.video(_video(data), fields, place)
    empty = True
    for number, result in enumerate(item.get("result") or []):
        where = f"{place}, result {number + 1}"
        for annotation in _result(result, where, video, data, source, is_predicted):
            empty = False
            yield annotation
    if empty:
        yield source.annotation(place, video)


def _result(
    result: Any, place: str, video: str, data: Mapping[str, Any], source: Source, is_predicted: bool
) -> Iterator[Annotation]:
    kind = str(result.get("type", "")) if isinstance(result, dict) else ""
    value = result.get("value") if kind else None
    if kind in _PASSED_OVER:
        return
    if not isinstance(value, dict):
        raise UsageError(f"{source.where(place)}: it has no value. {_READ}")
    score = result.get("score") if is_predicted else None  # people's regions keep that of the prediction they began as
    if kind == "choices" and isinstance(value.get("choices"), list):
        yield source.annotation(place, video, labels=value["choices"], score=score)
    elif isinstance(value.get("timelinelabels"), list) and isinstance(value.get("ranges"), list):
        fps = source.frames_per_second(data.get("fps"), place)
        for times in value["ranges"]:
            seconds = _seconds(times, fps, place, source)
            found = source.annotation(place, video, seconds, value["timelinelabels"], score=score)
            yield replace(found, frame_s=1 / fps)
    elif kind == "labels" and "start" in value and "end" in value and isinstance(value.get("labels"), list):
        yield source.annotation(place, video, (value["start"], value["end"]), value["labels"], score=score)
    else:
        raise UsageError(f"{source.where(place)}: a result of the type {kind!r} is not a label of a stretch. {_READ}")


def _seconds(times: Any, fps: float, place: str, source: Source) -> tuple[float, float]:
    """The times of a range of frames, which are counted from 1, the last included."""
    try:
        first, last = int(times["start"]), int(times["end"])
    except (TypeError, KeyError, ValueError) as error:
        raise UsageError(f"{source.where(place)}: {times!r} is not a range with start and end in frames") from error
    return frame_time(max(first - 1, 0), fps), frame_time(max(last, 0), fps)


def _video(data: Mapping[str, Any]) -> str:
    """The video of a task: its `uri`, or else `video`, or else the only field that is the address of a video.

    Addresses of Label Studio's own become paths again: of files that were uploaded and of local files that it serves.
    """
    if data.get(ADDRESS):
        return str(data[ADDRESS])
    texts = [value for value in data.values() if isinstance(value, str)]
    given = data.get("video") or next((text for text in texts if is_video_name(urlsplit(text).path)), "")
    address = urlsplit(str(given))
    if address.path == "/data/local-files/" and (path := parse_qs(address.query).get("d")):
        return path[0]
    if match := _UPLOADED.match(address.path):
        return unquote(address.path[match.end() :])
    return str(given)
