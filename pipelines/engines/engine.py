"""Which Beam engine a job has and what it uses of this machine, told without importing Beam."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from pipelines.cli.beam_flags import LOCAL_RUNNER
from pipelines.process.background import Background
from pipelines.process.cores import num_cores
from pipelines.process.lean_imports import OF_BEAM, import_lean
from pipelines.reports.text import plural

if TYPE_CHECKING:
    import apache_beam as beam


@dataclass(frozen=True)
class Engine:
    """A runner with its options.

    Attributes:
        get_pipeline: gives the pipeline; called when it is first needed.
        description: the actual engine, for messages.
        is_local: whether it is Beam's own engine on this machine, not one behind a job server.
        in_process: whether the workers run in this process and each task runs once, so that its counters show progress.
        local_processes: Beam worker processes on this machine.
        parallelism: how many workers there should be work for at a time.
        on_dataflow: whether it is Google's service, whose workers can't reach this machine's files.
        is_default: whether it is the local engine as it is without options: one Beam worker, in this process.
        prepare: begins to import Beam, if it isn't imported yet, while the caller does something else; after the given
            number of seconds, unless it is called again with 0.
    """

    get_pipeline: Callable[[], "beam.Pipeline"]
    description: str
    is_local: bool
    in_process: bool
    local_processes: int
    parallelism: int
    on_dataflow: bool = False
    is_default: bool = False
    prepare: Callable[[float], None] = lambda after_s: None

    @cached_property
    def pipeline(self) -> "beam.Pipeline":
        """To be filled and run once."""
        return self.get_pipeline()

    @property
    def threads(self) -> int:
        """Threads for scoring in each Beam worker process; 0 for as many as there are cores."""
        if self.local_processes:
            return max(1, num_cores() // self.local_processes)
        if not self.on_dataflow:
            return 0
        from pipelines.engines.dataflow import has_process_for_each_cpu

        return int(has_process_for_each_cpu(self.pipeline.options))

    def check_reach(self, flag: str, uris: Iterable[str]) -> None:
        """Refuses files that the workers can't reach.

        Raises:
            UsageError: a file is out of their reach; the message names it.
        """
        if self.on_dataflow:
            from pipelines.engines.dataflow import check_reach

            for uri in uris:
                check_reach(flag, uri)


def local_engine(get_pipeline: Callable[[], "beam.Pipeline"], mode: str, workers: int) -> Engine:
    """Beam's own engine on this machine.

    Args:
        get_pipeline: gives the pipeline.
        mode: how its workers run, one of Beam's names.
        workers: how many there are; 0 for as many as this machine has cores.
    """
    workers = workers or os.cpu_count() or 1
    return Engine(
        get_pipeline=get_pipeline,
        description=f"{LOCAL_RUNNER} (Beam's FnApiRunner, {mode}, {workers} Beam worker{'s' * (workers > 1)})",
        is_local=True,
        in_process=mode != "multi_processing",
        local_processes=workers if mode == "multi_processing" else 1,
        parallelism=1,  # the dataset must not depend on this machine; it has enough shards for some processes anyway
        is_default=mode == "in_memory" and workers == 1,
    )


def plain_engine(modules: Sequence[str]) -> Engine:
    """The engine of a job without options for Beam, which is imported later, without its clients of stores.

    Args:
        modules: modules of the job that import Beam, to be imported then, too.
    """

    def make_pipeline() -> "beam.Pipeline":
        import_lean(["pipelines.engines.runners", *modules], OF_BEAM)
        from pipelines.engines.runners import plain_pipeline

        return plain_pipeline()

    pipeline = Background(make_pipeline)
    return replace(local_engine(pipeline.result, "in_memory", 1), prepare=pipeline.start)


def num_decoders(wanted: int, engine: Engine) -> int:
    """Decoder processes of each Beam worker: `wanted` unless 0; else the workers on this machine share its cores, and
    those elsewhere have one decoder each."""
    if wanted:
        return wanted
    return max(1, num_cores() // engine.local_processes) if engine.local_processes else 1


def resources(wanted: int, engine: Engine) -> str:
    """What a job uses, in words: `2 cores`, or the engine where it isn't the default one.

    Args:
        wanted: decoder processes of each Beam worker, as asked for; 0 for automatic.
        engine: that of the job.
    """
    decoders = plural(num_decoders(wanted, engine), "decoder process", "decoder processes")
    if not engine.is_default:
        return f"{engine.description} with {decoders} for each Beam worker"
    return decoders if wanted else plural(num_cores(), "core")
