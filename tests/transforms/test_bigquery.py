"""Labels into a table: the job as a whole against stand-ins for Cloud Storage and BigQuery on this machine."""

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from pipelines import label
from pipelines.core.errors import UsageError
from pipelines.files.gcs import client
from pipelines.labelling.rows import bigquery_schema
from tests.support.bigquery_server import BigQueryServer, bigquery_server
from tests.support.gcs_server import GcsServer, gcs_server, google_environment, use_environment
from tests.support.label_model import level_of, write_grey
from tests.support.label_model import model as model

pytestmark = pytest.mark.process

LAUNCHER = """
import sys
from pipelines import label
from pipelines.cli import tool
tool.quiet_libraries()
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


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    for name in ("Jump", "Run", "Wave"):
        write_grey(tmp_path / "videos" / f"{name}.mp4", [level_of(name)] * 20)
    write_grey(tmp_path / "videos" / "both.mp4", [level_of("Run")] * 75 + [level_of("Wave")] * 75)
    write_grey(tmp_path / "videos" / "\udcff.mp4", [level_of("Run")] * 10)
    return tmp_path / "videos"


def run_label(
    bigquery: BigQueryServer, environment: dict[str, str], *arguments: object
) -> "subprocess.CompletedProcess[str]":
    words = [*arguments, "--bigquery-table", TABLE]
    command = [sys.executable, "-c", LAUNCHER, bigquery.url, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)


def written(output: Path) -> list[dict[str, object]]:
    """The rows of the files, in order, with the bytes of names that are not UTF-8 spelled out."""
    lines = [line for path in output.glob("labels-*.jsonl") for line in path.open()]
    return in_order(json.loads(line.replace("\\udcff", "\\\\udcff")) for line in lines)


def in_order(rows: Iterable[dict[str, object]]) -> list[dict[str, object]]:
    return sorted(rows, key=lambda row: (row["video"], row["start_s"]))


@pytest.mark.usefixtures("here")
def test_the_table_has_the_rows_of_the_files_once(
    gcs: GcsServer, bigquery: BigQueryServer, environment: dict[str, str], model: Path, videos: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    arguments = ["--model", model, "--input", videos, "--output", output, "--shards", 2]
    arguments += ["--temp_location", "gs://bucket/temp"]
    done = run_label(bigquery, environment, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("\n") <= 2, done.stderr  # what it does, and no warnings of libraries
    table = bigquery.datasets["reports"]["labels"]
    expected = written(output)
    assert in_order(table.rows) == expected and len(expected) == 6
    assert table.schema == bigquery_schema()
    assert list(bigquery.datasets["reports"]) == ["labels"] and bigquery.tokens > 0
    assert gcs.generations("gs://bucket/temp") == {}

    (videos / "Jump.mp4").unlink()
    assert label.run([str(word) for word in (*arguments, "--bigquery-table", TABLE, "--top-k", 1)]) == 0
    again = bigquery.datasets["reports"]["labels"].rows
    assert in_order(again) == written(output) and len(again) == 5
    assert {len(row["top_k"]) for row in again} == {1}


@pytest.fixture
def here(bigquery: BigQueryServer, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process uses the servers."""
    from apache_beam.internal.gcp.auth import _Credentials
    from apache_beam.io.gcp.internal.clients.bigquery import BigqueryV2
    from google.oauth2 import credentials

    use_environment(environment, monkeypatch)
    monkeypatch.setattr(BigqueryV2, "BASE_URL", f"{bigquery.url}/bigquery/v2/")
    monkeypatch.setattr(credentials, "_GOOGLE_OAUTH2_TOKEN_ENDPOINT", f"{bigquery.url}/token")
    monkeypatch.setattr(_Credentials, "_credentials_init", False)
    client.missing_credentials.cache_clear()
    before = socket.getdefaulttimeout()
    yield
    socket.setdefaulttimeout(before)  # Beam sets it when it finds credentials
    client.missing_credentials.cache_clear()


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
@pytest.mark.usefixtures("here")
def test_what_is_missing_is_said_before_work_starts(
    bigquery: BigQueryServer, model: Path, videos: Path, tmp_path: Path, table: str, more: tuple[str, ...], message: str
) -> None:
    arguments = ["--model", model, "--input", videos, "--output", tmp_path / "out", "--bigquery-table", table, *more]
    with pytest.raises(UsageError, match=re.escape(message)):
        label.run([str(argument) for argument in arguments])
    assert not (tmp_path / "out").exists() and not bigquery.jobs


@pytest.mark.parametrize(
    ("refused", "message"),
    [
        ("job", "the job was refused: no quota"),
        ("request", "somebody@example.com does not have bigquery.jobs.create permission in project project"),
    ],
)
@pytest.mark.usefixtures("here")
def test_a_load_that_fails_is_no_stack_trace(
    gcs: GcsServer,
    bigquery: BigQueryServer,
    model: Path,
    videos: Path,
    tmp_path: Path,
    refused: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    bigquery.refuse = {refused: message}
    words = ["label", "--model", model, "--input", videos, "--output", tmp_path / "out"]
    words += ["--bigquery-table", TABLE, "--temp_location", "gs://bucket/failed"]
    monkeypatch.setattr(sys, "argv", [str(word) for word in words])
    assert label.main() == 4
    (line,) = (line for line in capfd.readouterr().err.splitlines() if "; model" not in line)
    assert line.startswith("error: ") and message in line
    assert line.endswith("run the same command again: labels are kept")
    assert len(written(tmp_path / "out")) == 6 and "labels" not in bigquery.datasets["reports"]
    assert gcs.generations("gs://bucket/failed") == {}
