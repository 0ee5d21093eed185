"""Which shards of a dataset become tar files, and how the description of the dataset names these."""

from collections.abc import Sequence
from dataclasses import replace

from pipelines.dataset import folder
from pipelines.dataset.config import PreprocessConfig
from pipelines.dataset.info import DatasetInfo, ShardReport
from pipelines.dataset.plan import Plan
from pipelines.dataset.readers import tars
from pipelines.dataset.readers.webdataset import TarSettings


def without_tar(config: PreprocessConfig, plan: Plan) -> list[str]:
    """Names of the shards, also of those still to be written, that lack a valid tar file and are to have one.

    Tar files that don't belong to the dataset any more are removed.

    Raises:
        OutputError: the folder can't be written.
    """
    if not tars.are_wanted(config.output, config.also):
        return []
    reports = folder.read_reports(config.output, plan.shards)
    shards = dict(zip((shard.name for shard in plan.shards), reports, strict=True))
    return tars.prepare(config.output, shards, config.compression)


def tar_settings(config: PreprocessConfig) -> TarSettings:
    """What the tar files of a dataset have in common."""
    return TarSettings(config.clip_spec, config.frame_encoding, config.compression)


def with_tars(info: DatasetInfo, config: PreprocessConfig, plan: Plan, reports: Sequence[ShardReport]) -> DatasetInfo:
    """The description of a dataset with its tar files, if it is to have some.

    Raises:
        IncompleteError: some aren't whole, or weren't made from the shards as they are.
    """
    if not tars.are_wanted(config.output, config.also):
        return info
    return replace(info, webdataset=tars.summarise(config.output, reports, plan.splits, config.compression))
