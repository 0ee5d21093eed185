"""Everything specific to Dataflow: the options it needs, where to see a job, and what its errors mean."""

import contextlib
import json
import logging
import os
import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from apache_beam.options.pipeline_options import (
    DebugOptions,
    GoogleCloudOptions,
    PipelineOptions,
    SetupOptions,
    StandardOptions,
    WorkerOptions,
)

from pipelines import files
from pipelines.cli.beam_flags import DATAFLOW_RUNNER
from pipelines.core.errors import IncompleteError, UsageError, UserError
from pipelines.core.hashing import fingerprint
from pipelines.files.gcs import client, errors

_VCPUS = re.compile(r"-(\d+)(?:-\d+)?(?:-ext)?$")
_MAX_JOB_NAME = 63


def prepare(options: PipelineOptions, tool: str, places: Mapping[str, str]) -> None:
    """Checks the options that Dataflow needs, before Beam contacts Google, and fills in those that follow from others.

    Args:
        options: of the pipeline; changed in place.
        tool: name of the tool, for the job's name.
        places: folders that the workers must reach, by flag; `--output` among them.

    Raises:
        UsageError: an option is missing or can't be used; the message says what to do.
    """
    google = options.view_as(GoogleCloudOptions)
    if not google.project:
        raise UsageError(f"{DATAFLOW_RUNNER} needs a project: --project PROJECT")
    if not client.is_google(google.temp_location or ""):
        given = f", not {google.temp_location}" if google.temp_location else ""
        raise UsageError(
            f"{DATAFLOW_RUNNER} needs a place for temporary files: --temp_location gs://BUCKET/FOLDER{given}"
        )
    for flag in ("template_location", "update"):
        if getattr(google, flag):
            raise UsageError(f"--{flag} can't be used: this program waits for the job and then checks what it wrote")
    if options.view_as(StandardOptions).streaming:
        raise UsageError("--streaming can't be used: this is a batch job. Leave it out")
    for flag, place in places.items():
        check_reach(flag, place)
    setup = options.view_as(SetupOptions)
    if setup.setup_file:
        if not os.path.isfile(setup.setup_file):
            raise UsageError(f"no such file: --setup_file {setup.setup_file}")
        setup.setup_file = os.path.abspath(setup.setup_file)  # Beam changes to its folder, so the path must have one
    elif not options.view_as(WorkerOptions).sdk_container_image:
        raise UsageError(
            f"workers of {DATAFLOW_RUNNER} need this software: --setup_file ./setup.py, or --sdk_container_image IMAGE "
            "with it"
        )
    if setup.save_main_session is None:
        setup.save_main_session = False  # nothing that workers need is defined in the program that was started
    if (reason := client.missing_credentials()) and not google.no_auth:
        raise UsageError(f"{DATAFLOW_RUNNER} needs Google credentials ({reason}): {errors.GIVE_CREDENTIALS}")
    client.spare_beam()
    google.job_name = google.job_name or _job_name(tool, places["--output"])


def check_reach(flag: str, place: str) -> None:
    """Refuses a place on this machine, which Dataflow's workers can't reach.

    Raises:
        UsageError: the place is on this machine.
    """
    if files.is_local(place):
        raise UsageError(
            f"{flag} {place} is on this machine, where workers of {DATAFLOW_RUNNER} can't reach it; give gs://..."
        )


def _job_name(tool: str, output: str) -> str:
    """The same name for all jobs that write to one place: Dataflow refuses a second job while the first is running."""
    readable = re.sub(r"[^a-z0-9]+", "-", posixpath.basename(output).lower()).strip("-")
    mark = fingerprint(output)
    return f"{tool}-{readable}"[: _MAX_JOB_NAME - len(mark) - 1].rstrip("-") + f"-{mark}"


def beam_workers(options: PipelineOptions) -> int:
    """How many work items one machine processes at a time: one for each virtual CPU, if the machine type gives their
    number, or one for each thread of a single Beam process."""
    if not has_process_for_each_cpu(options):
        return options.view_as(DebugOptions).number_of_worker_harness_threads or 1
    match = _VCPUS.search(options.view_as(WorkerOptions).machine_type or "")
    return int(match[1]) if match else 1


def has_process_for_each_cpu(options: PipelineOptions) -> bool:
    """Whether a machine has a Beam process for each virtual CPU, which is the default, rather than a single one."""
    return not options.view_as(DebugOptions).lookup_experiment("no_use_multiple_sdk_containers")


def console(result: Any, options: PipelineOptions) -> str:
    """The address of a job's page."""
    google = options.view_as(GoogleCloudOptions)
    return f"https://console.cloud.google.com/dataflow/jobs/{google.region}/{result.job_id()}?project={google.project}"


@contextlib.contextmanager
def errors_once() -> Iterator[None]:
    """Hides errors that are logged before a job's end: they are of attempts that are retried, and the final error is in
    the job's result."""

    def is_news(record: logging.LogRecord) -> bool:
        record.msg, record.args = record.getMessage().partition("\n Traceback")[0], None
        return record.levelno < logging.ERROR

    names = ("runners.dataflow.dataflow_runner", "runners.dataflow.internal.apiclient", "utils.retry")
    loggers = [logging.getLogger(f"apache_beam.{name}") for name in names]
    for logger in loggers:
        logger.addFilter(is_news)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(is_news)


def as_user_error(error: Exception, options: PipelineOptions, submitted: str) -> UserError:
    """An error message for people about what went wrong while a job was submitted, or later.

    Args:
        error: what Beam raised.
        options: of the pipeline.
        submitted: address of the job's page; empty if the job was not submitted.
    """
    from apache_beam.runners.dataflow.dataflow_runner import DataflowRuntimeException
    from apache_beam.runners.dataflow.internal.apiclient import DataflowJobAlreadyExistsError

    if isinstance(error, DataflowRuntimeException):
        why = find_reason(str(error))
        return IncompleteError(
            f"the job ended on Dataflow as {error.result.state}{why}. Run the same command again to resume. The job's "
            f"log: {submitted}"
        )
    said, status = _said(error), getattr(error, "status_code", getattr(error, "code", 0))
    if submitted:
        return IncompleteError(
            f"lost contact with the job, which may still be running: {said}. Wait for its end or cancel it, then run "
            f"the same command again. The job: {submitted}"
        )
    if isinstance(error, DataflowJobAlreadyExistsError) or status == 409:
        name = options.view_as(GoogleCloudOptions).job_name
        return UsageError(
            f"the job {name} is already running. Wait for its end or cancel it, then run the same command again"
        )
    return IncompleteError(
        f"the job could not be submitted to Dataflow: {said}. Fix that, then run the same command again"
    )


def _said(error: Any) -> str:
    """The service's own message, if the error is a response from it: apitools' HttpError or, in newer versions of Beam,
    google.api_core's GoogleAPICallError, which puts the request before the message."""
    if hasattr(error, "content"):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            return str(json.loads(error.content)["error"]["message"]).strip().rstrip(".")
        return f"HTTP status {error.status_code}"
    said = re.sub(r"^[A-Z]+ https?://\S+: ", "", str(getattr(error, "message", "") or error).strip())
    return said.rstrip(".") or type(error).__name__


def find_reason(text: str) -> str:
    """The cause in Beam's text about a failed job: of a stack trace, the line that names the exception."""
    lines = [line.strip() for line in text.partition("Error:\n")[2].splitlines() if line.strip()]
    if not lines or lines == ["None"]:
        return ""
    raised = [line for line in lines if re.match(r"[\w.]+(Error|Exception|Exit|Interrupt)\b: ?", line)]
    return f": {(raised or lines)[-1] if 'Traceback' in text else ' '.join(lines)}".rstrip(".")
