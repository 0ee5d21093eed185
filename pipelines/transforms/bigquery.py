"""Writes labels to a BigQuery table with Beam's own sink, which loads files, so that the table changes in one step."""

import os
import re
import uuid
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.io.gcp.bigquery import BigQueryDisposition, WriteToBigQuery
from apache_beam.io.gcp.bigquery_tools import parse_table_reference
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions

from pipelines import files
from pipelines.core.errors import UsageError
from pipelines.files.gcs import client, errors
from pipelines.labelling.rows import bigquery_schema

_TABLE = re.compile(r"(?:[a-z][\w.:-]*[:.])?\w+\.[\w$-]+")
_ADDRESS = "https://bigquery.googleapis.com"
_ASKING_S = 3.0


def check_table(table: str, options: PipelineOptions) -> str:
    """Checks within seconds that rows can go to a table. Whether the table may be written is not checked.

    Args:
        table: its name.
        options: of the pipeline.

    Returns:
        A folder for the files to load, used by this run only. Beam doesn't remove them.

    Raises:
        UsageError: the name is not that of a table, or its project, its dataset, or the folder for temporary files is
            missing; the message says what to do.
    """
    if not _TABLE.fullmatch(table):
        raise UsageError(f"--bigquery-table must be PROJECT:DATASET.TABLE or DATASET.TABLE, not {table!r}")
    google = options.view_as(GoogleCloudOptions)
    reference = parse_table_reference(table)
    project = reference.projectId or google.project
    if not project:
        raise UsageError(
            f"--bigquery-table {table} names no project: write PROJECT:DATASET.TABLE or add --project PROJECT"
        )
    place = google.temp_location or ""
    if not client.is_google(place):
        given = f", not {place}" if place else ""
        raise UsageError(
            f"--bigquery-table needs a place for temporary files: --temp_location gs://BUCKET/FOLDER{given}"
        )
    files.check_stores(place)
    client.spare_beam()
    os.environ.setdefault("GOOGLE_CLOUD_PROJECT", project)  # Beam creates clients that require a default
    _check_dataset(table, project, reference.datasetId)
    return files.join(place, f"labels-{uuid.uuid4().hex}")


def _check_dataset(table: str, project: str, dataset: str) -> None:
    from google.api_core.exceptions import Forbidden, NotFound
    from google.cloud import bigquery

    try:
        retry = bigquery.DEFAULT_RETRY.with_timeout(_ASKING_S)
        bigquery.Client(project=project).get_dataset(f"{project}.{dataset}", retry=retry, timeout=_ASKING_S)
    except Forbidden:
        pass  # permission to load rows doesn't include permission to see the dataset
    except NotFound as error:
        raise UsageError(
            f"--bigquery-table {table}: there is no dataset {project}:{dataset}. Create it or correct the name"
        ) from error
    except Exception as error:  # Google's libraries raise many classes of errors
        reason = files.reason(errors.as_os_error(_ADDRESS, error))
        raise UsageError(f"--bigquery-table {table}: {reason}") from error


@dataclass
class WriteRows(beam.PTransform):
    """PCollection[Row] -> a table, whose content the rows replace.

    Attributes:
        table: `project:dataset.table`.
        folder: folder for the files to load.
    """

    table: str
    folder: str

    def expand(self, rows: beam.PCollection) -> Any:
        return rows | "Load" >> WriteToBigQuery(
            self.table,
            schema=bigquery_schema(),
            custom_gcs_temp_location=self.folder,
            method=WriteToBigQuery.Method.FILE_LOADS,
            create_disposition=BigQueryDisposition.CREATE_IF_NEEDED,
            write_disposition=BigQueryDisposition.WRITE_TRUNCATE,
        )
