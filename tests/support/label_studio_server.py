"""Label Studio itself, on loopback, for tests where it is installed in an environment of its own."""

import contextlib
import http.cookiejar
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

EMAIL, PASSWORD = "tester@example.com", "only-on-loopback"
_START_S = 180


class LabelStudio:
    """A running server, and a session of its only user."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._cookies))

    def sign_in(self) -> None:
        self._send("GET", "/user/login")
        form = {"email": EMAIL, "password": PASSWORD, "csrfmiddlewaretoken": self._token()}
        self._send("POST", "/user/login", urllib.parse.urlencode(form).encode())

    def call(self, method: str, path: str, value: Any = None) -> Any:
        """The answer of the API, parsed."""
        data = None if value is None else json.dumps(value).encode()
        return json.loads(self._send(method, path, data, "application/json"))

    def is_up(self) -> bool:
        try:
            return b"UP" in self._send("GET", "/health")
        except OSError:
            return False

    def _send(self, method: str, path: str, data: bytes | None = None, kind: str = "") -> bytes:
        headers = {"Referer": self.address, "X-CSRFToken": self._token(), **({"Content-Type": kind} if kind else {})}
        request = urllib.request.Request(self.address + path, data, headers, method=method)
        try:
            with self._opener.open(request, timeout=60) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read()[:500]!r}") from error

    def _token(self) -> str:
        return next((str(cookie.value) for cookie in self._cookies if cookie.name == "csrftoken"), "")


@contextlib.contextmanager
def label_studio(environment: str, folder: Path) -> Iterator[LabelStudio]:
    """Starts the server of an environment, which keeps its data in a folder, and ends it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variables = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder), "COLLECT_ANALYTICS": "false", "LATEST_VERSION_CHECK": "false",
        "SENTRY_DSN": "", "HOME": str(folder),
    }  # fmt: skip
    command = [
        f"{environment}/bin/label-studio", "start", "--no-browser", "--internal-host", "127.0.0.1", "--port", str(port),
        "--username", EMAIL, "--password", PASSWORD,
    ]  # fmt: skip
    with open(folder / "server.log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=variables, cwd=folder)
    try:
        server = LabelStudio(f"http://127.0.0.1:{port}")
        end = time.monotonic() + _START_S
        while not server.is_up():
            assert process.poll() is None and time.monotonic() < end, (folder / "server.log").read_text()[-2000:]
            time.sleep(0.5)
        server.sign_in()
        yield server
    finally:
        process.terminate()
        process.wait(30)
