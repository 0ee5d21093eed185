"""Labels as one table, as ActivityNet's JSON of results, and as subtitles."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from pipelines.annotations.times import time_text
from pipelines.core.label_sets import UNKNOWN
from pipelines.labelling.exports.media import Videos
from pipelines.labelling.exports.reading import VideoLabels
from pipelines.labelling.rows import encodable
from pipelines.labelling.subtitles import path_of_video, webvtt
from pipelines.labelling.types import LabelledVideo, Segment

TABLE, RESULTS = "segments.csv", "activitynet.json"
COLUMNS = ("path", "label", "start", "end", "score", "model", "unfamiliar", "is_unfamiliar")


def table(videos: Iterable[VideoLabels], places: Videos) -> Iterator[tuple[str, str | Iterable[str]]]:
    """One CSV file with the columns of a manifest, and the score, the model and how unfamiliar a segment is."""
    yield TABLE, _lines(videos, places)


def _lines(videos: Iterable[VideoLabels], places: Videos) -> Iterator[str]:
    yield _line(COLUMNS)
    for video in videos:
        address = places.address(video)
        for segment in _known(video):
            times = time_text(segment.start_s), time_text(segment.end_s)
            unfamiliar = "" if segment.unfamiliar is None else f"{segment.unfamiliar:g}"
            flag = "" if segment.is_unfamiliar is None else str(segment.is_unfamiliar).lower()
            yield _line((address, segment.label, *times, segment.score, video.model, unfamiliar, flag))


def _line(values: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(encodable(list(values)))
    return line.getvalue()


def results(videos: Iterable[VideoLabels], _: Videos) -> Iterator[tuple[str, str | Iterable[str]]]:
    """One file in the form of submissions to ActivityNet's challenges, by id of the video."""
    yield RESULTS, _results(videos)


def _results(videos: Iterable[VideoLabels]) -> Iterator[str]:
    yield '{"version": "VERSION 1.3", "results": {'
    between, models = "\n", set()
    for video in videos:
        if video.segments:
            models.add(video.model)
            found = [_result(segment) for segment in _known(video)]
            yield f"{between}{json.dumps(encodable(video.video))}: {json.dumps(encodable(found))}"
            between = ",\n"
    told = {"used": False, "details": f"model {', '.join(sorted(models))}" if models else ""}
    yield f'\n}}, "external_data": {json.dumps(told)}}}\n'


def _result(segment: Segment) -> dict[str, Any]:
    return {"label": segment.label, "score": segment.score, "segment": [segment.start_s, segment.end_s]}


def subtitles(videos: Iterable[VideoLabels], _: Videos) -> Iterator[tuple[str, str | Iterable[str]]]:
    """A WebVTT track for each video with labels, which is named like it."""
    for video in videos:
        if video.segments:
            labelled = LabelledVideo(video.video, video.uri, 0.0, False, video.segments)
            yield path_of_video(video.video, ".vtt"), webvtt(labelled)


def _known(video: VideoLabels) -> list[Segment]:
    return [segment for segment in video.segments if segment.label != UNKNOWN]
