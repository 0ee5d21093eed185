"""The plan file: what there is to do, one piece of work a line, read by the workers themselves."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import apache_beam as beam

from pipelines import files


class _ReadPlanFn(beam.DoFn):
    def __init__(self, parse: Callable[[str], Any]) -> None:
        self._parse = parse

    def process(self, uri: str) -> Iterable[Any]:
        with files.open_read(uri) as lines:
            for line in lines:
                yield self._parse(line.decode())


@dataclass
class ReadPlan(beam.PTransform):
    """PCollection of plan files -> PCollection of what `parse` makes of each line, spread over the workers."""

    parse: Callable[[str], Any]

    def expand(self, plans: beam.PCollection) -> beam.PCollection:
        return plans | "Read" >> beam.ParDo(_ReadPlanFn(self.parse)) | "Spread" >> beam.Reshuffle()
