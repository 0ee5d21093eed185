"""A chain of certificates for this machine: of an authority, an intermediate authority and the site."""

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Chain:
    """PEM files."""

    root: Path  # the authority's certificate
    whole: Path  # the site's certificate, the intermediate one and the site's key
    incomplete: Path  # the same without the intermediate one
    lone: Path  # a self-signed certificate and its key


_Key = ec.EllipticCurvePrivateKey


def make_chain(folder: Path, *hosts: str) -> Chain:
    """Makes the files in a folder; the site has this machine's address, and these names."""
    root_key, middle_key, key, lone_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(4))
    root, middle, leaf = "authority of a test", "intermediate authority of a test", "site of a test"
    signed_root = _sign(root, root_key, root, root_key, authority=True)
    signed_middle = _sign(middle, middle_key, root, root_key, authority=True)
    signed_leaf = _sign(leaf, key, middle, middle_key, hosts)
    signed_lone = _sign(leaf, lone_key, leaf, lone_key)
    chain = Chain(*(folder / name for name in ("root.pem", "whole.pem", "incomplete.pem", "lone.pem")))
    chain.root.write_bytes(signed_root)
    chain.whole.write_bytes(signed_leaf + signed_middle + _private(key))
    chain.incomplete.write_bytes(signed_leaf + _private(key))
    chain.lone.write_bytes(signed_lone + _private(lone_key))
    return chain


def _sign(name: str, key: _Key, issuer: str, signer: _Key, hosts: Sequence[str] = (), authority: bool = False) -> bytes:
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    builder = x509.CertificateBuilder(_name(issuer), _name(name), key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - day).not_valid_after(now + day)
    builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    if not authority:
        names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), *map(x509.DNSName, hosts)]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _private(key: _Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
