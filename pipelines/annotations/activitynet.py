"""ActivityNet's JSON: `database` with the annotations of each video, or `results` with those of a model."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.annotations.entries import Source
from pipelines.annotations.types import Annotation
from pipelines.core.errors import UsageError
from pipelines.core.split_names import split_name

_WITHHELD = "test"
"""Annotations of this split aren't published: that it has none doesn't mean that nothing happens."""


def activitynet(value: Mapping[str, Any], source: Source) -> Iterator[Annotation]:
    """The annotations of `database`, or else of `results`, in their order.

    A video without any yields one for the whole video without labels, unless it belongs to the test videos.

    Raises:
        UsageError: the file has another form; the message names the place.
    """
    if "database" in value:
        yield from _database(_mapping(value["database"], "database", source), source)
    else:
        yield from _results(_mapping(value["results"], "results", source), source)


def _database(videos: Mapping[str, Any], source: Source) -> Iterator[Annotation]:
    for name, entry in videos.items():
        place = f"database.{name}"
        entry = _mapping(entry, place, source)
        subset = str(entry.get("subset") or "")
        video = source.video(name, {**_plain(entry), "id": name}, place)
        items = _items(entry.get("annotations", []), f"{place}.annotations", source)
        for number, item in enumerate(items):
            where = f"{place}.annotations[{number}]"
            yield _one(item, where, video, subset, str(entry.get("group") or ""), source)
        if not items and split_name(subset) != _WITHHELD:
            yield source.annotation(place, video, split=subset)


def _results(videos: Mapping[str, Any], source: Source) -> Iterator[Annotation]:
    for name, items in videos.items():
        place = f"results.{name}"
        video = source.video(name, {"id": name}, place)
        found = _items(items, place, source)
        for number, item in enumerate(found):
            yield _one(item, f"{place}[{number}]", video, "", "", source)
        if not found:
            yield source.annotation(place, video)


def _one(item: Any, place: str, video: str, split: str, group: str, source: Source) -> Annotation:
    item = _mapping(item, place, source)
    segment, label = item.get("segment"), item.get("label")
    if not isinstance(segment, list) or len(segment) != 2 or not isinstance(label, str) or not label:
        raise UsageError(f'{source.where(place)}: expected "segment": [START, END] in seconds and "label": NAME')
    return source.annotation(place, video, (segment[0], segment[1]), label, group, split, item.get("score"))


def _mapping(value: Any, place: str, source: Source) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{source.where(place)}: expected an object as in ActivityNet's JSON, not {value!r:.60}")
    return value


def _items(value: Any, place: str, source: Source) -> list[Any]:
    if not isinstance(value, list):
        raise UsageError(f"{source.where(place)}: expected a list as in ActivityNet's JSON, not {value!r:.60}")
    return value


def _plain(entry: Mapping[str, Any]) -> dict[str, str | int | float]:
    return {key: value for key, value in entry.items() if isinstance(value, str | int | float)}
