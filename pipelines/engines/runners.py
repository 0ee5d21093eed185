"""Starts the Beam engine that runs a pipeline; how its errors reach the user."""

import contextlib
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import (
    DebugOptions,
    DirectOptions,
    FlinkRunnerOptions,
    PipelineOptions,
    WorkerOptions,
)
from apache_beam.portability import python_urns
from apache_beam.portability.api import beam_provision_api_pb2
from apache_beam.runners.portability.fn_api_runner import fn_runner
from apache_beam.runners.portability.portable_runner import JobServiceHandle

from pipelines.cli import tool as cli
from pipelines.cli.beam_flags import DATAFLOW_RUNNER, LOCAL_RUNNER, STRICT_RUNNERS, refuse_flags
from pipelines.cli.beam_options import BeamParser
from pipelines.cli.stray_words import refuse_unknown_flags
from pipelines.core.errors import IncompleteError, OutputError, UsageError
from pipelines.engines import dataflow, job_server
from pipelines.engines.engine import Engine, local_engine
from pipelines.engines.errors import errors_once, ignore_hang_ups, known_message, reason
from pipelines.engines.notebooks import PlainPipeline

_WORKER = (
    "import runpy, signal; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "runpy.run_module('apache_beam.runners.worker.sdk_worker_main', run_name='__main__', alter_sys=True)"
)


class _LocalRunner(fn_runner.FnApiRunner):
    """Beam's own engine, with worker processes that end silently on Ctrl-C, which a terminal sends to all of them."""

    def run_via_runner_api(self, pipeline_proto: Any, options: PipelineOptions) -> Any:
        """As in Beam."""
        for environment in pipeline_proto.components.environments.values():
            if environment.urn == python_urns.SUBPROCESS_SDK:  # the payload is a shell command
                environment.payload = f"exec {sys.executable} -c {shlex.quote(_WORKER)}".encode()
        return super().run_via_runner_api(pipeline_proto, options)


def make_engine(
    runner: str, arguments: Sequence[str], own_flags: Sequence[str], tool: str, places: Mapping[str, str]
) -> Engine:
    """The engine that `--runner` names.

    In Beam, `DirectRunner` picks one of three engines, depending on the network and on the transforms. Here it is
    always the FnApiRunner, online and offline. Every other runner is passed on to Beam as it is.

    Args:
        runner: its name.
        arguments: Beam's part of the command line.
        own_flags: flags of the tool.
        tool: name of the tool, for the name of a job.
        places: folders that the workers must reach, by flag.

    Raises:
        UsageError: a flag is known neither to this tool nor to Beam, or an option that the runner needs is missing.
    """
    on_dataflow = runner == DATAFLOW_RUNNER
    _check_flags(arguments, own_flags, runner)
    if runner != LOCAL_RUNNER:
        options = PipelineOptions(["--runner", runner, *arguments])
        if on_dataflow:
            dataflow.prepare(options, tool, places)
        workers = options.view_as(WorkerOptions)
        counts = [workers.num_workers, workers.max_num_workers, options.view_as(FlinkRunnerOptions).parallelism, 1]
        parallelism = max(count or 0 for count in counts)
        if on_dataflow:
            parallelism *= dataflow.beam_workers(options)
        pipeline = _make_pipeline(None, options)
        job_server.check(pipeline.runner, options)
        runs_here = job_server.runs_here(pipeline.runner, options)
        return Engine(lambda: pipeline, runner, False, False, int(runs_here), parallelism, on_dataflow)
    options = PipelineOptions(list(arguments))
    pipeline = _local_pipeline(options)
    direct = options.view_as(DirectOptions)
    return local_engine(lambda: pipeline, direct.direct_running_mode, direct.direct_num_workers)


def plain_pipeline() -> beam.Pipeline:
    """A pipeline for Beam's own engine on this machine, without options."""
    return _local_pipeline(PipelineOptions([]))


def _local_pipeline(options: PipelineOptions) -> beam.Pipeline:
    options.view_as(DebugOptions).add_experiment("beam_fn_api")
    encoded = JobServiceHandle.encode_pipeline_options(options.get_all_options())
    provision = fn_runner.ExtendedProvisionInfo(beam_provision_api_pb2.ProvisionInfo(pipeline_options=encoded))
    return _make_pipeline(_LocalRunner(provision_info=provision), options)


def _make_pipeline(runner: Any, options: PipelineOptions) -> beam.Pipeline:
    try:
        pipeline = PlainPipeline(runner=runner, options=options)
    except (ValueError, ImportError) as error:  # an unknown runner, or options that it needs are missing
        raise UsageError(" ".join(str(error).split())) from error
    # This folder is for the files of cross-language transforms, of which there are none. Beam removes it after a run,
    # but a pipeline with nothing left to do never runs.
    shutil.rmtree(pipeline.local_tempdir, ignore_errors=True)
    FileSystems.set_options(options)  # the input is listed before the pipeline runs
    return pipeline


def _check_flags(arguments: Sequence[str], own_flags: Sequence[str], runner: str) -> None:
    """Refuses flags that nobody knows, and values that Beam can't read."""
    parser = BeamParser()
    _, unknown = parser.parse_known_args(list(arguments))
    refuse_flags(unknown, own_flags, [*parser.flags], runner)
    if runner in STRICT_RUNNERS:  # what is left are values
        refuse_unknown_flags(unknown, own_flags)


def run_pipeline(engine: Engine) -> None:
    """Runs the engine's pipeline to its end.

    Raises:
        OutputError: a worker could not write, read from a remote store, or load a table; the message is the worker's.
        IncompleteError: the job failed on a runner other than the local one, or its final state isn't DONE.
    """
    takes_jobs = job_server.is_needed(engine.pipeline.runner)
    if takes_jobs:
        ignore_hang_ups()
    submitted = ""
    with _errors_once(engine, takes_jobs):
        try:
            result = engine.pipeline.run()
            if engine.on_dataflow:
                submitted = dataflow.console(result, engine.pipeline.options)
                cli.say(f"The job is running: {submitted}")
            state = _wait(result)
        except Exception as error:  # each runner raises a class of its own
            if message := known_message(f"{type(error).__name__}: {error}"):
                raise OutputError(message) from error
            if engine.is_local:
                raise
            if engine.on_dataflow:
                raise dataflow.as_user_error(error, engine.pipeline.options, submitted) from error
            raise IncompleteError(
                f"the job failed on {engine.description}: {reason(error)}\n"
                "See its log, then run the same command again to resume"
            ) from error
    if state != "DONE":
        raise IncompleteError(f"the Beam job ended as {state}; see its log, then run the same command again to resume")


def _errors_once(engine: Engine, takes_jobs: bool) -> contextlib.AbstractContextManager[None]:
    if engine.on_dataflow:
        return dataflow.errors_once()
    if engine.is_local or takes_jobs:
        return errors_once(takes_jobs and engine.local_processes > 0)
    return contextlib.nullcontext()


def _wait(result: Any) -> str:
    """Waits for a job's end, and cancels it if the user interrupts: nothing would check what it wrote."""
    try:
        return str(result.wait_until_finish() or result.state)
    except KeyboardInterrupt:
        cli.say("cancelling the job; what it has finished is kept")
        result.cancel()
        raise
