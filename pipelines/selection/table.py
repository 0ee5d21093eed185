"""The table of the segments to look at."""

import csv
import io
import posixpath
from collections.abc import Mapping

from pipelines import files
from pipelines.core.errors import UsageError
from pipelines.core.label_sets import UNKNOWN
from pipelines.labelling.rows import encodable
from pipelines.selection.job import Selection

COLUMNS = ("path", "label", "start", "end", "score", "reason")


def table(selection: Selection, paths: Mapping[str, str]) -> str:
    """The chosen segments as CSV with `COLUMNS`, which reads back as annotations.

    Args:
        selection: what was chosen.
        paths: the path of each of their videos, by id.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for video, found in selection.by_video().items():
        for segment, reason in found:
            label = "" if segment.label == UNKNOWN else segment.label
            row = [paths[video], label, segment.start_s, segment.end_s, segment.score, reason]
            writer.writerow(encodable(row))
    return text.getvalue()


def write_table(output: str, lines: str) -> None:
    """Writes a table atomically. The same one may be there already, and no other.

    Raises:
        UsageError: another file is there, which may hold what a person has corrected.
        OutputError: the file can't be written.
    """
    try:
        there = files.read_text(output)
    except OSError as error:
        raise UsageError(f"cannot read {output}: {files.reason(error)}. Choose another --output") from error
    if there is not None and there != lines:
        raise UsageError(f"{output} exists, with other content. Choose another --output, or remove it")
    if there is None:
        files.write_text(output, lines, posixpath.dirname(output))
