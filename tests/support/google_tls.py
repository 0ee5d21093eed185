"""Google's hosts on this machine: a proxy that terminates TLS for them, with certificates of a test authority.

TensorFlow's own `gs://` supports no other hosts. It connects to them through the proxy named by `https_proxy`, and
trusts the authority in `CURL_CA_BUNDLE`.
"""

import contextlib
import ssl
from collections.abc import Iterator
from pathlib import Path

from tests.support.certificates import make_chain
from tests.support.fault_proxy import FaultProxy, Handler, fault_proxy

_HOSTS = ("www.googleapis.com", "storage.googleapis.com")


@contextlib.contextmanager
def google_proxy(target: str, folder: Path) -> Iterator[tuple[FaultProxy, dict[str, str]]]:
    """A proxy in front of an emulator (at the address `target`), which also stands for Google's hosts, and the
    environment variables that make TensorFlow use it; its certificates are written into a folder."""
    chain = make_chain(folder, *_HOSTS)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain.whole)

    class TlsHandler(Handler):
        def do_CONNECT(self) -> None:
            """Opens a tunnel: for the client, the connection is now one to the host."""
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            self.connection = context.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb")
            self.wfile = self.connection.makefile("wb", 0)  # type: ignore[assignment]
            self.close_connection = False

    with fault_proxy(target, TlsHandler) as proxy:
        yield proxy, {"https_proxy": proxy.url, "CURL_CA_BUNDLE": str(chain.root)}
