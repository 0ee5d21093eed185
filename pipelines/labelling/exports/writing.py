"""Writes exports: the forms by their names, and how the files of each get into the output folder."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from pipelines import files
from pipelines.core.errors import OutputError, UsageError
from pipelines.core.hashing import fingerprint
from pipelines.labelling.exports.cvat import tracks
from pipelines.labelling.exports.label_studio import tasks
from pipelines.labelling.exports.media import Videos
from pipelines.labelling.exports.plain import results, subtitles, table
from pipelines.labelling.exports.reading import VideoLabels, read_labels, read_summary
from pipelines.labelling.exports.video_intelligence import responses
from pipelines.labelling.types import Segment

EXPORTS: Mapping[str, Callable[[Iterable[VideoLabels], Videos], Iterator[tuple[str, str | Iterable[str]]]]] = {
    "label-studio": tasks,
    "cvat": tracks,
    "activitynet": results,
    "csv": table,
    "webvtt": subtitles,
    "video-intelligence": responses,
}
"""Each form is a function from the labels of videos, and where these are, to the files of the export: paths below the
output, and their text, whole or in parts. It gets the videos one at a time; a form that is a single file gives its
parts one at a time, too."""
WITHOUT_UNFAMILIAR = frozenset(("activitynet", "webvtt", "video-intelligence"))
"""Forms that can't say that a label is unlike the training data."""
WITHOUT_PLACES = frozenset(("activitynet", "webvtt", "video-intelligence"))
"""Forms that don't need to know where the videos are."""
_AT_ONCE = 256
"""Files that are written at the same time, which helps in stores."""
_UNFINISHED = "_unfinished"
"""A file that is in the output until the export is complete, and says what is exported."""


def write_export(
    labels: str,
    form: str,
    output: str,
    places: Videos | None = None,
    only: Mapping[str, Sequence[Segment]] | None = None,
) -> tuple[int, int, int]:
    """Writes an export, each file atomically. An unfinished one of the same labels is written again, to the same bytes.

    Args:
        labels: the output of `pipelines.label`.
        form: one of `EXPORTS`.
        output: a folder that doesn't exist, is empty, or has an unfinished export of the same labels.
        places: where the videos are; if None, where the labels say.
        only: the segments to export, by id of the video; None for all.

    Returns:
        The number of videos, that of videos with failures, and that of files.

    Raises:
        UsageError: the labels aren't complete or are damaged, the folder holds something else, or the form needs the
            frame rates of videos that can't be read.
        OutputError: a file can't be written.
    """
    chosen = [] if only is None else [[video, list(map(repr, segments))] for video, segments in sorted(only.items())]
    what = fingerprint([form, read_summary(labels), *chosen])
    _check_output(output, what)
    temporary = files.join(output, ".tmp")
    files.write_text(files.join(output, _UNFINISHED), what, temporary)
    videos = failed = written = 0

    def counted() -> Iterator[VideoLabels]:
        nonlocal videos, failed
        for video in read_labels(labels):
            if only is not None:
                if video.video not in only:
                    continue
                video = replace(video, segments=tuple(only[video.video]))
            videos, failed = videos + 1, failed + bool(video.failures)
            yield video

    made = EXPORTS[form](counted(), places or Videos())
    while lot := list(islice(made, _AT_ONCE)):
        files.in_parallel(lambda file: files.write_text(files.join(output, file[0]), file[1], temporary), lot)
        written += len(lot)
    try:
        files.delete_folder(temporary)
        files.delete([files.join(output, _UNFINISHED)])
    except OSError as error:
        raise OutputError(f"the export is complete, but {files.reason(error)}; remove {_UNFINISHED} there") from error
    return videos, failed, written


def _check_output(output: str, what: str) -> None:
    try:
        found = files.list_names(output)
        unfinished = files.read_text(files.join(output, _UNFINISHED)) if found else None
    except OSError as error:
        raise UsageError(f"cannot read the folder {output}: {files.reason(error)}") from error
    if found and found != [".tmp"] and unfinished != what:
        raise UsageError(
            f"{output} is not empty (found {', '.join(found[:3])}). Choose another --output or empty the folder"
        )
