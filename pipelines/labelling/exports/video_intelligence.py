"""Labels as Google's Video Intelligence API answers a request for labels: an `AnnotateVideoResponse` for each video.

The form is that of `google.cloud.videointelligence.v1` in JSON, as its REST interface and its clients write it:
https://cloud.google.com/video-intelligence/docs/reference/rest/v1/AnnotateVideoResponse
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from pipelines.core.failure import Failure
from pipelines.core.label_sets import UNKNOWN
from pipelines.labelling.exports.media import Videos
from pipelines.labelling.exports.reading import VideoLabels
from pipelines.labelling.rows import encodable
from pipelines.labelling.subtitles import path_of_video
from pipelines.labelling.types import Segment

_INVALID_ARGUMENT, _INTERNAL, _UNAVAILABLE = 3, 13, 14
_CODES = {"read": _UNAVAILABLE, "decode": _INVALID_ARGUMENT}
"""Stage of a failure to the nearest code of `google.rpc.Code`."""


def responses(videos: Iterable[VideoLabels], _: Videos) -> Iterator[tuple[str, str]]:
    """A file for each video: its path below the output, such as `gym/clip_07.mp4.json`, and its text."""
    for video in videos:
        yield path_of_video(video.video, ".json"), json.dumps(encodable(response(video)), indent=2) + "\n"


def response(video: VideoLabels) -> dict[str, Any]:
    """The response to a request for the labels of one video.

    Each class has one annotation, with a segment for each of ours; classes are in order of their first segment. Time
    that is `UNKNOWN` has no annotation. Fields that would be empty are left out, as the API leaves them out: there are
    no ids of entities, no categories, and no annotations of shots and frames.
    """
    results: dict[str, Any] = {"inputUri": video.uri}
    if video.segments:
        results["segment"] = _times(video.segments[0].start_s, max(segment.end_s for segment in video.segments))
    by_label: dict[str, list[Segment]] = defaultdict(list)
    for segment in video.segments:
        if segment.label != UNKNOWN:
            by_label[segment.label].append(segment)
    if by_label:
        results["segmentLabelAnnotations"] = [_annotation(label, found) for label, found in by_label.items()]
    if video.failures:
        results["error"] = _error(video.failures)
    return {"annotationResults": [results]}


def _annotation(label: str, segments: Iterable[Segment]) -> dict[str, Any]:
    return {
        "entity": {"description": label},
        "segments": [
            {"segment": _times(segment.start_s, segment.end_s), "confidence": segment.score} for segment in segments
        ],
    }


def _times(start_s: float, end_s: float) -> dict[str, str]:
    return {"startTimeOffset": _duration(start_s), "endTimeOffset": _duration(end_s)}


def _duration(seconds: float) -> str:
    """A `google.protobuf.Duration` in JSON: `1.500s`, `2s`."""
    return f"{seconds:.3f}".removesuffix(".000") + "s"


def _error(failures: Iterable[Failure]) -> dict[str, Any]:
    """A `google.rpc.Status`: the code of the first failure, and the messages of all."""
    found = list(failures)
    parts = [
        failure.message if failure.start_s is None else f"{failure.start_s:g} to {failure.end_s:g} s: {failure.message}"
        for failure in found
    ]
    return {"code": _CODES.get(found[0].stage, _INTERNAL), "message": "; ".join(parts)}
