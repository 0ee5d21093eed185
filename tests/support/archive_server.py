"""A site with one file that behaves as badly as real sites: it breaks off, changes the file, lies, redirects."""

import contextlib
import re
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from tests.support.fault_proxy import QuietServer
from tests.support.gcs_server import serving

DATE = "Sat, 01 Jan 2011 00:00:00 GMT"


@dataclass(frozen=True)
class Answer:
    """How one request is answered; by default with the file, or with the range that was asked for."""

    status: int = 200  # HTTP status; anything but 200 is sent in place of the file
    headers: dict[str, str] = field(default_factory=dict)  # headers added to the answer
    body: bytes | None = None  # content sent in place of the file, whatever range was asked for
    cut_after: int | None = None  # the connection ends after this many bytes of the body
    length: int | None = None  # length declared in place of the true one
    ignore_range: bool = False  # the whole file is sent
    wrong_range: int = 0  # the range begins this many bytes later than was asked for
    drip_s: float = 0.0  # seconds between two blocks of 64 KiB
    chunked: bool = False  # the length isn't declared


@dataclass
class ArchiveSite:
    """A running site."""

    data: bytes  # its file, at any path
    etag: str = '"one"'  # ETag of the file; empty for none
    last_modified: str = DATE  # date of the file; empty for none
    answers: list[Answer] = field(default_factory=list)  # to the next requests; `Answer()` when none is left
    url: str = ""  # address of the site
    requests: list[dict[str, str]] = field(default_factory=list)  # the headers of each request, with its path as `path`

    def ranges(self) -> list[str]:
        """The range of each request, empty where none was asked for."""
        return [request.get("Range", "") for request in self.requests]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: ArchiveSite

    def do_GET(self) -> None:
        site = self.site
        site.requests.append({"path": self.path, **dict(self.headers.items())})
        answer = site.answers.pop(0) if site.answers else Answer()
        headers = {"ETag": site.etag, "Last-Modified": site.last_modified, **answer.headers}
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        condition = self.headers.get("If-Range")
        same = condition is None or condition in (site.etag, site.last_modified)
        status, body = answer.status, site.data
        if answer.body is not None:
            body = answer.body
        elif status == 200 and asked and same and not answer.ignore_range:
            start = int(asked[1]) + answer.wrong_range
            if start >= len(body):
                status, headers["Content-Range"], body = 416, f"bytes */{len(body)}", b""
            else:
                status, headers["Content-Range"] = 206, f"bytes {start}-{len(body) - 1}/{len(body)}"
                body = body[start:]
        self.send_response_only(status)
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        if answer.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(len(body) if answer.length is None else answer.length))
        self.end_headers()
        self._send(body, answer)

    def _send(self, body: bytes, answer: Answer) -> None:
        left = body if answer.cut_after is None else body[: answer.cut_after]
        self.close_connection = True
        for start in range(0, len(left), 1 << 16):
            block = left[start : start + (1 << 16)]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(block), block) if answer.chunked else block)
            time.sleep(answer.drip_s)
        if answer.chunked and answer.cut_after is None:
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *arguments: object) -> None:
        pass


@contextlib.contextmanager
def archive_site(data: bytes, chain: Path | None = None) -> Iterator[ArchiveSite]:
    """A site with a file during the block; `chain` is a PEM file with its certificates and key, for https."""
    site = ArchiveSite(data)
    server = QuietServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"site": site}))
    if chain:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    with serving(server) as url:
        site.url = url.replace("http:", "https:") if chain else url
        yield site
