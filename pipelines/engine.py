"""Which Beam engine runs a pipeline, and how its errors reach the user."""

import contextlib
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import (
    DebugOptions,
    DirectOptions,
    FlinkRunnerOptions,
    PipelineOptions,
    WorkerOptions,
    _BeamArgumentParser,
)
from apache_beam.portability.api import beam_provision_api_pb2
from apache_beam.runners.portability.fn_api_runner import fn_runner
from apache_beam.runners.portability.portable_runner import JobServiceHandle

from pipelines.cli import nearest_flag, refuse_unknown_flags
from pipelines.core.errors import IncompleteError, OutputError

LOCAL_RUNNER = "DirectRunner"
_OUTPUT_ERROR = re.compile(
    rf"^(?:{re.escape(OutputError.__module__)}\.)?{OutputError.__name__}: (.+?)(?: \[while running|$)", re.M
)


@dataclass(frozen=True)
class Engine:
    """A runner with its options.

    Attributes:
        description: which engine it really is, for the log.
        in_process: whether the workers run in this very process, so that its counters see their progress.
        local_processes: Beam worker processes on this machine.
        parallelism: workers that are to find work at a time.
    """

    runner: Any
    options: PipelineOptions
    description: str
    in_process: bool
    local_processes: int
    parallelism: int


def make_engine(runner: str, arguments: Sequence[str], own_flags: Sequence[str]) -> Engine:
    """The engine that `--runner` names.

    `DirectRunner` in Beam is a switch which takes one of three engines, depending on the network and on the transforms.
    Here it always is the FnApiRunner, online and offline. Everything else is passed on to Beam as it is.

    Raises:
        UsageError: a flag is known neither to this tool nor to Beam.
    """
    _check_flags(arguments, own_flags, strict=runner == LOCAL_RUNNER)
    if runner != LOCAL_RUNNER:
        options = PipelineOptions(["--runner", runner, *arguments])
        workers = options.view_as(WorkerOptions)
        counts = [workers.num_workers, workers.max_num_workers, options.view_as(FlinkRunnerOptions).parallelism, 1]
        return Engine(None, options, runner, False, 0, max(count or 0 for count in counts))
    options = PipelineOptions(list(arguments))
    direct = options.view_as(DirectOptions)
    options.view_as(DebugOptions).add_experiment("beam_fn_api")
    encoded = JobServiceHandle.encode_pipeline_options(options.get_all_options())
    provision = fn_runner.ExtendedProvisionInfo(beam_provision_api_pb2.ProvisionInfo(pipeline_options=encoded))
    mode = direct.direct_running_mode
    processes = max(1, direct.direct_num_workers) if mode == "multi_processing" else 1
    return Engine(
        runner=fn_runner.FnApiRunner(provision_info=provision),
        options=options,
        description=f"{LOCAL_RUNNER} (Beam's FnApiRunner, {mode}, {processes} Beam worker{'s' * (processes > 1)})",
        in_process=mode != "multi_processing",
        local_processes=processes,
        parallelism=1,  # the dataset must not depend on this machine; it has enough shards for some processes anyway
    )


def _check_flags(arguments: Sequence[str], own_flags: Sequence[str], strict: bool) -> None:
    """Beam only warns of a flag that it doesn't know. Here a misspelt one of ours is an error, whatever the runner.

    Other unknown flags are an error too (`strict`), except for runners whose job server may know more than this
    process.
    """
    parser = _BeamArgumentParser(allow_abbrev=False, add_help=False)
    for options in PipelineOptions.__subclasses__():
        options._add_argparse_args(parser)
    _, unknown = parser.parse_known_args(list(arguments))
    known = [*own_flags, *parser._option_string_actions]
    if strict:
        refuse_unknown_flags(unknown, known)
    for argument in unknown:
        flag = argument.partition("=")[0]
        if flag.startswith("--") and nearest_flag(flag, own_flags, cutoff=0.8):
            refuse_unknown_flags([flag], own_flags)


def run_pipeline(pipeline: beam.Pipeline) -> None:
    """Runs a pipeline to its end.

    Raises:
        OutputError: a worker could not write; with the worker's own message.
        IncompleteError: the runner ended the job in another way than well.
    """
    with _errors_once():
        try:
            result = pipeline.run()
            state = result.wait_until_finish() or result.state
        except RuntimeError as error:
            if match := _OUTPUT_ERROR.search(str(error)):
                raise OutputError(match[1]) from error
            raise
    if state != "DONE":
        raise IncompleteError(f"the Beam job ended as {state}; see its log, then run the same command again to go on")


@contextlib.contextmanager
def _errors_once() -> Iterator[None]:
    """A failing worker's stack trace would come up to three times: from the worker, from the runner, and from here."""
    runners = logging.getLogger("apache_beam.runners")
    level = runners.level

    def is_news(record: logging.LogRecord) -> bool:
        return OutputError.__name__ not in record.getMessage()

    runners.setLevel(logging.CRITICAL)
    logging.getLogger().addFilter(is_news)  # what other processes log arrives at the root logger
    try:
        yield
    finally:
        logging.getLogger().removeFilter(is_news)
        runners.setLevel(level)
