"""Labels as CVAT's XML for video 1.1, a file for each video's task, and the labels that such a task needs.

https://docs.cvat.ai/docs/manual/advanced/xml_format: a segment is a track, whose box is the whole picture and which is
outside from its end on. Frames are counted from 0.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from pipelines.annotations.cvat import FPS
from pipelines.annotations.labels import split_labels
from pipelines.annotations.times import frame_at
from pipelines.core.label_sets import UNKNOWN
from pipelines.labelling.exports.media import Media, Videos
from pipelines.labelling.exports.reading import VideoLabels
from pipelines.labelling.rows import encodable
from pipelines.labelling.subtitles import path_of_video
from pipelines.labelling.types import Segment

LABELS = "labels.json"
_ATTRIBUTES = ("score", "model", "unfamiliar", FPS)


def tracks(videos: Iterable[VideoLabels], places: Videos) -> Iterator[tuple[str, str | Iterable[str]]]:
    """A file for each video with labels, and then the classes and attributes that a project of them needs."""
    classes: set[str] = set()
    rates: set[float] = set()
    for video in videos:
        if video.segments:
            media = places.media(video)
            rates.add(media.fps)
            classes |= video.classes
            yield path_of_video(video.video, ".xml"), annotations(video, media)
    yield LABELS, json.dumps(encodable(specification(sorted(classes), rates)), indent=2) + "\n"


def specification(classes: Iterable[str], rates: Iterable[float] = ()) -> list[dict[str, Any]]:
    """The labels of a project, for the tab `Raw` of its labels. New tracks get the frame rate if all have the same."""
    common = {f"{rate:.9g}" for rate in rates}
    defaults = {FPS: common.pop() if len(common) == 1 else ""}
    attributes = [
        {"name": name, "mutable": False, "input_type": "text", "default_value": defaults.get(name, ""), "values": []}
        for name in _ATTRIBUTES
    ]
    return [{"name": name, "attributes": attributes} for name in classes]


def annotations(video: VideoLabels, media: Media) -> str:
    """The file of one video. Time that is `UNKNOWN` is left to people; several labels of one time have a track each."""
    known = [(segment, name) for segment in video.segments if segment.label != UNKNOWN
             for name in split_labels(segment.label)]  # fmt: skip
    parts = [_track(number, segment, name, video.model, media) for number, (segment, name) in enumerate(known)]
    name = escape(_plain(video.video))
    head = f"<task><name>{name}</name><size>{media.num_frames}</size><mode>interpolation</mode>"
    head += f"<original_size><width>{media.width}</width><height>{media.height}</height></original_size></task>"
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n'
        f"  <meta>{head}</meta>\n{''.join(parts)}</annotations>\n"
    )


def _track(number: int, segment: Segment, label: str, model: str, media: Media) -> str:
    start = frame_at(segment.start_s, media.fps)
    end = max(start + 1, frame_at(segment.end_s, media.fps))
    unfamiliar = "" if segment.unfamiliar is None else f"{segment.unfamiliar:g}"
    values = dict(zip(_ATTRIBUTES, (f"{segment.score:g}", model, unfamiliar, f"{media.fps:.9g}"), strict=True))
    shapes = [_box(start, False, media, values)]
    if end < media.num_frames:
        shapes.append(_box(end, True, media, values))
    return f'  <track id="{number}" label={quoteattr(_plain(label))} source="auto">\n{"".join(shapes)}  </track>\n'


def _box(frame: int, outside: bool, media: Media, values: dict[str, str]) -> str:
    attributes = "".join(f"<attribute name={quoteattr(n)}>{escape(_plain(v))}</attribute>" for n, v in values.items())
    return (
        f'    <box frame="{frame}" outside="{outside:d}" occluded="0" keyframe="1" xtl="0.00" ytl="0.00" '
        f'xbr="{media.width:.2f}" ybr="{media.height:.2f}" z_order="0">{attributes}</box>\n'
    )


def _plain(text: str) -> str:
    """A text that XML can hold: without control characters."""
    return "".join(sign if sign >= " " or sign in "\t\n" else " " for sign in str(encodable(text)))
