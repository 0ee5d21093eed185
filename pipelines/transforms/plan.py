"""The plan file: what there is to do, one task per line, read by the workers themselves."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import apache_beam as beam

from pipelines import files
from pipelines.core.errors import OutputError
from pipelines.core.stored.sealed import DamagedError, unseal


class _ReadLinesFn(beam.DoFn):
    def process(self, uri: str) -> Iterable[bytes]:
        with files.open_read(uri) as lines:
            yield from lines


class _ParseFn(beam.DoFn):
    def __init__(self, parse: Callable[[str], Any]) -> None:
        self._parse = parse

    def process(self, line: bytes) -> Iterable[Any]:
        try:
            text = unseal(line)
        except DamagedError as error:
            raise OutputError(f"a line of the plan file is damaged: {error}; run the same command again") from error
        yield self._parse(text)


@dataclass
class ReadPlan(beam.PTransform):
    """PCollection of plan files -> PCollection of what `parse` makes of each line, spread over the workers."""

    parse: Callable[[str], Any]

    def expand(self, plans: beam.PCollection) -> beam.PCollection:
        # Lines are spread, not parsed objects: a runner may hold all elements in memory, pickled.
        lines = plans | "Read" >> beam.ParDo(_ReadLinesFn()) | "Spread" >> beam.Reshuffle()
        return lines | "Parse" >> beam.ParDo(_ParseFn(self.parse))
