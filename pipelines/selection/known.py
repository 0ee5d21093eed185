"""What of labels is annotated already, so that nobody needs to look at it again."""

import math
import posixpath
from collections.abc import Mapping, Sequence

from pipelines.annotations.reading import read_annotations
from pipelines.labelling.corrections.places import full_address
from pipelines.labelling.exports.media import Videos
from pipelines.labelling.exports.reading import VideoLabels
from pipelines.labelling.types import Segment

SHARE = 0.5
"""A segment is known if at least so much of it is annotated."""
Range = tuple[float, float]


class Known:
    """The annotated parts of videos.

    Args:
        parts: ascending ranges in seconds without overlaps, by the full address of their video.
        places: where the labelled videos are.
    """

    def __init__(self, parts: Mapping[str, Sequence[Range]], places: Videos) -> None:
        self._parts, self._places = parts, places

    def covers(self, video: VideoLabels, segment: Segment) -> bool:
        """Whether a segment is annotated, at least by half."""
        parts = self._parts.get(self._places.address(video), ()) if self._parts else ()
        shared = sum(max(0.0, min(end, segment.end_s) - max(start, segment.start_s)) for start, end in parts)
        length = segment.end_s - segment.start_s
        return shared >= SHARE * length if length else any(start <= segment.start_s < end for start, end in parts)


def read_known(manifest: str, places: Videos) -> Known:
    """The parts that a manifest annotates, whatever their labels.

    Args:
        manifest: a manifest or other annotations; empty for none.
        places: where the labelled videos are.

    Raises:
        UsageError: the file is missing, or can't be read as annotations.
        OSError: it can't be read.
    """
    found: dict[str, list[Range]] = {}
    for row in read_annotations(manifest) if manifest else ():
        times = (0.0, math.inf) if row.start_s is None or row.end_s is None else (row.start_s, row.end_s)
        found.setdefault(full_address(posixpath.dirname(manifest), row.video), []).append(times)
    return Known({video: joined(parts) for video, parts in found.items()}, places)


def joined(parts: Sequence[Range]) -> list[Range]:
    """The same time in ranges that ascend and don't overlap."""
    found: list[Range] = []
    for start, end in sorted(parts):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found
