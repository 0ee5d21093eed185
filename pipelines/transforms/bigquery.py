"""Labels into a BigQuery table, by Beam's own sink."""

import re

import apache_beam as beam
from apache_beam.io.gcp.bigquery import BigQueryDisposition, WriteToBigQuery

from pipelines.core.errors import UsageError
from pipelines.core.label_rows import bigquery_schema, encodable

_TABLE = re.compile(r"(?:[a-z][\w.:-]*[:.])?\w+\.[\w$-]+")


def write_rows(table: str) -> beam.PTransform:
    """PCollection[Row] -> the table `project:dataset.table`, whose content they replace.

    Raises:
        UsageError: the name is none of a table.
    """
    if not _TABLE.fullmatch(table):
        raise UsageError(f"--bigquery-table must be PROJECT:DATASET.TABLE or DATASET.TABLE, not {table!r}")
    return _WriteRows(table)


class _WriteRows(beam.PTransform):
    def __init__(self, table: str) -> None:
        super().__init__()
        self._table = table

    def expand(self, rows: beam.PCollection) -> object:
        return (
            rows
            | "Encodable" >> beam.Map(encodable)
            | "Load"
            >> WriteToBigQuery(
                self._table,
                schema=bigquery_schema(),
                method=WriteToBigQuery.Method.FILE_LOADS,
                create_disposition=BigQueryDisposition.CREATE_IF_NEEDED,
                write_disposition=BigQueryDisposition.WRITE_TRUNCATE,
            )
        )
