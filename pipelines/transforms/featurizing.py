"""Computing features in a Beam job: small tasks in, files out. No pixels are shuffled."""

from collections.abc import Iterable
from dataclasses import dataclass

import apache_beam as beam

from pipelines import files
from pipelines.featurizing import folder
from pipelines.featurizing.plan import FeaturesSettings, FeaturesTask
from pipelines.featurizing.seeing import BATCH_FRAMES, shared_eye
from pipelines.featurizing.shard_writer import DamagedShardError, write_features
from pipelines.files.output_folder import temporary_folder
from pipelines.files.shard_reports import write_report
from pipelines.process.tensorflow_start import exact_float32
from pipelines.reports.progress import LOCAL_PROGRESS
from pipelines.transforms.counting import count


@dataclass
class WriteFeatures(beam.PTransform):
    """PCollection[FeaturesTask] -> PCollection[str], the names of the shards that are whole.

    Computing a shard twice, as runners do after an error or to overtake a slow worker, gives the same file. A damaged
    shard of the dataset doesn't stop the others: `folder.read_problems` names it.

    Attributes:
        settings: what all shards have in common.
    """

    settings: FeaturesSettings

    def expand(self, tasks: beam.PCollection) -> beam.PCollection:
        return tasks | beam.ParDo(_WriteFeaturesFn(self.settings))


class _WriteFeaturesFn(beam.DoFn):
    def __init__(self, settings: FeaturesSettings) -> None:
        self._settings = settings

    def setup(self) -> None:
        settings = self._settings
        self._eye = shared_eye(settings.output, settings.sight, settings.threads)

    def process(self, task: FeaturesTask) -> Iterable[str]:
        settings = self._settings
        output, temporary = settings.output, temporary_folder(settings.output)
        try:
            with (
                files.open_read(files.join(settings.data, task.name)) as source,
                files.write_atomically(files.join(output, task.name), temporary) as file,
                exact_float32(),
            ):
                report = write_features(task, settings, self._eye.see, BATCH_FRAMES, source, file, _count_clip)
        except (DamagedShardError, FileNotFoundError) as error:
            problem = "missing" if isinstance(error, FileNotFoundError) else str(error)
            folder.write_problem(output, task.name, problem)
            count("shards_damaged", job="features")
            return
        write_report(output, report)
        yield task.name


def _count_clip() -> None:
    count("clips_written", job="features")
    LOCAL_PROGRESS.add_video()
