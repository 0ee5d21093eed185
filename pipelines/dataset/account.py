"""The account of a run: proves from the output that every listed video is written, failed or filtered."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import median

from pipelines.core.errors import IncompleteError, TooManyFailuresError
from pipelines.core.failure import Failure
from pipelines.core.file_names import FAILURES
from pipelines.core.relative import name_of
from pipelines.dataset.config import PreprocessConfig, with_names_for_paths
from pipelines.dataset.index import count_labels
from pipelines.dataset.info import DatasetInfo, IndexInfo, ShardInfo, ShardReport, SplitInfo
from pipelines.dataset.plan import Plan
from pipelines.inputs.catalog import Catalog
from pipelines.reports.text import plural

_SHOWN = 5


def check_all_accounted(catalog: Catalog, reports: Sequence[ShardReport]) -> None:
    """Proves that the reports account for each listed video exactly once, and for nothing else.

    Raises:
        IncompleteError: the reports don't; the message names the first few videos.
    """
    ids = sorted(video_id for report in reports for video_id in report.video_ids())
    if ids == [video.video_id for video in catalog.videos]:
        return
    found, listed = Counter(ids), {video.video_id for video in catalog.videos}
    for what, wrong in (
        ("missing from the output", listed - found.keys()),
        ("in the output but not in the input", found.keys() - listed),
        ("in the output twice", {video_id for video_id, count in found.items() if count > 1}),
    ):
        if wrong:
            shown = ", ".join(sorted(wrong)[:_SHOWN])
            raise IncompleteError(
                f"{len(wrong)} of {len(listed)} videos are {what} ({shown}); run the same command again"
            )


def name_lines(reports: Sequence[ShardReport], catalog: Catalog, source: str) -> list[ShardReport]:
    """The reports with messages of failures that begin with the manifest and the line, where a line names a part.

    Reports don't hold them: lines move when others come or go, while a shard stays as it is.
    """
    failed = {failure.video_id for report in reports for failure in report.failed}
    place_of = {video.video_id: video.place for video in catalog.videos if video.place and video.video_id in failed}
    if not place_of:
        return list(reports)
    name = name_of(source)

    def told(failure: Failure) -> Failure:
        place = place_of.get(failure.video_id)
        return replace(failure, message=f"{name}, {place}: {failure.message}") if place else failure

    return [replace(report, failed=tuple(map(told, report.failed))) for report in reports]


def check_failure_rate(
    num_failed: int, num_listed: int, max_rate: float, failures: Iterable[tuple[str, str, str]], kept: str
) -> None:
    """Refuses a result with too many failures.

    Args:
        num_failed: videos that failed.
        num_listed: all videos.
        max_rate: share that may fail.
        failures: type, address and message of each failure.
        kept: what need not be done again, for the message.

    Raises:
        TooManyFailuresError: more than `max_rate` of the videos failed; the message counts the reasons.
    """
    if num_failed <= max_rate * num_listed:
        return
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for kind, uri, message in failures:
        counts[kind] += 1
        examples.setdefault(kind, f"{uri}: {message}")
    verdict = "\n".join(f"  {count:6d} {kind}, for example {examples[kind]}" for kind, count in counts.most_common())
    raise TooManyFailuresError(
        f"{num_failed:,} of {plural(num_listed, 'video')} failed ({num_failed / num_listed:.1%}), more than the "
        f"{max_rate:.1%} that --max-failure-rate allows:\n{verdict}\n"
        f"All are in {FAILURES}. Fix or remove these videos, or allow more, then run the same command again: "
        f"{kept} kept"
    )


def describe(
    config: PreprocessConfig,
    catalog: Catalog,
    plan: Plan,
    reports: Sequence[ShardReport],
    indexes: Mapping[str, IndexInfo],
    versions: Mapping[str, str],
) -> DatasetInfo:
    """The description of a complete dataset, from the reports of its shards in the order of the plan."""
    written = [video for report in reports for video in report.written]
    failed = [*catalog.left_out.failed, *(failure for report in reports for failure in report.failed)]
    # With dense windows, a row becomes several clips, and may also have a failure for other parts of it.
    listed, num_filtered = (
        catalog.num_listed,
        len(catalog.left_out.filtered) + sum(len(report.filtered) for report in reports),
    )
    extra = len(written) + len(failed) + num_filtered - listed
    durations = sorted(video.duration_s for video in written) or [0.0]
    return DatasetInfo(
        clip_spec=config.clip_spec,
        encoding=config.frame_encoding,
        compression=config.compression,
        labels=plan.labels,
        splits=summarise_splits(reports, plan.splits, indexes, catalog.multi_label),
        counts={
            "listed": listed,
            **({"extra": extra} if config.dense or config.background else {}),
            "written": len(written),
            "failed": len(failed),
            "filtered": num_filtered,
            "ignored": catalog.num_ignored,
            "damaged": sum(video.damaged for video in written),
        },
        failures_by_reason=dict(sorted(Counter(failure.type for failure in failed).items())),
        durations_s={
            "min": durations[0],
            "median": median(durations),
            "max": durations[-1],
            "total": round(sum(durations), 3),
            **({"window": config.clip_s} if config.dense else {}),
        },
        configuration=with_names_for_paths(config.identity()),
        versions=versions,
        notes=catalog.notes,
        multi_label=catalog.multi_label,
    )


def summarise_splits(
    reports: Iterable[ShardReport],
    split_names: Iterable[str],
    indexes: Mapping[str, IndexInfo] | None = None,
    multi_label: bool = False,
) -> dict[str, SplitInfo]:
    """The splits of a dataset, from the reports of its shards in the order of the shards.

    Args:
        reports: of all shards.
        split_names: in the order wanted.
        indexes: the index of each split that has one.
        multi_label: whether a clip may have several labels.
    """
    by_split: dict[str, list[ShardReport]] = {name: [] for name in split_names}
    for report in reports:
        by_split[report.split].append(report)
    return {
        name: SplitInfo(
            shards=tuple(ShardInfo(r.name, len(r.written), r.size_bytes, r.sha256) for r in split_reports),
            groups=tuple(sorted({video.group for r in split_reports for video in r.written})),
            num_examples_by_class=dict(
                sorted(count_labels((v.label for r in split_reports for v in r.written), multi_label).items())
            ),
            index=(indexes or {}).get(name),
        )
        for name, split_reports in by_split.items()
    }
