"""A server between the code under test and a store: it passes requests on, counts them, or injects faults."""

import contextlib
import http.client
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from tests.support.gcs_server import FORBIDDEN, serving
from tests.support.gcs_server import denial as google_denial

_HOP = ("connection", "keep-alive", "transfer-encoding", "content-length")

_STEP_BYTES = 1 << 16
_PAGE = b"<!DOCTYPE html><html><head><title>Wi-Fi</title></head><body>Please sign in</body></html>"


@dataclass(frozen=True)
class Fault:
    """What happens to a request."""

    delay_s: float = 0.0  # seconds to wait before anything else
    status: int = 0  # HTTP status sent in place of the store's answer
    reset: bool = False  # the connection is closed without an answer; the store has not seen the request
    stall_after: int | None = None  # after this many bytes of the body nothing comes for `stall_s`, then the end
    stall_s: float = 0.0  # see `stall_after`
    cut: int = 0  # this many bytes are missing at the end of the answer's body, and its headers agree
    shift: int = 0  # the answer's header says that its body begins so many bytes later
    whole: bool = False  # the store isn't told which range is asked for, and sends everything
    page: bool = False  # a page to sign in comes in place of the store's answer; the store has not seen the request
    bytes_per_s: float = 0.0  # how fast the body comes on each connection; 0 for as fast as possible
    stale: bool = False  # a listing is answered as it was last time, whatever has been written or removed since


Decide = Callable[[str, str], Fault | None]
"""Called with the method and the decoded path and query of each request, by many threads at once.

Google's library names a file that it stores in the body; here the name is appended to the query all the same.
"""


@dataclass
class FaultProxy:
    """A running proxy."""

    target: str  # address of the store, `http://...`.
    url: str = ""  # where the proxy listens
    decide: Decide = lambda method, path: None  # what happens to each request; see `Decide`
    requests: list[tuple[str, str]] = field(default_factory=list)  # methods and paths of the requests, in order
    num_bytes: int = 0  # how many bytes of bodies the clients were sent
    lock: threading.Lock = field(default_factory=threading.Lock)
    listings: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)  # answers by path

    @contextlib.contextmanager
    def faulty(self, decide: Decide) -> Iterator[None]:
        """Injects faults during the block."""
        self.decide, before = decide, self.decide
        try:
            yield
        finally:
            self.decide = before


def is_listing(method: str, path: str) -> bool:
    """Whether a request asks for the names of objects."""
    return method == "GET" and ("list-type=2" in path or bool(re.match(r"/storage/v1/b/[^/]+/o\?", path)))


def denial(is_google: bool, status: int) -> bytes:
    """The body of an error in the store's format."""
    if is_google:
        return json.dumps(google_denial(status)).encode()
    code = {403: "AccessDenied", 503: "SlowDown"}.get(status, "InternalError")
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{FORBIDDEN}</Message></Error>".encode()


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    proxy: FaultProxy

    def _serve(self) -> None:
        body = self._body()
        path = unquote(self.path)
        if path.startswith("/upload/") and (name := re.search(rb'"name": ?"([^"]+)"', body[:1000])):
            path += f"&name={name[1].decode()}"
        self.proxy.requests.append((self.command, path))
        fault = self.proxy.decide(self.command, path) or Fault()
        time.sleep(fault.delay_s)
        if fault.reset:
            self.close_connection = True
        elif fault.status:
            is_google = path.startswith(("/storage/", "/upload/", "/download/", "/batch/"))
            self._answer(fault.status, {}, denial(is_google, fault.status), Fault())
        elif fault.page:
            self._answer(200, {"Content-Type": "text/html; charset=utf-8"}, _PAGE, Fault())
        elif fault.stale and path in self.proxy.listings:
            self._answer(*self.proxy.listings[path], Fault())
        else:
            self._forward(body, fault)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _serve

    def _body(self) -> bytes:
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.close_connection = True  # already sent by the base class; the body follows
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        data = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    def _forward(self, body: bytes, fault: Fault) -> None:
        place = urlsplit(self.proxy.target)
        connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=60)
        with contextlib.closing(connection):
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in (*_HOP, "expect", *(["range"] if fault.whole else [])):
                    connection.putheader(name, value)
            if body or self.command in ("PUT", "POST"):
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            headers = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP}
            headers = {name: value.replace(self.proxy.target, self.proxy.url) for name, value in headers.items()}
            length = answer.getheader("Content-Length")
            data = answer.read()
            if "json" in (answer.getheader("Content-Type") or ""):  # Google's store says where the content is
                data = data.replace(self.proxy.target.encode(), self.proxy.url.encode())
            if is_listing(self.command, unquote(self.path)):
                self.proxy.listings[unquote(self.path)] = answer.status, headers, data
            self._answer(answer.status, headers, data, fault, length if self.command == "HEAD" else None)

    def _answer(
        self, status: int, headers: dict[str, str], body: bytes, fault: Fault, length: str | None = None
    ) -> None:
        if fault.cut:
            body = body[: -fault.cut]
            first = headers.get("Content-Range", "bytes 0-").partition("-")[0]
            end = int(first.partition(" ")[2]) + len(body)
            headers = {**headers, "Content-Range": f"{first}-{end - 1}/{end}"}
        if fault.shift:
            other = {"Content-Range": f"bytes {fault.shift}-{fault.shift + len(body) - 1}/{fault.shift + len(body)}"}
            headers = {name: value for name, value in headers.items() if name.lower() != "content-range"} | other
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", length or str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault.stall_after is not None and len(body) > fault.stall_after:
            self.wfile.write(body[: fault.stall_after])
            self.wfile.flush()
            time.sleep(fault.stall_s)
            self.close_connection = True
            return
        with self.proxy.lock:
            self.proxy.num_bytes += len(body)
        step = len(body) if not fault.bytes_per_s else _STEP_BYTES
        for begin in range(0, len(body), step or 1):
            part = body[begin : begin + step]
            time.sleep(len(part) / fault.bytes_per_s if fault.bytes_per_s else 0.0)
            self.wfile.write(part)

    def log_message(self, *arguments: object) -> None:
        pass


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *arguments: object) -> None:
        """Says nothing: clients that disconnect early are what tests are about."""


@contextlib.contextmanager
def fault_proxy(target: str) -> Iterator[FaultProxy]:
    """Starts a proxy in front of a store, and stops it at the end of the block."""
    proxy = FaultProxy(target)
    handler = type("Handler", (_Handler,), {"proxy": proxy})
    with serving(QuietServer(("127.0.0.1", 0), handler)) as proxy.url:
        yield proxy
