"""The part of a dataset's preview that shows what is not in the dataset, and why."""

import heapq
from collections.abc import Iterable, Sequence

from pipelines.core.file_names import FAILURES
from pipelines.core.video_files import IGNORED, IgnoredFile
from pipelines.dataset.info import REMARKS, DatasetInfo, ShardReport
from pipelines.inputs.catalog import Catalog
from pipelines.inputs.records import LeftOut
from pipelines.reports.parts import STACKED, folded, table
from pipelines.reports.text import by_count, plural

MAX_ROWS = 200
"""Rows of a table."""


def left_out(info: DatasetInfo, reports: Sequence[ShardReport], catalog: Catalog) -> str:
    """Failures by reason and one by one, filtered videos, remarks on clips, and files that are not videos."""
    parts = []
    if info.failures_by_reason:
        parts.append(table("Failures by reason", ("Reason", "Videos"), by_count(info.failures_by_reason)))
    sources: list[LeftOut | ShardReport] = [catalog.left_out, *reports]
    if num_failed := sum(len(source.failed) for source in sources):
        rows = _first((f.video_id, f.label or "", f.stage, f.type, f.message) for s in sources for f in s.failed)
        headers, where = ("Video", "Class", "Stage", "Reason", "Message"), f"; {FAILURES} has all of them"
        summary = plural(num_failed, "failure")
        parts.append(
            folded(summary, "Failures", headers, rows, MAX_ROWS, where=where, num_rows=num_failed, kind=STACKED)
        )
    if num_filtered := sum(len(source.filtered) for source in sources):
        rows = _first((f.video_id, f.label, f.reason) for s in sources for f in s.filtered)
        summary, columns = f"{plural(num_filtered, 'video')} filtered", ("Video", "Class", "Reason")
        parts.append(folded(summary, "Filtered", columns, rows, MAX_ROWS, num_rows=num_filtered, kind=STACKED))
    nothing = not parts
    if said := [(v.video_id, v.label, v.remark) for report in reports for v in report.written if v.remark]:
        summary, columns = f"{plural(len(said), 'remark')} on clips", ("Video", "Class", "Remark")
        where = f"; {REMARKS} has all of them"
        parts.append(
            folded(summary, "Remarks", columns, _first(said), MAX_ROWS, where=where, num_rows=len(said), kind=STACKED)
        )
    if nothing:
        parts.append('<p class="soft">None: every listed video became a clip.</p>')
    return "".join(parts) + _ignored(catalog.ignored)


def _ignored(ignored: Sequence[IgnoredFile]) -> str:
    rows = [(file.path, file.reason) for file in ignored[:MAX_ROWS]]
    summary, where = f"{plural(len(ignored), 'other file')} ignored", f"; {IGNORED} has all of them"
    headers = ("File", "Reason")
    return folded(summary, "Ignored", headers, rows, MAX_ROWS, where=where, num_rows=len(ignored)) if rows else ""


def _first(rows: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return heapq.nsmallest(MAX_ROWS, rows)
