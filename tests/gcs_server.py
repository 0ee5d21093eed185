"""A Google Cloud Storage server on this machine for tests: gcp-storage-emulator's, on a free port of loopback.

Here are also the stores of bad days: one that forbids everything, and one that takes connections and never answers.
"""

import contextlib
import json
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path

from gcp_storage_emulator.handlers.buckets import create_bucket
from gcp_storage_emulator.server import RequestHandler
from gcp_storage_emulator.storage import Storage

BUCKET = "bucket"
_GOOGLE = ("GOOGLE_", "GCLOUD_", "GCE_", "CLOUDSDK_", "NO_GCE_CHECK", "STORAGE_EMULATOR_HOST", "BIGQUERY_")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def google_environment(nowhere: Path, **more: str) -> dict[str, str]:
    """The environment of a process that is to find no Google credentials on this machine, whoever runs the tests."""
    inherited = {
        key: value
        for key, value in os.environ.items()
        if not key.upper().startswith(_GOOGLE) and key.lower() not in _PROXIES
    }
    return {**inherited, "CLOUDSDK_CONFIG": str(nowhere / "no gcloud"), **more}


@dataclass(frozen=True)
class GcsServer:
    """A running server. Its methods go past the code under test, and past HTTP.

    Attributes:
        url: where it listens, `http://127.0.0.1:<port>`.
        storage: what it serves.
        lock: held while a request is answered.
    """

    url: str
    storage: Storage
    lock: threading.Lock

    def put(self, uri: str, data: bytes) -> None:
        """Stores an object."""
        import urllib.request
        from urllib.parse import quote

        bucket, _, name = uri.removeprefix("gs://").partition("/")
        address = f"{self.url}/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(name, safe='')}"
        request = urllib.request.Request(address, data, {"Content-Type": "application/octet-stream"}, method="POST")
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30):
            pass

    def put_tree(self, folder: Path, uri: str) -> None:
        """Stores all files of a local folder."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put(f"{uri}/{path.relative_to(folder)}", path.read_bytes())

    def get(self, uri: str) -> bytes:
        """The content of an object."""
        bucket, _, name = uri.removeprefix("gs://").partition("/")
        with self.lock:
            content: bytes = self.storage.get_file(bucket, name)
        return content

    def delete(self, uri: str) -> None:
        """Removes an object."""
        bucket, _, name = uri.removeprefix("gs://").partition("/")
        with self.lock:
            self.storage.delete_file(bucket, name)

    def generations(self, uri: str) -> dict[str, str]:
        """The objects below a folder, by path relative to it, each with what changes when it is written again."""
        bucket, _, prefix = f"{uri}/".removeprefix("gs://").partition("/")
        with self.lock:
            found, _ = self.storage.get_file_list(bucket, prefix, None)
        return {item["name"].removeprefix(prefix): item["generation"] for item in found}

    def contents(self, uri: str) -> dict[str, bytes]:
        """The objects below a folder but those that only the next run needs."""
        names = (name for name in self.generations(uri) if "_state" not in name.split("/"))
        return {name: self.get(f"{uri}/{name}") for name in names}


class _Server(HTTPServer):
    request_queue_size = 128  # many connections come at a time, and the emulator's own queue is five


@contextlib.contextmanager
def gcs_server() -> Iterator[GcsServer]:
    """Starts a server with the empty bucket `BUCKET`, and ends it with the block."""
    storage, lock = Storage(use_memory_fs=True), threading.Lock()
    create_bucket(BUCKET, storage)

    class Handler(RequestHandler):
        def handle_one_request(self) -> None:
            with lock:
                super().handle_one_request()

    with _serving(_Server(("127.0.0.1", 0), partial(Handler, storage))) as url:
        yield GcsServer(url, storage, lock)


@contextlib.contextmanager
def _serving(server: HTTPServer) -> Iterator[str]:
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


class _Forbidding(BaseHTTPRequestHandler):
    def _refuse(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        message = "somebody@example.com does not have storage.objects.list access to the Google Cloud Storage bucket."
        error = {"code": 403, "message": message, "errors": [{"message": message, "reason": "forbidden"}]}
        data = json.dumps({"error": error}).encode()
        self.send_response(403)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _refuse

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextlib.contextmanager
def forbidding_server() -> Iterator[str]:
    """The address of a store that forbids everything."""
    with _serving(ThreadingHTTPServer(("127.0.0.1", 0), _Forbidding)) as url:
        yield url


@contextlib.contextmanager
def silent_server() -> Iterator[str]:
    """An address, `127.0.0.1:<port>`, that takes connections and never answers, as a network does that drops packets."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"
