"""Files that hash and count the bytes that pass through them."""

import hashlib
from typing import BinaryIO


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
