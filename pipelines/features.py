"""Computes what a pretrained network says of a dataset's frames: `python -m pipelines.features`, see `--help`."""

import sys
import time
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from pipelines import files
from pipelines.cli import tool
from pipelines.core.errors import EXIT_OK, IncompleteError
from pipelines.core.relative import relative_to
from pipelines.core.versions import OF_FEATURES, versions
from pipelines.dataset.description_check import dataset_fingerprint
from pipelines.dataset.info import DatasetInfo, ShardInfo
from pipelines.engines.engine import Engine, plain_engine
from pipelines.featurizing import folder, summary
from pipelines.featurizing.config import FeaturesRequest, parse
from pipelines.featurizing.config import make_parser as make_parser
from pipelines.featurizing.info import FeaturesInfo, FeaturesReport, FeaturesSplit
from pipelines.featurizing.plan import FeaturesPlan, FeaturesSettings, FeaturesTask, count_clips, make_plan
from pipelines.featurizing.seeing import Eye, make_eye
from pipelines.files.lock import exclusive
from pipelines.files.shard_reports import finished_shards
from pipelines.process import extras
from pipelines.process.background import PATIENCE_S, leave
from pipelines.process.callable_module import make_callable
from pipelines.process.cores import num_cores
from pipelines.reports.progress import LOCAL_PROGRESS, clips_done, watching
from pipelines.reports.text import plural

if TYPE_CHECKING:
    import apache_beam as beam


def build(pipeline: "beam.Pipeline", plan_uri: str, settings: FeaturesSettings) -> None:
    """Builds the job: shards to be computed go in, and their files come out."""
    import apache_beam as beam

    from pipelines.transforms.featurizing import WriteFeatures
    from pipelines.transforms.plan import ReadPlan

    _ = (
        pipeline
        | "PlanFile" >> beam.Create([plan_uri], reshuffle=False)
        | "ReadPlan" >> ReadPlan(FeaturesTask.from_json)
        | "WriteFeatures" >> WriteFeatures(settings)
    )


def run(arguments: Sequence[str]) -> int:
    """Runs the job that a command line asks for and returns the exit code.

    Raises:
        UserError: the job can't be done, or ended without complete features.
    """
    request = parse(arguments)
    if made := make_features(request):
        summary.print_summary(made[0], request.config, made[1])
    return EXIT_OK


def make_features(request: FeaturesRequest) -> tuple[FeaturesInfo, float | None] | None:
    """Computes features, or the missing part of them.

    Returns:
        Their description, and the run time in seconds without starting, which is None if a part existed before. None
        instead of both for a dry run.

    Raises:
        UserError: the job can't be done, or ended without complete features.
    """
    extras.require("beam", "train")
    config = request.config
    files.check_stores(config.data, config.output)
    dataset = DatasetInfo.read(config.data)
    folder.read_layout(config.output, config.overwrite)  # refuses a folder with other content before writing to it
    engine = _engine(request)
    engine.check_reach("--data", [config.data])
    if request.is_plain and not config.dry_run:
        engine.prepare(PATIENCE_S)
    if warning := summary.size_note(dataset):
        tool.say(warning)
    spec = dataset.clip_spec
    eye = make_eye(config.appearance, spec.height, spec.width, config.appearance_weights, engine.threads)
    plan = make_plan(dataset, eye.sight)
    if config.dry_run:
        _check_layout(request, plan)
        summary.describe(config, dataset, eye, plan, folder.pending(config.output, plan))
        return None
    with exclusive(config.output):
        if _check_layout(request, plan):
            folder.remove_features(config.output)
        damaged: list[str] = []
        todo = folder.prepare(config.output, plan, damaged.append)
        tool.say_damaged(config.output, damaged)
        tool.say(summary.start_line(config, eye.sight, plan, todo, _resources(engine)))
        start = time.monotonic()
        if todo:
            eye.save(config.output)
            _write_shards(request, dataset, engine, eye, todo)
        info = _finish(request, dataset, eye, plan)
    return info, time.monotonic() - start if len(todo) == len(plan.tasks) else None


def _engine(request: FeaturesRequest) -> Engine:
    if request.is_plain:
        return plain_engine(["pipelines.transforms.plan", "pipelines.transforms.featurizing"])
    from pipelines.engines.runners import make_engine

    places = {"--data": request.config.data, "--output": request.config.output}
    return make_engine(request.runner, request.beam_arguments, make_parser().flags, "features", places)


def _resources(engine: Engine) -> str:
    return plural(num_cores(), "core") if engine.is_default else engine.description


def _check_layout(request: FeaturesRequest, plan: FeaturesPlan) -> bool:
    """Whether what is in the folder has to go: `--overwrite` was given, and doesn't meet its own unfinished work.

    Raises:
        UsageError: the folder holds other features, and `--overwrite` wasn't given.
    """
    config = request.config
    there = folder.read_layout(config.output, config.overwrite)
    if there and not config.overwrite:
        there.check_same(plan.layout, config.output)
    return config.overwrite and (there != plan.layout or folder.is_complete(config.output))


def _write_shards(
    request: FeaturesRequest, dataset: DatasetInfo, engine: Engine, eye: Eye, todo: Sequence[FeaturesTask]
) -> None:
    config = request.config
    settings = FeaturesSettings(
        config.data, config.output, dataset.clip_spec, dataset.encoding, dataset.compression, eye.sight, engine.threads
    )
    plan_uri = folder.write_plan(config.output, todo)
    clips = {task.name: task.shard.num_examples for task in todo}
    total, before = count_clips(todo), LOCAL_PROGRESS.videos

    def done() -> float:
        if engine.in_process:
            return LOCAL_PROGRESS.videos - before
        return sum(clips.get(name, 0) for name in finished_shards(config.output))

    build(engine.pipeline, plan_uri, settings)
    from pipelines.engines.runners import run_pipeline

    with watching("Features", total, done, 0.2 if engine.in_process else 5.0, clips_done(total)):
        run_pipeline(engine)


def _finish(request: FeaturesRequest, dataset: DatasetInfo, eye: Eye, plan: FeaturesPlan) -> FeaturesInfo:
    """Proves that nothing is missing, and only then writes what makes the features complete."""
    config = request.config
    found = dict(zip(plan.tasks, folder.read_reports(config.output, plan.tasks, from_listing=False), strict=True))
    lost = [task for task, report in found.items() if report is None]
    if error := summary.damaged(config, folder.read_problems(config.output, lost)):
        raise error
    if lost:
        number = plural(len(lost), "shard")
        raise IncompleteError(f"not written: {number}, for example {lost[0].name}; run the same command again")
    reports = {task.name: report for task, report in found.items() if report}
    splits = {
        name: FeaturesSplit(tuple(_as_shard(reports[shard.name], shard) for shard in split.shards))
        for name, split in dataset.splits.items()
    }
    sight = eye.sight
    info = FeaturesInfo(
        appearance=sight.appearance,
        weights=sight.weights,
        dataset={"uri": relative_to(config.data, config.output), "fingerprint": dataset_fingerprint(dataset)},
        clip_spec=dataset.clip_spec,
        size=sight.size,
        splits=splits,
        versions=versions(OF_FEATURES),
    )
    folder.finish(config.output, info)
    return info


def _as_shard(report: FeaturesReport, shard: ShardInfo) -> ShardInfo:
    """The shard of features of a shard of the dataset.

    Raises:
        IncompleteError: it doesn't account for every clip.
    """
    if report.num_examples != shard.num_examples:
        raise IncompleteError(
            f"{report.name} has the features of {report.num_examples} of {shard.num_examples} clips; run the same "
            "command again"
        )
    return ShardInfo(report.name, report.num_examples, report.size_bytes, report.sha256)


def main() -> int:
    """Entry point of the command line."""
    tool.quiet_libraries()
    return leave(tool.run_tool(run, sys.argv[1:]))


if __name__ == "__main__":
    sys.exit(main())
make_callable(__name__, lambda: import_module("pipelines.interface").features)  # `pipelines.features(...)`
