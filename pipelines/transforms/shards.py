"""Writing shards in a Beam job: small tasks in, files out. No pixels are shuffled."""

from collections.abc import Iterable
from dataclasses import dataclass

import apache_beam as beam

from pipelines import files
from pipelines.core.failure import Failure
from pipelines.dataset.plan import ShardTask
from pipelines.dataset.shard_writer import ShardSettings, write_shard
from pipelines.decoding.lent_file import Opened
from pipelines.decoding.messages import ClipResult, DecodedClip
from pipelines.files.output_folder import temporary_folder
from pipelines.files.shard_reports import write_report
from pipelines.inputs.catalog import VideoRecord
from pipelines.reports.progress import LOCAL_PROGRESS
from pipelines.transforms.counting import count
from pipelines.transforms.worker import shared_pool


@dataclass
class WriteShards(beam.PTransform):
    """PCollection[ShardTask] -> PCollection[str], the names of the shards that are whole.

    Writing a shard twice, as runners do after an error or to overtake a slow worker, gives the same file.

    Attributes:
        output: folder of the dataset.
        settings: settings of all shards.
        workers: number of decoder processes of each Beam worker process.
    """

    output: str
    settings: ShardSettings
    workers: int

    def expand(self, tasks: beam.PCollection) -> beam.PCollection:
        return tasks | beam.ParDo(_WriteShardFn(self.output, self.settings, self.workers))


class _WriteShardFn(beam.DoFn):
    def __init__(self, output: str, settings: ShardSettings, workers: int) -> None:
        self._output = output
        self._settings = settings
        self._workers = workers

    def setup(self) -> None:
        self._pool = shared_pool(self._workers, self._settings.job.limits)

    def process(self, task: ShardTask) -> Iterable[str]:
        with files.write_atomically(files.join(self._output, task.name), temporary_folder(self._output)) as file:
            report = write_shard(task, self._settings, self._pool, self._borrowed, file, _count_video)
        write_report(self._output, report)
        yield task.name

    def _borrowed(self, video: VideoRecord) -> Opened:
        return files.borrowed(video.uri, self._settings.job.limits.disk_mb)


def _count_video(result: ClipResult) -> None:
    if isinstance(result, DecodedClip):
        count("videos_written")
    else:
        count("videos_failed" if isinstance(result, Failure) else "videos_filtered")
    LOCAL_PROGRESS.add_video()
