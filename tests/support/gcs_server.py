"""A Google Cloud Storage server on this machine for tests: gcp-storage-emulator on a free loopback port."""

import contextlib
import json
import logging
import os
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from gcp_storage_emulator.handlers.buckets import create_bucket
from gcp_storage_emulator.server import RequestHandler
from gcp_storage_emulator.storage import Storage

BUCKET = "bucket"
FORBIDDEN = "somebody@example.com does not have storage.objects.list access to the Google Cloud Storage bucket."
_GOOGLE = ("GOOGLE_", "GCLOUD_", "GCE_", "CLOUDSDK_", "NO_GCE_CHECK", "STORAGE_EMULATOR_HOST", "BIGQUERY_")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
Intervene = Callable[[str, str], int | None]
"""Called before a request is answered, with its method and decoded path; it may return a status to answer with."""


def google_environment(nowhere: Path, **more: str) -> dict[str, str]:
    """The environment of a process that finds no Google credentials on this machine, whoever runs the tests."""
    inherited = {
        key: value
        for key, value in os.environ.items()
        if not key.upper().startswith(_GOOGLE) and key.lower() not in _PROXIES
    }
    return {**inherited, "CLOUDSDK_CONFIG": str(nowhere / "no gcloud"), **more}


def use_environment(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives this process an environment without Google credentials."""
    for name in os.environ.keys() - environment.keys():
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


class Trees(ABC):
    """Whole folders of a server that stores single files."""

    @abstractmethod
    def put(self, uri: str, data: bytes) -> None:
        """Stores an object."""

    @abstractmethod
    def get(self, uri: str) -> bytes:
        """The content of an object."""

    @abstractmethod
    def generations(self, uri: str) -> dict[str, str]:
        """The objects below a folder, by path relative to it, each with a value that changes when it is rewritten."""

    def put_tree(self, folder: Path, uri: str) -> None:
        """Stores all files of a local folder."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put(f"{uri}/{path.relative_to(folder)}", path.read_bytes())

    def contents(self, uri: str) -> dict[str, bytes]:
        """The objects below a folder, without those that only the next run needs."""
        names = (name for name in self.generations(uri) if "_state" not in name.split("/"))
        return {name: self.get(f"{uri}/{name}") for name in names}


@dataclass
class GcsServer(Trees):
    """A running server. Its methods bypass the code under test."""

    url: str = ""  # where it listens, `http://127.0.0.1:<port>`.
    intervene: Intervene = lambda method, path: None  # called for each request; see `Intervene`
    _storage: Storage = field(default_factory=lambda: Storage(use_memory_fs=True))
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def put(self, uri: str, data: bytes) -> None:
        """Stores an object."""
        from gcp_storage_emulator.handlers.objects import _checksums, _make_object_resource

        bucket, name = _parts(uri)
        kind = "application/octet-stream"
        with self._lock:
            item = _checksums(data, _make_object_resource(self.url, bucket, name, kind, str(len(data))))
            self._storage.create_file(bucket, name, data, item)

    def get(self, uri: str) -> bytes:
        """The content of an object."""
        with self._lock:
            content: bytes = self._storage.get_file(*_parts(uri))
            return content

    def delete(self, uri: str) -> None:
        """Removes an object."""
        with self._lock:
            self._storage.delete_file(*_parts(uri))

    def generations(self, uri: str) -> dict[str, str]:
        """The objects below a folder, by path relative to it, each with a value that changes when it is rewritten."""
        bucket, prefix = _parts(f"{uri}/")
        with self._lock:
            found, _ = self._storage.get_file_list(bucket, prefix, None)
            return {item["name"].removeprefix(prefix): item["generation"] for item in found}

    @contextlib.contextmanager
    def intervening(self, intervene: Intervene) -> Iterator[None]:
        """Intervenes in requests during the block."""
        self.intervene, before = intervene, self.intervene
        try:
            yield
        finally:
            self.intervene = before


def _parts(uri: str) -> tuple[str, str]:
    bucket, _, name = uri.removeprefix("gs://").partition("/")
    return bucket, name


def denial(status: int) -> dict[str, Any]:
    """Google's answer to a request that is refused."""
    errors = [{"message": FORBIDDEN, "reason": "forbidden"}]
    return {"error": {"code": status, "message": FORBIDDEN, "errors": errors}}


def answer_json(handler: BaseHTTPRequestHandler, status: int, value: object) -> None:
    """Answers a request with JSON."""
    data = json.dumps(value).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)


class _HttpServer(HTTPServer):
    request_queue_size = 128  # many connections arrive at once, and the emulator's own queue holds five


class _Handler(RequestHandler):
    def __init__(self, served: GcsServer, *arguments: object) -> None:
        self._served = served
        super().__init__(served._storage, *arguments)

    def parse_request(self) -> bool:
        if not super().parse_request():
            return False
        if status := self._served.intervene(self.command, unquote(self.path)):
            self._refuse(status)
            return False
        return True

    def _refuse(self, status: int) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer_json(self, status, denial(status))

    def handle(self) -> None:
        with self._served._lock:
            super().handle()


@contextlib.contextmanager
def gcs_server() -> Iterator[GcsServer]:
    """Starts a server with the empty bucket `BUCKET`, and stops it at the end of the block."""
    logging.getLogger("gcp_storage_emulator").setLevel(logging.CRITICAL)
    server = GcsServer()
    create_bucket(BUCKET, server._storage)
    with serving(_HttpServer(("127.0.0.1", 0), partial(_Handler, server))) as server.url:
        yield server


@contextlib.contextmanager
def serving(server: HTTPServer) -> Iterator[str]:
    """Serves during the block, at the address that it yields."""
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    host, port = server.server_address[:2]
    try:
        yield f"http://{host!s}:{port}"
    finally:
        server.shutdown()
        server.server_close()


@dataclass(frozen=True)
class SilentServer:
    """An address that accepts connections and never answers, as if the network lost all packets."""

    address: str  # `127.0.0.1:<port>`.
    connections: list[socket.socket] = field(default_factory=list)  # a client that gives up soon makes few


@contextlib.contextmanager
def silent_server() -> Iterator[SilentServer]:
    """Opens such an address, and closes it at the end of the block."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening, contextlib.ExitStack() as open_ones:
        silent = SilentServer(f"127.0.0.1:{listening.getsockname()[1]}")

        def accept() -> None:
            with contextlib.suppress(OSError):  # once it is shut down
                while True:
                    silent.connections.append(open_ones.enter_context(listening.accept()[0]))

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield silent
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.fixture(scope="module")
def server() -> Iterator[GcsServer]:
    """A server for the tests of a module."""
    with gcs_server() as running:
        yield running


@pytest.fixture(scope="module")
def environment(server: GcsServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a process that uses the server."""
    return google_environment(tmp_path_factory.mktemp("home"), STORAGE_EMULATOR_HOST=server.url)


@pytest.fixture(scope="module")
def bucket_of_videos(server: GcsServer, tree: Path) -> str:
    """The address of the tree of videos in the server."""
    server.put_tree(tree, "gs://bucket/ucf/videos")
    return "gs://bucket/ucf/videos"
