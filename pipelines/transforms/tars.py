"""Making WebDataset's tar files in a Beam job, each from a finished shard."""

from collections.abc import Iterable
from dataclasses import dataclass

import apache_beam as beam

from pipelines.dataset.readers.tars import pack
from pipelines.dataset.readers.webdataset import TarSettings
from pipelines.transforms.counting import count


@dataclass
class WriteTars(beam.PTransform):
    """PCollection[str], names of finished shards -> PCollection[str], names of their tar files.

    Making one twice gives the same file.

    Attributes:
        output: folder of the dataset.
        settings: what all tar files have in common.
    """

    output: str
    settings: TarSettings

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        return shards | beam.ParDo(_WriteTarFn(self.output, self.settings))


class _WriteTarFn(beam.DoFn):
    def __init__(self, output: str, settings: TarSettings) -> None:
        self._output = output
        self._settings = settings

    def process(self, shard: str) -> Iterable[str]:
        yield pack(self._output, shard, self._settings, lambda: count("clips_packed")).name
