"""Engines that take jobs through a job server (Flink, Spark, Prism): checks before a job is submitted."""

import os
import re
import shutil

import grpc
from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    JobServerOptions,
    PipelineOptions,
    PortableOptions,
    PrismRunnerOptions,
    SparkRunnerOptions,
)
from apache_beam.runners import runner as runners
from apache_beam.runners.portability.flink_runner import MAGIC_HOST_NAMES, FlinkRunner
from apache_beam.runners.portability.portable_runner import PortableRunner
from apache_beam.runners.portability.prism_runner import PrismRunner
from apache_beam.runners.portability.spark_runner import LOCAL_MASTER_PATTERN, SparkRunner

from pipelines.core.errors import UsageError

_ANSWER_S = 10.0


def check(runner: runners.PipelineRunner, options: PipelineOptions) -> None:
    """Checks within seconds that there is a job server, or all that is needed to start one.

    Other kinds of runners are not checked, nor is the engine behind the job server.

    Raises:
        UsageError: there is neither; the message says what to do.
    """
    if not is_needed(runner):
        return
    portable = options.view_as(PortableOptions)
    if portable.environment_type == "EXTERNAL" and not portable.environment_config:
        raise UsageError(  # Beam 2.72 fails on its own --environment_option=external_service_address=...
            "--environment_type=EXTERNAL needs --environment_config=HOST:PORT, a pool of workers as the engine sees it"
        )
    endpoint = portable.job_endpoint
    if endpoint == "embed":
        return
    if endpoint:
        _check_answers(endpoint)
    elif isinstance(runner, PrismRunner):
        _check_file("prism_location", options.view_as(PrismRunnerOptions).prism_location)
    elif isinstance(runner, FlinkRunner | SparkRunner):
        flink, spark = options.view_as(FlinkRunnerOptions), options.view_as(SparkRunnerOptions)
        _check_file("flink_job_server_jar", flink.flink_job_server_jar)
        _check_file("spark_job_server_jar", spark.spark_job_server_jar)
        java = options.view_as(JobServerOptions).job_server_java_launcher
        if not (flink.flink_submit_uber_jar or spark.spark_submit_uber_jar or shutil.which(java)):
            raise UsageError(
                f"--runner={type(runner).__name__} starts a job server with {java!r}, which isn't installed: "
                "install Java, or give the address of a running job server with --job_endpoint=HOST:PORT"
            )
    else:
        raise UsageError(
            "--runner=PortableRunner needs the address of a job server: --job_endpoint=HOST:PORT "
            "(`scripts/engines start flink` starts one and prints it)"
        )


def is_needed(runner: runners.PipelineRunner) -> bool:
    """Whether jobs of this runner go to a job server."""
    return isinstance(runner, PortableRunner)


def _check_answers(endpoint: str) -> None:
    channel = grpc.insecure_channel(endpoint)
    try:
        grpc.channel_ready_future(channel).result(timeout=_ANSWER_S)
    except grpc.FutureTimeoutError:
        raise UsageError(
            f"no job server answers at --job_endpoint={endpoint}: start one there (on this machine with "
            "`scripts/engines start flink`, or spark, or prism), or correct the address"
        ) from None
    finally:
        channel.close()


def _check_file(flag: str, place: str | None) -> None:
    if place and "://" not in place and not os.path.exists(place):
        raise UsageError(f"no such file: --{flag}={place}. `scripts/engines fetch` downloads what it can")


def runs_here(runner: runners.PipelineRunner, options: PipelineOptions) -> bool:
    """Whether the workers are threads of this process: the environment LOOPBACK, given or by default."""
    if not is_needed(runner):
        return False
    if given := options.view_as(PortableOptions).environment_type:
        return bool(given == "LOOPBACK")
    if isinstance(runner, FlinkRunner):
        return options.view_as(FlinkRunnerOptions).flink_master in MAGIC_HOST_NAMES
    if isinstance(runner, SparkRunner):
        return bool(re.match(LOCAL_MASTER_PATTERN, options.view_as(SparkRunnerOptions).spark_master_url))
    return isinstance(runner, PrismRunner)
