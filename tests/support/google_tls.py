"""Google's hosts on this machine: a proxy that terminates TLS for them, with certificates of a test authority.

TensorFlow's own `gs://` supports no other hosts. It connects to them through the proxy named by `https_proxy`, and
trusts the authority in `CURL_CA_BUNDLE`.
"""

import contextlib
import datetime
import ssl
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.fault_proxy import FaultProxy, Handler, fault_proxy

_HOSTS = ("www.googleapis.com", "storage.googleapis.com")


@contextlib.contextmanager
def google_proxy(target: str, folder: Path) -> Iterator[tuple[FaultProxy, dict[str, str]]]:
    """A proxy in front of an emulator, which also stands for Google's hosts.

    Args:
        target: address of the emulator.
        folder: where to write certificates.

    Returns:
        The proxy, and the environment variables that make TensorFlow use it.
    """
    authority, certificate = folder / "authority.pem", folder / "certificate.pem"
    _make_certificates(authority, certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    class TlsHandler(Handler):
        def do_CONNECT(self) -> None:
            """Opens a tunnel: for the client, the connection is now one to the host."""
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            self.connection = context.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb")
            self.wfile = self.connection.makefile("wb", 0)  # type: ignore[assignment]
            self.close_connection = False

    with fault_proxy(target, TlsHandler) as proxy:
        yield proxy, {"https_proxy": proxy.url, "CURL_CA_BUNDLE": str(authority)}


def _make_certificates(authority: Path, certificate: Path) -> None:
    """PEM files: an authority, and a certificate for the hosts with its key."""
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of a test")])

    def sign(name: x509.Name, own: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType) -> bytes:
        builder = x509.CertificateBuilder(issuer, name, own.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - day).not_valid_after(now + day)
        signed = builder.add_extension(extension, critical=False).sign(authority_key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM)

    authority.write_bytes(sign(issuer, authority_key, x509.BasicConstraints(ca=True, path_length=None)))
    host = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _HOSTS[0])])
    names = x509.SubjectAlternativeName([x509.DNSName(name) for name in _HOSTS])
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    certificate.write_bytes(sign(host, key, names) + private)
