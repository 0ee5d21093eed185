"""CVAT's XML 1.1, of a task: for video, with tracks that are visible on stretches of frames, or for images, with the
tags and shapes of each frame. https://docs.cvat.ai/docs/manual/advanced/xml_format/

Frames are counted from 0 in the whole video, whatever the task's step. CVAT keeps no frame rate: it is taken from an
attribute `fps` of tracks or tags, as tasks have that this software made, or else it must be given.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from pipelines.annotations.entries import Source
from pipelines.annotations.times import frame_time
from pipelines.annotations.types import Annotation
from pipelines.core.errors import UsageError
from pipelines.core.video_files import is_video

FPS = "fps"
_STEP = re.compile(r"step\s*=\s*(\d+)")
_FRAME = re.compile(r"frame_(\d+)")


@dataclass(frozen=True)
class _Task:
    """What the head of a file tells: the video, frames between two that were annotated, and the frame after the last
    (0 if that isn't known)."""

    video: str
    fields: dict[str, str | int | float]
    step: int
    end: int


@dataclass(frozen=True)
class _Stretch:
    """Frames with a label, the last not included."""

    place: str
    label: str
    start: int
    end: int


def cvat(file: BinaryIO, source: Source) -> Iterator[Annotation]:
    """The annotations of a task, in the order of the file, of images in order of time.

    A task without any yields one for the whole video without labels.

    Args:
        file: the XML, of which a track or image at a time is in memory.
        source: the file, for messages.

    Raises:
        UsageError: it isn't XML of that form, it is that of a project, or the frame rate isn't known.
    """
    task: _Task | None = None
    stretches: list[_Stretch] = []
    frames: dict[str, list[int]] = defaultdict(list)
    rates: set[str] = set()
    try:
        for _, element in ElementTree.iterparse(file):
            if element.tag == "meta":
                task = _task(element, source)
                rates.update(_default_rates(element))
            elif element.tag in ("track", "image"):
                if task is None:
                    raise UsageError(f"{source.name}: no meta before the first {element.tag}. {_EXPECTED}")
                rates.update(_rates(element))
                if element.tag == "track":
                    stretches += _track(element, task, source)
                else:
                    _image(element, frames, source)
                element.clear()
    except ElementTree.ParseError as error:
        raise UsageError(f"{source.name}: it isn't whole XML ({error}). Export it again") from error
    if task is None:
        raise UsageError(f"{source.name}: it has no meta. {_EXPECTED}")
    yield from _annotations(task, [*stretches, *_runs(frames, task.step)], rates, source)


_EXPECTED = "Expected CVAT for video 1.1 or CVAT for images 1.1, exported from a task"


def _annotations(
    task: _Task, stretches: Sequence[_Stretch], rates: Iterable[str], source: Source
) -> Iterator[Annotation]:
    video = source.video(task.video, task.fields, "meta.task")
    if not stretches:
        yield source.annotation("meta.task", video)
        return
    known = sorted(rates)
    if len(known) > 1:
        raise UsageError(f"{source.name}: two values of the attribute {FPS}, {known[0]} and {known[1]}, for one video")
    fps = source.frames_per_second(known[0] if known else None, "meta.task")
    for found in stretches:
        times = frame_time(found.start, fps), frame_time(found.end, fps)
        yield replace(source.annotation(found.place, video, times, found.label), frame_s=1 / fps)


def _task(meta: Element, source: Source) -> _Task:
    head = meta.find("task")
    if head is None:
        head = meta.find("job")
    if head is None:
        if meta.find("project") is not None:
            raise UsageError(
                f"{source.name}: this is the export of a CVAT project, which numbers the frames of all its videos as "
                "if they were one. Export each task by itself"
            )
        raise UsageError(f"{source.name}: meta has no task. {_EXPECTED}")
    texts = {child.tag: (child.text or "").strip() for child in (*meta, *head) if not len(child)}
    name, file = texts.get("name", ""), texts.get("source", "")
    step = _STEP.search(texts.get("frame_filter", ""))
    frames_apart = int(step[1]) if step else 1
    try:
        last = texts.get("stop_frame") or str(int(texts.get("size") or 0) - 1)
        end = int(last) + frames_apart if int(last) >= 0 else 0
    except ValueError as error:
        raise UsageError(f"{source.where('meta.task')}: size or stop_frame is not a number") from error
    fields: dict[str, str | int | float] = {key: text for key, text in texts.items() if text}
    return _Task(name if is_video(name) or not file else file, fields, frames_apart, end)


def _track(track: Element, task: _Task, source: Source) -> Iterator[_Stretch]:
    """The stretches on which a track is visible: from a shape on, up to one that is outside or the task's end."""
    place = f"track {track.get('id', '?')}"
    label = _label(track, place, source)
    try:
        shown = [shape for shape in track if "frame" in shape.attrib]
        shapes = sorted((int(shape.attrib["frame"]), shape.get("outside") == "1") for shape in shown)
    except ValueError as error:
        raise UsageError(f"{source.where(place)}: a frame is not a number") from error
    start: int | None = None
    for frame, outside in shapes:
        if outside and start is not None:
            yield _Stretch(place, label, start, frame)
            start = None
        elif not outside and start is None:
            start = frame
    if start is not None:
        yield _Stretch(place, label, start, max(task.end, shapes[-1][0] + task.step))


def _image(image: Element, frames: dict[str, list[int]], source: Source) -> None:
    """Notes the frame of an image with each of its labels."""
    name = image.get("name", "")
    match = _FRAME.search(name)
    if not match:
        raise UsageError(
            f"{source.name}, image {name!r}: it isn't a frame of a video, as frame_000123 is. Only annotations of "
            "videos can be read"
        )
    for item in image:
        if "label" in item.attrib:
            found = frames[_label(item, f"image {name}", source)]
            if not found or found[-1] != int(match[1]):
                found.append(int(match[1]))


def _runs(frames: dict[str, list[int]], step: int) -> Iterator[_Stretch]:
    """Stretches of frames that follow each other and have the same label."""
    found = []
    for label, numbers in frames.items():
        numbers.sort()
        start = previous = numbers[0]
        for number in [*numbers[1:], None]:
            if number is None or number > previous + step:
                found.append(_Stretch(f"frame {start}", label, start, previous + step))
                start = number if number is not None else start
            previous = number if number is not None else previous
    yield from sorted(found, key=lambda stretch: (stretch.start, stretch.end, stretch.label))


def _label(element: Element, place: str, source: Source) -> str:
    label = element.get("label", "")
    if not label:
        raise UsageError(f"{source.where(place)}: it has no label")
    return label


def _rates(element: Element) -> Iterator[str]:
    for attribute in element.iter("attribute"):
        if attribute.get("name") == FPS and (attribute.text or "").strip() not in ("", "0"):
            yield str(attribute.text).strip()


def _default_rates(meta: Element) -> Iterator[str]:
    for attribute in meta.iter("attribute"):
        value = (attribute.findtext("default_value") or "").strip()
        if attribute.findtext("name") == FPS and value not in ("", "0"):
            yield value
