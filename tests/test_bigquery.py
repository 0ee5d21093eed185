"""Labels into a table: the job as a whole against stand-ins for Cloud Storage and BigQuery on this machine."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.core.label_rows import bigquery_schema
from tests.bigquery_server import BigQueryServer, bigquery_server
from tests.gcs_server import GcsServer, gcs_server, google_environment
from tests.label_model import level_of, make_model, write_grey

LAUNCHER = """
import sys
from pipelines import label
label.cli.quiet_libraries()
from apache_beam.io.gcp.internal.clients.bigquery import BigqueryV2
from google.oauth2 import credentials
server = sys.argv.pop(1)
BigqueryV2.BASE_URL, credentials._GOOGLE_OAUTH2_TOKEN_ENDPOINT = f"{server}/bigquery/v2/", f"{server}/token"
sys.exit(label.main())
"""
"""Beam's client of BigQuery has its address in the class, and no setting for it, as have the credentials of users."""
TABLE = "project:reports.labels"


@pytest.fixture(scope="module")
def gcs() -> Iterator[GcsServer]:
    with gcs_server() as running:
        yield running


@pytest.fixture
def bigquery(gcs: GcsServer) -> Iterator[BigQueryServer]:
    with bigquery_server(gcs.get) as running:
        running.datasets["reports"] = {}
        yield running


@pytest.fixture
def environment(gcs: GcsServer, bigquery: BigQueryServer, tmp_path: Path) -> dict[str, str]:
    return google_environment(
        tmp_path,
        STORAGE_EMULATOR_HOST=gcs.url,
        BIGQUERY_EMULATOR_HOST=bigquery.url,
        GOOGLE_APPLICATION_CREDENTIALS=str(bigquery.credentials(tmp_path)),
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    make_model(folder, durations_s={"min": 0.4, "median": 1.0, "max": 1.0})
    return folder


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    for name in ("Jump", "Run", "Wave"):
        write_grey(tmp_path / "videos" / f"{name}.mp4", [level_of(name)] * 20)
    write_grey(tmp_path / "videos" / "both.mp4", [level_of("Run")] * 75 + [level_of("Wave")] * 75)
    write_grey(tmp_path / "videos" / "\udcff.mp4", [level_of("Run")] * 10)
    return tmp_path / "videos"


def run_label(
    bigquery: BigQueryServer, environment: dict[str, str], *arguments: object, table: str = TABLE
) -> "subprocess.CompletedProcess[str]":
    words = [*arguments, "--bigquery-table", table]
    command = [sys.executable, "-c", LAUNCHER, bigquery.url, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)


def written(output: Path) -> list[dict[str, object]]:
    rows = [json.loads(line) for path in sorted(output.glob("labels-*.jsonl")) for line in path.open()]
    return sorted(rows, key=lambda row: (row["video"], row["start_s"]))


def in_table(bigquery: BigQueryServer) -> list[dict[str, object]]:
    return sorted(bigquery.datasets["reports"]["labels"].rows, key=lambda row: (row["video"], row["start_s"]))


def test_the_table_has_the_rows_of_the_files_once(
    gcs: GcsServer, bigquery: BigQueryServer, environment: dict[str, str], model: Path, videos: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    arguments = ["--model", model, "--input", videos, "--output", output, "--shards", 2]
    arguments += ["--temp_location", "gs://bucket/temp"]
    done = run_label(bigquery, environment, *arguments)
    assert done.returncode == 0, done.stderr
    expected = [{**row, **spelt_out(row)} for row in written(output)]
    assert len(expected) >= 6 and in_table(bigquery) == expected
    fields = [{key: item[key] for key in item} for item in bigquery_schema()["fields"]]
    assert bigquery.datasets["reports"]["labels"].schema["fields"] == fields
    assert list(bigquery.datasets["reports"]) == ["labels"] and bigquery.tokens > 0
    assert gcs.generations("gs://bucket/temp") == {}

    (videos / "Jump.mp4").unlink()
    done = run_label(bigquery, environment, *arguments, "--top-k", 1)
    assert done.returncode == 0, done.stderr
    again = [{**row, **spelt_out(row)} for row in written(output)]
    assert in_table(bigquery) == again and len(again) == len(expected) - 1
    assert {len(row["top_k"]) for row in in_table(bigquery)} == {1}  # type: ignore[arg-type]


def spelt_out(row: dict[str, object]) -> dict[str, str]:
    """Bytes of file names that are no text."""
    return {key: str(row[key]).replace("\udcff", "\\udcff") for key in ("video", "uri")}


@pytest.mark.parametrize(
    ("table", "more", "message"),
    [
        (TABLE, (), "--bigquery-table needs a place for temporary files: --temp_location gs://BUCKET/FOLDER"),
        (TABLE, ("--temp_location", "/tmp/x"), "--temp_location gs://BUCKET/FOLDER, not /tmp/x"),
        (TABLE, ("--temp_location", "gs://gone/x"), "cannot use gs://gone/x: there is no bucket gone. Create it"),
        ("reports.labels", ("--temp_location", "gs://bucket/t"), "names no project: write PROJECT:DATASET.TABLE or"),
        ("project:gone.labels", ("--temp_location", "gs://bucket/t"), "there is no dataset project:gone. Create it"),
        ("labels", ("--temp_location", "gs://bucket/t"), "--bigquery-table must be PROJECT:DATASET.TABLE or"),
    ],
)
def test_what_is_missing_is_said_before_work_starts(
    bigquery: BigQueryServer,
    environment: dict[str, str],
    model: Path,
    videos: Path,
    tmp_path: Path,
    table: str,
    more: tuple[str, ...],
    message: str,
) -> None:
    arguments = ["--model", model, "--input", videos, "--output", tmp_path / "out", *more]
    done = run_label(bigquery, environment, *arguments, table=table)
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("error: ") and message in done.stderr
    assert not (tmp_path / "out").exists() and not bigquery.jobs
