"""Makes a dataset of videos: `python -m pipelines.preprocess`, see `--help`."""

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

from pipelines import files
from pipelines.cli import tool
from pipelines.core.errors import EXIT_OK, IncompleteError
from pipelines.core.versions import OF_DATASET, versions
from pipelines.dataset import folder
from pipelines.dataset.account import check_all_accounted, check_failure_rate, describe, name_lines
from pipelines.dataset.config import PreprocessConfig
from pipelines.dataset.duplicates import find_copies
from pipelines.dataset.flags import Request, parse
from pipelines.dataset.flags import make_parser as make_parser
from pipelines.dataset.info import DatasetInfo, ShardReport
from pipelines.dataset.listing import check_input, read_catalog, read_split_files, say_start, without_duplicates
from pipelines.dataset.notes import notes_on
from pipelines.dataset.pages.preview import render_preview
from pipelines.dataset.plan import Layout, Plan, PlannedShard, ShardTask, make_plan
from pipelines.dataset.readers import tars, written
from pipelines.dataset.readers.datasheet import README, Provenance
from pipelines.dataset.readers.packing import tar_settings, with_tars, without_tar
from pipelines.dataset.shard_writer import ShardSettings
from pipelines.dataset.split_choice import choose_splits, note_splits
from pipelines.dataset.summary import print_summary
from pipelines.decoding.messages import DecodeJob
from pipelines.engines.engine import Engine, num_decoders, plain_engine, resources
from pipelines.files.lock import exclusive
from pipelines.files.shard_reports import finished_shards
from pipelines.inputs.background import annotated_parts, with_background
from pipelines.inputs.catalog import Catalog, select
from pipelines.inputs.class_notes import note_classes
from pipelines.inputs.label_unions import with_several_labels
from pipelines.inputs.overlaps import remark_overlaps
from pipelines.process import extras
from pipelines.process.background import PATIENCE_S, leave
from pipelines.process.callable_module import make_callable
from pipelines.reports.progress import LOCAL_PROGRESS, files_done, videos_done, watching
from pipelines.reports.text import plural
from pipelines.transforms.worker import close_pools, start_decoders

if TYPE_CHECKING:
    import apache_beam as beam


def build(
    pipeline: "beam.Pipeline",
    plan_uri: str,
    config: PreprocessConfig,
    settings: ShardSettings,
    workers: int,
    to_pack: Sequence[str] | None = None,
) -> None:
    """Builds the job: shards to be written go in, and their files come out.

    Args:
        pipeline: to be filled.
        plan_uri: file with the shards to be written; empty if there are none.
        config: the settings of the run.
        settings: what the shards have in common.
        workers: number of decoder processes of each Beam worker process.
        to_pack: names of finished shards that also become tar files, as all that are written do; None for no tar files.
    """
    import apache_beam as beam

    shards = []
    if plan_uri:
        from pipelines.transforms.plan import ReadPlan
        from pipelines.transforms.shards import WriteShards

        tasks = (
            pipeline
            | "PlanFile" >> beam.Create([plan_uri], reshuffle=False)
            | "ReadPlan" >> ReadPlan(ShardTask.from_json)
        )
        shards.append(tasks | "WriteShards" >> WriteShards(config.output, settings, workers))
    if to_pack is not None:
        from pipelines.transforms.tars import WriteTars

        if to_pack:
            shards.append(pipeline | "FinishedShards" >> beam.Create(to_pack))
        _ = shards | beam.Flatten() | "WriteTars" >> WriteTars(config.output, tar_settings(config))


def run(arguments: Sequence[str]) -> int:
    """Runs the job that a command line asks for and returns the exit code.

    Raises:
        UserError: the job can't be done, or ended without a complete dataset.
    """
    request = parse(arguments)
    info, seconds = make_dataset(request)
    print_summary(info, request.config.output, seconds)
    return EXIT_OK


def make_dataset(request: Request) -> tuple[DatasetInfo, float | None]:
    """Makes a dataset, or the missing part of it.

    Returns:
        Its description, and the run time in seconds, which is None if a part of the dataset already existed.

    Raises:
        UserError: the job can't be done, or ended without a complete dataset.
    """
    extras.require("beam")
    config = request.config
    if not request.use_sample_data:
        check_input(config.input)
    engine = None if request.is_plain else _engine(request)
    if request.use_sample_data:
        _make_sample_videos(config)
    start = time.monotonic()
    engine = engine or plain_engine(["pipelines.transforms.plan", "pipelines.transforms.shards"])
    is_here = files.is_local(config.input) and files.is_local(config.output)
    if loads_ahead := is_here and (config.overwrite or not folder.is_complete(config.output)):
        engine.prepare(PATIENCE_S)  # while videos are listed
    files.check_stores(config.input, config.output)
    listed = read_catalog(config.input, config.class_level, config.video_pattern, config.multi_label)
    catalog, config = choose_splits(listed, config, read_split_files(config.split_file))
    parts = annotated_parts(listed) if config.background else {}
    del listed
    if config.multi_label:
        catalog = with_several_labels(catalog)
    catalog = select(catalog, config.classes, config.limit)
    if config.drop_duplicates:
        catalog = without_duplicates(catalog)
    catalog = catalog if config.multi_label else remark_overlaps(catalog)
    if config.background:
        catalog = with_background(catalog, parts, config.background)
    catalog = note_classes(note_splits(catalog))
    folder.read_layout(config.output, config.overwrite)  # refuses a folder with other content before writing to it
    engine.check_reach("--input", (video.uri for video in catalog.videos))
    with exclusive(config.output):
        if loads_ahead:
            engine.prepare(0.0)
        layout = folder.read_layout(config.output, config.overwrite)
        anew = layout is not None and config.overwrite and not _goes_on(layout, config)
        if layout and not config.overwrite:
            layout.check_same(config.identity(), config.output)
        plan = make_plan(catalog, config, None if anew else layout, engine.parallelism)
        if anew:
            folder.remove_dataset(config.output)
        damaged: list[str] = []
        pending = folder.prepare(config.output, plan, damaged.append)
        tool.say_damaged(config.output, damaged)
        say_start(catalog, plan, len(pending), config.output, resources(config.workers, engine))
        unpacked = without_tar(config, plan)
        if pending or unpacked:
            _write_shards(config, engine, plan, pending, unpacked)
        info = _finish(config, catalog, plan)
    return info, time.monotonic() - start if len(pending) == len(plan.shards) else None


def _engine(request: Request) -> Engine:
    """The engine that a request asks for. This imports Beam, which checks its options before videos are listed."""
    from pipelines.engines.runners import make_engine

    places = {"--output": request.config.output}
    if request.use_sample_data:
        places["--input"] = request.config.input
    return make_engine(request.runner, request.beam_arguments, make_parser().flags, "preprocess", places)


def _goes_on(layout: Layout, config: PreprocessConfig) -> bool:
    """Whether `--overwrite` meets its own unfinished work, which it must not throw away."""
    return not layout.differences(config.identity()) and not folder.is_complete(config.output)


def _write_shards(
    config: PreprocessConfig,
    engine: Engine,
    plan: Plan,
    pending: Sequence[PlannedShard],
    unpacked: Sequence[str],
) -> None:
    job = DecodeJob(config.clip_spec, config.frame_encoding, config.min_frames, config.limits, dense=config.dense)
    settings = ShardSettings(job, plan.labels, config.compression, config.multi_label)
    workers = num_decoders(config.workers, engine)
    plan_uri = folder.write_plan(config.output, (shard.line for shard in pending)) if pending else ""
    videos = {shard.name: shard.num_videos for shard in pending}
    to_pack = [name for name in unpacked if name not in videos] if unpacked else None
    total, before = sum(videos.values()) or len(unpacked), LOCAL_PROGRESS.videos
    packed = 0 if pending else tars.finished(config.output)
    title, describe = ("Preprocessing", videos_done(total)) if pending else ("Packing", files_done(total))

    def done() -> float:
        if not pending:
            return tars.finished(config.output) - packed
        if engine.in_process:
            return LOCAL_PROGRESS.videos - before
        return sum(videos.get(name, 0) for name in finished_shards(config.output))

    try:
        if engine.is_default and pending:
            start_decoders(workers, config.limits, total)  # while Beam is still being imported
        build(engine.pipeline, plan_uri, config, settings, workers, to_pack)
        from pipelines.engines.runners import run_pipeline

        poll_s = 0.2 if engine.in_process else 5.0
        with watching(title, total, done, poll_s, describe):
            run_pipeline(engine)
    finally:
        close_pools()


def _finish(config: PreprocessConfig, catalog: Catalog, plan: Plan) -> DatasetInfo:
    """Proves that nothing is missing, and only then writes what makes the dataset complete."""
    found = list(folder.read_reports(config.output, plan.shards, from_listing=False))
    if lost := [shard.name for shard, report in zip(plan.shards, found, strict=True) if report is None]:
        number = plural(len(lost), "shard")
        raise IncompleteError(f"not written: {number}, for example {lost[0]}; run the same command again")
    reports: list[ShardReport] = [report for report in found if report]
    check_all_accounted(catalog, reports)
    reports = name_lines(reports, catalog, config.input)
    failures = [*catalog.left_out.failed, *(failure for report in reports for failure in report.failed)]
    copies = find_copies(reports)
    folder.write_failures(config.output, failures, config.input)
    folder.write_ignored(config.output, catalog.ignored)
    folder.write_duplicates(config.output, copies, catalog.copies)
    folder.write_remarks(config.output, reports, catalog.videos)
    reasons = ((failure.type, failure.uri, failure.message) for failure in failures)
    check_failure_rate(len(failures), catalog.num_listed, config.max_failure_rate, reasons, "finished shards are")
    indexes = folder.write_indexes(config.output, plan.splits, reports)
    info = describe(config, catalog, plan, reports, indexes, versions(OF_DATASET))
    title = os.path.basename(config.output)
    notes = map(str, notes_on(info, reports, copies, catalog.ignored))
    info = replace(info, notes=(*info.notes, *notes))
    info = with_tars(info, config, plan, reports)
    about = Provenance(config.license, sum(len(videos) - 1 for videos in copies))
    if not written.write(config.output, info, about):
        tool.say(f"note: {README} in {config.output} isn't as this software wrote it, and stays as it is; rename it")
    folder.finish(config.output, info, render_preview(info, reports, title, catalog))
    return info


def _make_sample_videos(config: PreprocessConfig) -> None:
    from pipelines.sample_data import run as make_videos

    tool.say(f"No --input given: using sample videos in {config.input}")
    make_videos(["--output", config.input, *(["--workers", str(config.workers)] if config.workers else [])])


def main() -> int:
    """Entry point of the command line."""
    tool.quiet_libraries()
    return leave(tool.run_tool(run, sys.argv[1:]))


if __name__ == "__main__":
    sys.exit(main())
make_callable(__name__, lambda: import_module("pipelines.interface").preprocess)  # `pipelines.preprocess(...)`
