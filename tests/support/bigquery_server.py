"""The part of BigQuery's REST API (v2) that is needed to load files, on a free loopback port, with rows in memory."""

import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.gcs_server import answer_json, serving

PROJECT = "project"
_TYPES: dict[str, type | tuple[type, ...]] = {"STRING": str, "FLOAT": (int, float), "RECORD": dict}
Json = dict[str, Any]


class ApiError(Exception):
    """An error answer."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.content = {"reason": reason, "message": message}


@dataclass
class Table:
    """A table: its schema, in BigQuery's form, and its rows."""

    schema: Json
    rows: list[Json] = field(default_factory=list)


@dataclass
class BigQueryServer:
    """A running server."""

    read: Callable[[str], bytes]  # gives the content of a `gs://` address
    url: str = ""  # address of the API, in place of Google's `https://bigquery.googleapis.com`.
    datasets: dict[str, dict[str, Table]] = field(default_factory=dict)  # tables of the datasets of `PROJECT`, by name
    jobs: dict[str, Json] = field(default_factory=dict)  # the jobs that were requested, by id
    tokens: int = 0  # how many access tokens were issued
    refuse: dict[str, str] = field(default_factory=dict)  # errors, by `job` or `request`
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def credentials(self, folder: Path) -> Path:
        """Writes what `gcloud auth application-default login` leaves behind. Tokens are issued at `url`/token."""
        value = {"type": "authorized_user", "client_id": "id", "client_secret": "secret", "refresh_token": "refresh"}
        path = folder / "credentials.json"
        path.write_text(json.dumps(value))
        return path

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Json) -> Json:
        """The answer to a request.

        Raises:
            ApiError: the answer is an error.
        """
        if path == "/token":
            self.tokens += 1
            return {"access_token": f"token-{self.tokens}", "token_type": "Bearer", "expires_in": 3600}
        for pattern, handlers in self._routes():
            if (found := re.fullmatch(f"/bigquery/v2/projects/{PROJECT}/{pattern}", path)) and method in handlers:
                with self._lock:
                    return handlers[method](*found.groups(), **({"body": body} if method == "POST" else {}))
        raise ApiError(501, "notImplemented", f"{method} {path}?{query} is not served")

    def _routes(self) -> list[tuple[str, dict[str, Callable[..., Json]]]]:
        return [
            (r"datasets/(\w+)", {"GET": self._get_dataset}),
            (r"datasets/(\w+)/tables/(\w+)", {"GET": self._get_table, "DELETE": self._delete_table}),
            (r"jobs", {"POST": self._insert_job}),
            (r"jobs/([\w-]+)", {"GET": self._get_job}),
        ]

    def _tables(self, dataset: str) -> dict[str, Table]:
        if dataset not in self.datasets:
            raise ApiError(404, "notFound", f"Not found: Dataset {PROJECT}:{dataset}")
        return self.datasets[dataset]

    def _table(self, dataset: str, table: str) -> Table:
        if table not in self._tables(dataset):
            raise ApiError(404, "notFound", f"Not found: Table {PROJECT}:{dataset}.{table}")
        return self.datasets[dataset][table]

    def _get_dataset(self, dataset: str) -> Json:
        self._tables(dataset)
        return {
            "kind": "bigquery#dataset",
            "datasetReference": {"projectId": PROJECT, "datasetId": dataset},
            "location": "EU",
        }

    def _get_table(self, dataset: str, table: str) -> Json:
        found = self._table(dataset, table)
        place = {"projectId": PROJECT, "datasetId": dataset, "tableId": table}
        return {"kind": "bigquery#table", "tableReference": place, "schema": found.schema, "location": "EU"}

    def _delete_table(self, dataset: str, table: str) -> Json:
        self._table(dataset, table)
        del self.datasets[dataset][table]
        return {}

    def _get_job(self, job: str) -> Json:
        if job not in self.jobs:
            raise ApiError(404, "notFound", f"Not found: Job {PROJECT}:{job}")
        return self.jobs[job]

    def _insert_job(self, body: Json) -> Json:
        """Runs a job at once; as with BigQuery, the job's state tells whether it failed."""
        reference, configuration = body["jobReference"], body["configuration"]
        if reference["jobId"] in self.jobs:
            raise ApiError(409, "duplicate", f"Already Exists: Job {PROJECT}:EU.{reference['jobId']}")
        if message := self.refuse.get("request"):
            raise ApiError(403, "accessDenied", message)
        status: Json = {"state": "DONE"}
        try:
            if message := self.refuse.get("job"):
                raise ApiError(403, "quotaExceeded", message)
            if "load" in configuration:
                self._load(configuration["load"])
            else:
                self._copy(configuration["copy"])
        except ApiError as error:
            status["errorResult"] = error.content
        job = {
            "kind": "bigquery#job",
            "id": f"{PROJECT}:EU.{reference['jobId']}",
            "jobReference": {"projectId": PROJECT, "jobId": reference["jobId"], "location": "EU"},
            "configuration": configuration,
            "status": status,
        }
        self.jobs[reference["jobId"]] = job
        return job

    def _load(self, load: Json) -> None:
        if load["sourceFormat"] != "NEWLINE_DELIMITED_JSON":
            raise ApiError(400, "invalid", f"{load['sourceFormat']} is not served")
        rows = [json.loads(line) for uri in load["sourceUris"] for line in self.read(uri).splitlines()]
        for row in rows:
            _check_record(row, load["schema"]["fields"], "row")
        self._put(load, load["schema"], rows)

    def _copy(self, copy: Json) -> None:
        source = copy["sourceTable"]
        table = self._table(source["datasetId"], source["tableId"])
        self._put(copy, table.schema, table.rows)

    def _put(self, job: Json, schema: Json, rows: list[Json]) -> None:
        place = job["destinationTable"]
        tables, name = self._tables(place["datasetId"]), place["tableId"]
        if name not in tables and job.get("createDisposition") == "CREATE_NEVER":
            raise ApiError(404, "notFound", f"Not found: Table {name}")
        how = job.get("writeDisposition") or "WRITE_APPEND"
        if how == "WRITE_EMPTY" and name in tables and tables[name].rows:
            raise ApiError(409, "duplicate", f"Already Exists: Table {name}")
        if name not in tables or how == "WRITE_TRUNCATE":
            tables[name] = Table(schema)
        tables[name].rows.extend(rows)


def _check_record(record: Json, fields: list[Json], where: str) -> None:
    """Refuses, as BigQuery does, rows that don't match the schema."""
    if unknown := record.keys() - {item["name"] for item in fields}:
        raise ApiError(400, "invalid", f"{where}: no such field: {', '.join(sorted(unknown))}")
    for item in fields:
        name, mode, value = f"{where}.{item['name']}", item.get("mode") or "NULLABLE", record.get(item["name"])
        if value is None and mode == "REQUIRED":
            raise ApiError(400, "invalid", f"{name}: missing required field")
        if mode == "REPEATED" and not isinstance(value, list):
            raise ApiError(400, "invalid", f"{name}: not repeated")
        for one in value if isinstance(value, list) and mode == "REPEATED" else [value] if value is not None else []:
            if not isinstance(one, _TYPES[item["type"]]):
                raise ApiError(400, "invalid", f"{name}: {one!r} is no {item['type']}")
            if isinstance(one, dict):
                _check_record(one, item["fields"], name)


@contextlib.contextmanager
def bigquery_server(read: Callable[[str], bytes]) -> Iterator[BigQueryServer]:
    """Starts a server without datasets, and stops it at the end of the block."""
    served = BigQueryServer(read)

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            parts = urlsplit(self.path)
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            is_json = (self.headers.get("Content-Type") or "").startswith("application/json")
            status = 200
            try:
                if parts.path != "/token" and not (self.headers.get("Authorization") or "").startswith("Bearer "):
                    raise ApiError(401, "required", "Login Required.")
                body = json.loads(data) if data and is_json else {}
                content = served.answer(self.command, parts.path, parse_qs(parts.query), body)
            except ApiError as error:
                status = error.status
                content = {"error": {"code": status, "message": str(error), "errors": [error.content]}}
            answer_json(self, status, content)

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _answer

        def log_message(self, format: str, *args: object) -> None:
            """Logs nothing."""

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as served.url:
        yield served
