"""Labels videos: `python -m pipelines.label`, see `--help`."""

import contextlib
import re
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from pipelines import files
from pipelines.annotations.tables import check_address
from pipelines.cli import tool
from pipelines.core.errors import EXIT_OK, UsageError
from pipelines.core.label_sets import UNKNOWN
from pipelines.core.model_info import ModelInfo
from pipelines.dataset import folder
from pipelines.decoding.messages import WindowJob
from pipelines.engines.engine import Engine, num_decoders, plain_engine, resources
from pipelines.files.lock import exclusive
from pipelines.labelling import folder as label_store
from pipelines.labelling.config import LabelConfig
from pipelines.labelling.flags import LabelRequest, parse
from pipelines.labelling.flags import make_parser as make_parser
from pipelines.labelling.listing import list_videos
from pipelines.labelling.pending import Work, make_work
from pipelines.labelling.plan import LabelTask, Listing
from pipelines.labelling.types import LabelReport
from pipelines.models.scorer import Scorer, read_model_info, shared_scorer
from pipelines.process import extras
from pipelines.process.background import PATIENCE_S, Background, leave
from pipelines.process.callable_module import make_callable
from pipelines.reports.ignored import say_ignored
from pipelines.reports.progress import LOCAL_PROGRESS, videos_done, watching
from pipelines.reports.text import plural, visible
from pipelines.transforms.worker import close_pools, start_decoders
from pipelines.video.windows import WindowSpec, default_windows

if TYPE_CHECKING:
    import apache_beam as beam

_BEAM_MODULES = [f"pipelines.transforms.{name}" for name in ("plan", "decoding", "scoring", "ledger", "labels")]


def build(
    pipeline: "beam.Pipeline", plan_uri: str, work: Work, workers: int, threads: int, table_files: str = ""
) -> None:
    """Builds the job: unlabelled videos go in, and the labels of their shards come out."""
    import apache_beam as beam

    from pipelines.transforms.decoding import RANGES, DecodeRanges, DecodeVideos
    from pipelines.transforms.labels import LabelSettings, ShardsDone, WriteLabels
    from pipelines.transforms.ledger import RecordResults
    from pipelines.transforms.plan import ReadPlan
    from pipelines.transforms.scoring import ScoreClips

    config, info, shape = work.config, work.info, work.info.clip_spec.shape
    job = WindowJob(info.clip_spec, work.windows, config.limits)
    score = ScoreClips(config.model, info, threads, config.trust_model, config.embeddings)
    videos = (
        pipeline
        | "PlanFile" >> beam.Create([plan_uri], reshuffle=False)
        | "ReadPlan" >> ReadPlan(LabelTask.from_json)
        | "DecodeVideos" >> DecodeVideos(job, workers)
    )
    of_videos = (
        videos.windows | "ScoreVideos" >> score | "RecordVideos" >> RecordResults(config.output, work.key, shape)
    )
    of_ranges = (
        videos[RANGES]
        | "DecodeRanges" >> DecodeRanges(job, workers)
        | "ScoreRanges" >> score
        | "RecordRanges" >> RecordResults(config.output, work.key, shape)
    )
    rows = (
        (of_videos, of_ranges)
        | "AllRecorded" >> beam.Flatten()
        | "ShardsDone" >> ShardsDone(work.marks)
        | "WriteLabels" >> WriteLabels(LabelSettings(config, info, work.key, work.layout.num_shards))
    )
    if config.bigquery_table:
        from pipelines.transforms.bigquery import WriteRows

        _ = rows | "BigQuery" >> WriteRows(config.bigquery_table, table_files)


def run(arguments: Sequence[str]) -> int:
    """Runs the job that a command line asks for and returns the exit code.

    Raises:
        UserError: the job can't be done, or ended without all labels.
    """
    request = parse(arguments)
    made = make_labels(request)
    if made:
        from pipelines.labelling.summary import print_label_summary

        print_label_summary(*made)
    return EXIT_OK


def make_labels(request: LabelRequest) -> tuple[LabelReport, str, float | None] | None:
    """Labels all videos that have no labels yet.

    Returns:
        The report on all videos, the folder, and the run time in seconds, which is None if nothing was left to do. None
        instead of all three for a dry run.

    Raises:
        UserError: the job can't be done, or ended without all labels.
    """
    config = request.config
    extras.require("beam", "train", *["gcp"] * bool(config.bigquery_table))
    check_address(config.input, "--input")
    files.check_stores(config.model, config.input, config.output)
    info = read_model_info(config.model)
    if config.embeddings and not info.embedding:
        raise UsageError(
            f"{config.model} gives no embeddings: it was imported, or exported by an earlier version of this software. "
            "Train a model with this version, or leave out --embeddings"
        )
    start = time.monotonic()
    engine = plain_engine(_BEAM_MODULES)
    scorer = _scorer(config, info, engine)
    is_here = all(map(files.is_local, (config.model, config.input, config.output)))
    if loads_ahead := request.is_plain and not config.dry_run and is_here:
        scorer.start(PATIENCE_S)  # while videos are listed
        engine.prepare(PATIENCE_S)
    listing = list_videos(config.input)
    windows = _windows(config, info)
    label_store.read_layout(config.output, config.overwrite)  # refuses a folder with other content before writing to it
    if loads_ahead:
        scorer.start()
        engine.prepare(0.0)
    if not request.is_plain:
        engine = _engine(request)
        scorer = _scorer(config, info, engine)
        start = time.monotonic()
    engine.check_reach("--input", (video.uri for video in listing.videos))
    chosen = listing.videos[: config.limit] if config.limit else listing.videos
    table_files = ""
    if config.bigquery_table:
        from pipelines.transforms.bigquery import check_table

        table_files = check_table(config.bigquery_table, engine.pipeline.options)
    if config.dry_run:
        from pipelines.engines.label_dry_run import describe

        describe(make_work(config, info, windows, chosen, engine.parallelism), listing, engine, engine.threads)
        return None
    try:
        if engine.is_default:
            start_decoders(num_decoders(config.workers, engine), config.limits, len(chosen))
        scorer.result()  # a model that doesn't work is refused before any work starts
        with exclusive(config.output):
            work = make_work(config, info, windows, chosen, engine.parallelism)
            label_store.prepare(config.output, work.layout, config.format, work.shards)
            _log_start(work, listing, engine)
            if work.marks:
                _label(work, engine, table_files)
            from pipelines.labelling.finish import finish

            report = finish(work, listing, time.monotonic() - start, work.num_pending)
    finally:
        close_pools()
    return report, config.output, time.monotonic() - start if work.num_pending else None


def _scorer(config: LabelConfig, info: ModelInfo, engine: Engine) -> Background[Scorer]:
    return Background(lambda: shared_scorer(config.model, info, engine.threads, config.trust_model, config.embeddings))


def _engine(request: LabelRequest) -> Engine:
    """The engine of a request with options for Beam, which is imported for this."""
    from pipelines.engines.runners import make_engine

    places = {"--model": request.config.model, "--output": request.config.output}
    return make_engine(request.runner, request.beam_arguments, make_parser().flags, "label", places)


def _windows(config: LabelConfig, info: ModelInfo) -> WindowSpec:
    try:
        return default_windows(info.durations_s, config.window_s, config.stride_s, config.range_s)
    except ValueError as error:
        raise UsageError(re.sub(r"\b(window|stride|range)_s\b", r"--\1-s", str(error))) from error


def _label(work: Work, engine: Engine, table_files: str) -> None:
    output = work.config.output
    plan_uri = folder.write_plan(output, work.tasks())
    build(engine.pipeline, plan_uri, work, num_decoders(work.config.workers, engine), engine.threads, table_files)
    from pipelines.engines.runners import run_pipeline

    before, seconds = LOCAL_PROGRESS.videos, LOCAL_PROGRESS.seconds
    in_ledger = 0 if engine.in_process else label_store.count_entries(output)

    def done() -> float:
        if engine.in_process:
            return LOCAL_PROGRESS.videos - before
        return label_store.count_entries(output) - in_ledger

    hours = (lambda: LOCAL_PROGRESS.seconds - seconds) if engine.in_process else None
    try:
        total, poll_s = work.num_pending, 0.2 if engine.in_process else 5.0
        with watching("Labelling", total, done, poll_s, videos_done(total, hours)):
            run_pipeline(engine)
    finally:
        close_pools()
        if table_files:
            with contextlib.suppress(OSError):  # leftovers do no harm
                files.delete_folder(table_files)


def _log_start(work: Work, listing: Listing, engine: Engine) -> None:
    total, pending, windows = work.num_videos, work.num_pending, work.windows
    tool.say_damaged(work.config.output, work.damaged)
    say_ignored(listing.ignored, work.config.output)
    if listing.num_comments:
        tool.say(f"note: lines of the list that begin with # and count as comments: {listing.num_comments:,}")
    if listing.num_repeated:
        count = listing.num_repeated
        tool.say(f"note: {plural(count, 'entry', 'entries')} of the list repeat{'s' * (count == 1)} an earlier one")
    if listing.unused:
        tool.say(f"note: columns of the manifest that are not used: {visible(', '.join(listing.unused))}")
    if UNKNOWN in work.info.labels:
        tool.say(
            f"WARNING: the model has a class called {UNKNOWN}, which is also the label of time for which no class is "
            "certain enough: measures and exports leave it out. Give that class another name"
        )
    if not work.info.durations_s and not work.config.window_s:
        tool.say(
            "note: the model doesn't say how long its training videos were, so windows are "
            f"{windows.window_s:g} s long. Choose another length with --window-s"
        )
    again = f", {total - pending} already labelled" if total > pending else ""
    tool.say(
        f"{plural(total, 'video')}{again}; model {visible(work.info.name)} ({work.info.fingerprint}); videos longer "
        f"than {windows.whole_up_to_s:g} s in windows of {windows.window_s:g} s, one every {windows.stride_s:g} s; "
        f"using {resources(work.config.workers, engine)}"
    )


def main() -> int:
    """Entry point of the command line."""
    tool.quiet_libraries()
    return leave(tool.run_tool(run, sys.argv[1:]))


if __name__ == "__main__":
    sys.exit(main())
make_callable(__name__, lambda: import_module("pipelines.interface").label)  # `pipelines.label(...)`
