"""The end of a labelling run: the check that nothing is missing, the summary and the report."""

import json
import posixpath
from itertools import chain
from typing import Any

from pipelines import files
from pipelines.core.errors import IncompleteError
from pipelines.core.relative import relative_to
from pipelines.core.versions import OF_LABELS, versions
from pipelines.dataset import folder
from pipelines.dataset.account import check_failure_rate
from pipelines.labelling import folder as label_store
from pipelines.labelling import shards
from pipelines.labelling.account import merge_reports, summarise
from pipelines.labelling.listing import root_of
from pipelines.labelling.pages.links import Places
from pipelines.labelling.pending import Work
from pipelines.labelling.plan import Listing
from pipelines.labelling.report import render_label_report
from pipelines.labelling.types import LabelReport


def finish(work: Work, listing: Listing, seconds: float, num_scored: int) -> LabelReport:
    """Checks that nothing is missing, and only then writes the summary that makes the labels complete."""
    config, layout = work.config, work.layout
    listed = summarise([], listing.failed, len(listing.failed), 0, {})
    report = merge_reports(chain([listed], shards.read_reports(config.output, layout.num_shards)))
    num_chosen = work.num_videos + len(listing.failed)
    if not num_chosen == report.videos == report.labelled + report.failed:
        raise IncompleteError(
            f"{num_chosen} videos were to be labelled, {report.labelled} are and {report.failed} failed; run the same "
            "command again"
        )
    shards.join_failures(config.output, layout.num_shards, listing.failed)
    folder.write_ignored(config.output, listing.ignored)
    reasons = shards.read_failures(config.output)  # the report only has the first ones
    check_failure_rate(report.failed, num_chosen, config.max_failure_rate, reasons, "labels are")
    summary = _summary(work, listing, report, seconds, num_scored)
    settings = {
        name: str(value) for name, value in {**summary["model"], **summary["settings"], **summary["versions"]}.items()
    }
    title = f"Labels of {posixpath.basename(config.input)}"
    videos = root_of(config.input) if files.is_local(config.input) else ""
    page = render_label_report(
        *(report, settings, title, config.min_score, work.info.labels),
        cannot_tell=work.info.unfamiliar.reason,
        places=Places(config.output, videos),
        num_frames=work.info.clip_spec.num_frames,
    )
    label_store.finish(config.output, json.dumps(summary, indent=2) + "\n", page)
    return report


def _summary(
    work: Work, listing: Listing, report: LabelReport, seconds: float, num_scored: int
) -> dict[str, dict[str, Any]]:
    """The content of `summary.json`."""
    config, info = work.config, work.info
    num_shards = work.layout.num_shards
    embeddings = [label_store.embeddings_name(i, num_shards) for i in range(num_shards)]
    return {
        "counts": {
            "listed": listing.num_listed,
            "labelled": report.labelled,
            "failed": report.failed,
            "skipped": listing.num_listed - report.videos,
            "damaged": report.damaged,
            "remarked": report.remarked,
            "single_pictures": report.single,
            "windows": report.windows,
            "ignored": listing.num_ignored,
            "repeated": listing.num_repeated,
        },
        "segments_by_label": dict(report.segments_by_label),
        "seconds_by_label": dict(report.seconds_by_label),
        "failures_by_reason": dict(report.failures_by_reason),
        "unfamiliar": {
            "videos": report.unfamiliar if info.unfamiliar.is_known else None,
            "segments": report.unfamiliar_segments if info.unfamiliar.is_known else None,
            "reason": info.unfamiliar.reason,
        },
        "model": {
            "model": info.name,
            "variant": info.variant,
            "uri": relative_to(config.model, config.output),
            "fingerprint": info.fingerprint,
        },
        "settings": {**work.windows.identity(), **config.segments.identity(), "format": config.format},
        "versions": versions(OF_LABELS),
        "rates": {
            "seconds": round(seconds, 3),
            "videos_scored": num_scored,
            "videos_per_s": round(num_scored / seconds, 3),
        },
        "files": {
            "labels": [label_store.labels_name(i, num_shards, config.format) for i in range(num_shards)],
            **({"embeddings": embeddings} if config.embeddings else {}),
        },
    }
