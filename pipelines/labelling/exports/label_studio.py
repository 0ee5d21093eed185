"""Labels as tasks for Label Studio, with the predictions as pre-annotations, and a project's labelling configuration.

https://labelstud.io/guide/predictions and https://labelstud.io/tags/timelinelabels: frames of a range are counted from
1, and a range has its last frame.
"""

import json
from collections.abc import Iterable, Iterator
from itertools import count, islice
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from pipelines.annotations.label_studio import ADDRESS
from pipelines.annotations.labels import split_labels
from pipelines.annotations.times import frame_at
from pipelines.core.label_sets import UNKNOWN
from pipelines.files.addresses import is_local
from pipelines.labelling.exports.media import Videos
from pipelines.labelling.exports.reading import VideoLabels
from pipelines.labelling.rows import encodable
from pipelines.labelling.types import Segment

CONFIG = "config.xml"
_TASKS_IN_FILE = 1_000
_CONTROL, _OBJECT = "segments", "video"


def tasks(videos: Iterable[VideoLabels], places: Videos) -> Iterator[tuple[str, str | Iterable[str]]]:
    """Files of tasks, one for each video with labels, and then the configuration with all classes that they name."""
    classes: set[str] = set()
    labelled = (video for video in videos if video.segments)
    for number in count():
        lot = list(islice(labelled, _TASKS_IN_FILE))
        if not lot and number:
            break
        for video in lot:
            classes |= video.classes
        lines = ",\n".join(json.dumps(encodable(task(video, places))) for video in lot)
        yield f"tasks-{number:05d}.json", f"[\n{lines}\n]\n"
    yield CONFIG, config(sorted(classes))


def config(classes: Iterable[str]) -> str:
    """The labelling configuration of a project with these classes."""
    labels = "".join(f"    <Label value={quoteattr(encodable(name))}/>\n" for name in classes)
    return (
        f'<View>\n  <TimelineLabels name="{_CONTROL}" toName="{_OBJECT}">\n{labels}  </TimelineLabels>\n'
        f'  <Video name="{_OBJECT}" value="$video" frameRate="$fps" timelineHeight="120"/>\n</View>\n'
    )


def task(video: VideoLabels, places: Videos) -> dict[str, Any]:
    """The task of a video. Time that is `UNKNOWN` is left to people."""
    address, fps = places.address(video), places.media(video).fps
    known = [segment for segment in video.segments if segment.label != UNKNOWN]
    total = sum(segment.end_s - segment.start_s for segment in known)
    score = sum(segment.score * (segment.end_s - segment.start_s) for segment in known) / total if total else 0.0
    return {
        "data": {
            "video": browser_address(video, address, places.url), "fps": fps, ADDRESS: address, "video_id": video.video,
            "remark": video.remark,
        },
        "predictions": [
            {
                "model_version": video.model, "score": round(score, 6),
                "result": [_region(number, segment, fps) for number, segment in enumerate(known)],
            }
        ],
    }  # fmt: skip


def browser_address(video: VideoLabels, address: str, url: str) -> str:
    """Where a browser finds a video: below `url`, or where Label Studio serves local files from `/`."""
    if url:
        return url.rstrip("/") + "/" + quote(video.uri.encode("utf-8", "surrogateescape"))
    if not is_local(address):
        return address
    return "/data/local-files/?d=" + quote(address.lstrip("/").encode("utf-8", "surrogateescape"))


def _region(number: int, segment: Segment, fps: float) -> dict[str, Any]:
    start = frame_at(segment.start_s, fps)
    times = {"start": start + 1, "end": max(start + 1, frame_at(segment.end_s, fps))}
    region: dict[str, Any] = {
        "id": f"s{number}", "from_name": _CONTROL, "to_name": _OBJECT, "type": "timelinelabels", "score": segment.score,
        "value": {"ranges": [times], "timelinelabels": list(split_labels(segment.label))},
    }  # fmt: skip
    if segment.is_unfamiliar:
        region["meta"] = {"text": [f"unlike the training data ({segment.unfamiliar:g})"]}
    return region
