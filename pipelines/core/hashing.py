"""Hashes that are the same in every process, on every machine and in every version of Python; hashes of streams."""

import hashlib
import json
from typing import Any, BinaryIO

compact_json = json.JSONEncoder(separators=(",", ":")).encode
"""Encodes a value as JSON: ASCII on one line, without spaces."""


def stable_hash(*parts: str) -> int:
    """64-bit hash of some strings. Unlike `hash()`, it doesn't depend on the process."""
    digest = hashlib.blake2b("\x1f".join(parts).encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def fingerprint(value: Any) -> str:
    """16 hexadecimal digits that identify a JSON-serialisable value, whatever the order of its keys."""
    return text_fingerprint(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True))


def text_fingerprint(text: str) -> str:
    """16 hexadecimal digits that identify a text."""
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


class HashingWriter:
    """Passes bytes on to a file, counting and hashing them."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()
        self.size_bytes = 0

    def write(self, data: bytes) -> int:
        """Writes all of `data`, and returns its length."""
        self._file.write(data)
        self.sha256.update(data)
        self.size_bytes += len(data)
        return len(data)

    def flush(self) -> None:
        """Passes on to the file below."""
        self._file.flush()


class HashingReader:
    """Reads from a file, hashing and counting the bytes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()
        self.size_bytes = 0

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, as the file below gives them; all that are left if negative."""
        data = self._file.read(size)
        self.sha256.update(data)
        self.size_bytes += len(data)
        return data
