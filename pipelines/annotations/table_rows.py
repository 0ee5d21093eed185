"""Annotations in tables: a manifest's columns with start and end, and Kinetics' lists of clips."""

from collections.abc import Iterator, Sequence

from pipelines.annotations.entries import Source
from pipelines.annotations.tables import read_table
from pipelines.annotations.types import Annotation
from pipelines.core.errors import UsageError

ACCEPTED = "path,label,start,end and optionally group,split,score (times are seconds, MM:SS or HH:MM:SS.mmm)"
_VIDEO, _START, _END = ("path", "video"), ("start", "start_s"), ("end", "end_s")
_OPTIONAL = ("group", "split", "score")
_KINETICS = ("youtube_id", "time_start", "time_end")


def is_kinetics(columns: Sequence[str]) -> bool:
    """Whether these columns are those of Kinetics."""
    return set(_KINETICS) <= set(columns)


def plain_rows(text: str, columns: Sequence[str], source: Source) -> Iterator[Annotation]:
    """The annotations of a table with the columns path (or video), label, start and end, which may be empty together,
    and optionally group, split and score. A line without label says that nothing of interest happens.

    Args:
        text: the whole table.
        columns: its first line, in lower case.
        source: the file.

    Raises:
        UsageError: a column is missing, or a value is wrong; the message names the line.
    """
    chosen = [_one_of(names, columns) for names in (_VIDEO, ("label",), _START, _END)]
    if not chosen[0] or not chosen[1] or bool(chosen[2]) != bool(chosen[3]):
        raise UsageError(
            f"{source.name}: the columns {','.join(columns)} are not those of annotations. Expected {ACCEPTED}"
        )
    video, label = chosen[:2]
    times = [name for name in chosen[2:] if name] or ["start", "end"]
    optional = (label, *_OPTIONAL, *times)
    for line, values in read_table(text, source.name, (video,), optional).rows:
        path, names, group, split, score, *given = values
        place = f"line {line}"
        if source.pattern:
            path = source.video(path, dict(zip((video, *optional), values, strict=True)), place)
        start, end = given
        yield source.annotation(place, path, (start, end), names, group, split, score)


def kinetics_rows(text: str, source: Source) -> Iterator[Annotation]:
    """The clips of a table of Kinetics: label, youtube_id, time_start, time_end and optionally split.

    A pattern that contains `time_start` or `time_end` names clips that are cut out already, so their annotations are of
    the whole file, and clips of one video are a group; otherwise times are those in the whole video. Without a pattern,
    the video is its `youtube_id`.

    Raises:
        UsageError: a column is missing, or a value is wrong; the message names the line.
    """
    is_cut = source.pattern is not None and bool({"time_start", "time_end"} & source.pattern.fields)
    for line, (video, start, end, label, split) in read_table(
        text, source.name, (*_KINETICS, "label"), ("split",)
    ).rows:
        place = f"line {line}"
        timed = source.annotation(place, video, (start, end), label, split=split)
        if source.pattern is None:
            yield timed
            continue
        fields: dict[str, str | int | float] = {"youtube_id": video, "label": label, "split": split}
        for name, time_s in (("time_start", timed.start_s), ("time_end", timed.end_s)):
            fields[name] = int(time_s or 0) if float(time_s or 0).is_integer() else float(time_s or 0)
        path = source.video(video, fields, place)
        times = (None, None) if is_cut else (start, end)
        yield source.annotation(place, path, times, label, video if is_cut else "", split)


def _one_of(names: Sequence[str], columns: Sequence[str]) -> str:
    return next((name for name in names if name in columns), "")
