"""The folder of features: where its files are, which files of an earlier run are still valid, and how a run ends."""

from collections.abc import Callable, Iterator, Sequence

from pipelines import files
from pipelines.core.errors import OutputError
from pipelines.core.stored.sealed import DamagedError, seal, unseal
from pipelines.dataset.sharding import is_shard_name
from pipelines.featurizing import seeing
from pipelines.featurizing.info import FEATURES_INFO, FeaturesInfo, FeaturesReport
from pipelines.featurizing.plan import FeaturesLayout, FeaturesPlan, FeaturesTask
from pipelines.files import shard_reports
from pipelines.files.output_folder import STATE, clean_up, read_own, temporary_folder


def layout_uri(output: str) -> str:
    """Where the layout of the features in a folder is."""
    return files.join(output, STATE, "features_layout.json")


def _problem_uri(output: str, shard: str) -> str:
    return files.join(output, STATE, "problems", f"{shard}.txt")


def read_layout(output: str, overwrite: bool = False) -> FeaturesLayout | None:
    """The layout of the features in a folder; None if there is none. See `read_own`.

    Raises:
        UsageError: the folder holds something else, or can't be read.
    """
    return read_own(output, layout_uri(output), FeaturesLayout.from_json, "features", overwrite)


def remove_features(output: str) -> None:
    """Removes features, their description first, and nothing else in the folder.

    Raises:
        OutputError: something can't be removed.
    """
    try:
        files.delete([files.join(output, FEATURES_INFO)])
        files.delete(files.join(output, name) for name in filter(is_shard_name, files.list_folder(output)))
        files.delete([layout_uri(output), files.join(output, STATE, "plan.jsonl")])
        for name in ("shards", "problems"):
            files.delete_folder(files.join(output, STATE, name))
        files.delete_folder(temporary_folder(output))
    except OSError as error:
        raise OutputError(f"cannot remove the old features in {output}: {files.reason(error)}") from error


def is_complete(output: str) -> bool:
    """Whether a folder holds complete features."""
    return files.exists(files.join(output, FEATURES_INFO))


def read_reports(
    output: str,
    tasks: Sequence[FeaturesTask],
    on_damage: Callable[[str], None] = lambda _: None,
    from_listing: bool = True,
) -> Iterator[FeaturesReport | None]:
    """The report of each shard; None if it isn't whole, or was made otherwise. See `shard_reports.read_reports`."""
    return shard_reports.read_reports(output, tasks, FeaturesReport.from_json, on_damage, from_listing)


def pending(
    output: str, plan: FeaturesPlan, on_damage: Callable[[str], None] = lambda _: None
) -> tuple[FeaturesTask, ...]:
    """The shards that are still to be computed; reads only, but for versions of files that were copied."""
    found = zip(plan.tasks, read_reports(output, plan.tasks, on_damage), strict=True)
    return tuple(task for task, report in found if report is None)


def prepare(
    output: str, plan: FeaturesPlan, on_damage: Callable[[str], None] = lambda _: None
) -> tuple[FeaturesTask, ...]:
    """Makes the folder ready and returns the shards that are still to be computed.

    Files that are no longer part of the features are removed, the description first, so that a reader never finds a
    wrong one.

    Raises:
        OutputError: the folder can't be written.
    """
    try:
        todo = pending(output, plan, on_damage)
        names = {task.name for task in plan.tasks}
        stale = [name for name in files.list_folder(output) if is_shard_name(name) and name not in names]
        if todo or stale:
            files.delete([files.join(output, FEATURES_INFO)])
        files.delete(files.join(output, name) for name in stale)
        gone = {*stale, *(task.name for task in todo)} & shard_reports.finished_shards(output)
        files.delete(shard_reports.report_uri(output, name) for name in sorted(gone))
        files.delete_folder(files.join(output, STATE, "problems"))
        files.delete_folder(temporary_folder(output))
    except OSError as error:
        raise OutputError(f"cannot prepare the folder of features {output}: {files.reason(error)}") from error
    files.write_text(layout_uri(output), seal(plan.layout.to_json()), temporary_folder(output))
    return todo


def write_plan(output: str, tasks: Sequence[FeaturesTask]) -> str:
    """Writes the tasks of a run where its workers can read them, and returns the address."""
    uri = files.join(output, STATE, "plan.jsonl")
    files.write_text(uri, (seal(task.line) for task in tasks), temporary_folder(output))
    return uri


def write_problem(output: str, shard: str, problem: str) -> None:
    """Records why a shard can't be computed, so that the run can name all such shards at its end."""
    files.write_text(_problem_uri(output, shard), seal(problem), temporary_folder(output))


def read_problems(output: str, tasks: Sequence[FeaturesTask]) -> dict[str, str]:
    """Why shards can't be computed, by name."""
    found = {}
    for task in tasks:
        if (data := files.read_bytes(_problem_uri(output, task.name))) is not None:
            try:
                found[task.name] = unseal(data)
            except DamagedError:
                found[task.name] = "the reason is lost"
    return found


def finish(output: str, info: FeaturesInfo) -> None:
    """Writes, last of all, the description that makes the features complete."""
    files.write_text(files.join(output, FEATURES_INFO), info.to_json(), temporary_folder(output))
    clean_up(output, "the features are")
    try:
        seeing.forget(output)
    except OSError as error:
        raise OutputError(f"the features are complete, but {files.reason(error)}") from error
