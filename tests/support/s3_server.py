"""An S3 server on this machine for tests: moto's, in its own process, on a free port."""

import contextlib
import os
import re
import subprocess
import sys
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree

import pytest

from tests.support.gcs_server import Trees

_START_S = 60.0


@dataclass(frozen=True)
class S3Server(Trees):
    """A running server."""

    url: str  # where it listens, `http://127.0.0.1:<port>`.

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a process that should use this server, in the variables of the AWS tools."""
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "S3_"))}
        return {
            **inherited,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.url,
            **more,
        }

    def make_bucket(self, name: str) -> str:
        """Makes a bucket and returns its address, `s3://<name>`."""
        self._request("PUT", name)
        return f"s3://{name}"

    def put(self, uri: str, data: bytes) -> None:
        """Stores an object without the code under test."""
        self._request("PUT", uri.removeprefix("s3://"), data)

    def get(self, uri: str) -> bytes:
        """The content of an object, without the code under test.

        Raises:
            urllib.error.HTTPError: there is no such object.
        """
        return self._request("GET", uri.removeprefix("s3://"))

    def delete(self, uri: str) -> None:
        """Removes an object."""
        self._request("DELETE", uri.removeprefix("s3://"))

    def generations(self, uri: str) -> dict[str, str]:
        """The objects below a folder, by path relative to it, each with a value that changes when it is rewritten."""
        bucket, _, prefix = f"{uri}/".removeprefix("s3://").partition("/")
        query = urllib.parse.urlencode({"list-type": 2, "prefix": prefix, "max-keys": 1000})
        found = ElementTree.fromstring(self._request("GET", f"{bucket}?{query}"))
        space = found.tag.partition("}")[0] + "}"
        return {
            str(item.findtext(f"{space}Key")).removeprefix(prefix): str(item.findtext(f"{space}LastModified"))
            for item in found.iter(f"{space}Contents")
        }

    def num_unfinished_uploads(self, bucket: str) -> int:
        """Multipart uploads that were begun, but neither completed nor aborted."""
        return self._request("GET", f"{bucket}?uploads").count(b"<UploadId>")

    def _request(self, method: str, path: str, data: bytes | None = None) -> bytes:
        path, _, query = path.partition("?")
        address = f"{self.url}/{urllib.parse.quote(path)}" + (f"?{query}" if query else "")
        request = urllib.request.Request(address, data, method=method)
        # moto accepts any signature, but takes a request without one for anonymous.
        request.add_header("Content-Type", "application/octet-stream")  # by default urllib would declare a form
        request.add_header("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request")
        with urllib.request.urlopen(request, timeout=30) as answer:
            content: bytes = answer.read()
            return content


@contextlib.contextmanager
def s3_server(**environment: str) -> Iterator[S3Server]:
    """Starts a server with additional environment variables, and stops it at the end of the block.

    Raises:
        RuntimeError: the server doesn't start; the message holds its output.
    """
    command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", "0"]
    env = {**os.environ, **environment}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=env) as process:
        assert process.stderr
        giving_up = threading.Timer(_START_S, process.kill)
        giving_up.start()
        printed = ""
        try:
            for line in process.stderr:
                printed += line
                if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                    break
            else:
                raise RuntimeError(f"moto's server ended with {process.wait()}:\n{printed}")
            giving_up.cancel()
            # It logs every request; an unread pipe would fill up and block it.
            threading.Thread(target=process.stderr.read, daemon=True).start()
            yield S3Server(found.group())
        finally:
            giving_up.cancel()
            process.kill()


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    """A server with a bucket for the tests of a module."""
    with s3_server() as running:
        running.make_bucket("bucket")
        yield running
