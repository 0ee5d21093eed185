"""From the ledger to label files, one shard at a time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import apache_beam as beam

from pipelines import files
from pipelines.core.errors import OutputError
from pipelines.core.model_info import ModelInfo
from pipelines.files.output_folder import temporary_folder
from pipelines.files.stamps import Stamp, write_stamped
from pipelines.labelling import folder
from pipelines.labelling import shards as label_shards
from pipelines.labelling.assembly import ShardLabels, assemble
from pipelines.labelling.config import LabelConfig
from pipelines.labelling.embeddings.table import VideoWindows, write_embeddings
from pipelines.labelling.rows import Row, encodable, rows, write_rows
from pipelines.labelling.subtitles import subtitle_name, webvtt
from pipelines.labelling.types import LabelledVideo


@dataclass(frozen=True)
class LabelSettings:
    """The settings of all label files.

    Attributes:
        config: the settings of the job.
        info: the model.
        key: key of the model and of the settings that determine the scores.
        num_shards: number of label files.
    """

    config: LabelConfig
    info: ModelInfo
    key: str
    num_shards: int


@dataclass
class ShardsDone(beam.PTransform):
    """PCollection[tuple[int, int]] -> PCollection[tuple[int, str]]: once everything is in the ledger, the shards whose
    labels are to be written, each with the mark of what the labels are made from."""

    marks: Mapping[int, str]

    def expand(self, recorded: beam.PCollection) -> beam.PCollection:
        marks = recorded.pipeline | "Shards" >> beam.Create(sorted(self.marks.items()))
        return (
            {"marks": marks, "recorded": recorded}
            | beam.CoGroupByKey()
            | beam.FlatMapTuple(lambda shard, found: [(shard, mark) for mark in found["marks"]])
        )


@dataclass
class WriteLabels(beam.PTransform):
    """PCollection[tuple[int, str]], shards with the mark of what their labels are made from -> PCollection[Row].

    The labels of a shard are made only from its ledger, so writing them twice gives the same files.
    """

    settings: LabelSettings

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        return shards | beam.ParDo(_WriteLabelsFn(self.settings))


class _WriteLabelsFn(beam.DoFn):
    def __init__(self, settings: LabelSettings) -> None:
        self._settings = settings

    def process(self, shard_and_mark: tuple[int, str]) -> Iterable[Row]:
        shard, mark = shard_and_mark
        config, output = self._settings.config, self._settings.config.output
        # The id is all that others need to know about a local path.
        listed = [
            replace(v, uri=v.video_id) if files.is_local(v.uri) else v for v in folder.read_listing(output, shard)
        ]
        entries = folder.read_ledger(output, shard)
        try:
            info = self._settings.info
            result = assemble(listed, entries, self._settings.key, info.labels, config.segments, info.thresholds)
        except LookupError as error:
            raise OutputError(f"{error} is not in the ledger; run the same command again") from error
        stamps: dict[str, Stamp] = {}
        self._write(shard, result, stamps)
        label_shards.write_shard_failures(output, shard, result.failures, stamps)
        folder.compact_ledger(output, shard, result.entries, stamps)
        label_shards.write_shard_report(output, shard, mark, result.report, stamps)
        if config.bigquery_table:
            yield from map(encodable, self._rows(result))  # here, as Beam can't pass on text that can't be encoded

    def _rows(self, result: ShardLabels) -> Iterable[Row]:
        return (row for video in result.videos for row in rows(video, self._settings.info.fingerprint))

    def _write(self, shard: int, result: ShardLabels, stamps: dict[str, Stamp]) -> None:
        config = self._settings.config
        name = folder.labels_name(shard, self._settings.num_shards, config.format)
        with write_stamped(stamps, config.output, name, temporary_folder(config.output)) as file:
            write_rows(file, self._rows(result), config.format)
        if config.embeddings:
            self._write_embeddings(shard, result, stamps)
        if config.webvtt:
            _write_subtitles(config.output, result, stamps)

    def _write_embeddings(self, shard: int, result: ShardLabels, stamps: dict[str, Stamp]) -> None:
        output = self._settings.config.output
        name = folder.embeddings_name(shard, self._settings.num_shards)
        found = (
            VideoWindows(video.video, video.uri, entry.windows, entry.embeddings)
            for video, parts in zip(result.videos, result.parts, strict=True)
            for entry in parts
            if entry.embeddings is not None
        )
        with write_stamped(stamps, output, name, temporary_folder(output)) as file:
            write_embeddings(file, found, self._settings.info.fingerprint)


def _write_subtitles(output: str, result: ShardLabels, stamps: dict[str, Stamp]) -> None:
    def write(video: LabelledVideo) -> None:
        with write_stamped(stamps, output, subtitle_name(video.video), temporary_folder(output)) as file:
            file.write(webvtt(video).encode("utf-8", "surrogateescape"))

    files.in_parallel(write, result.videos)
