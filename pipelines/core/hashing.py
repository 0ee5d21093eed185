"""Hashes that are the same in every process, on every machine and in every version of Python."""

import hashlib
import json
from typing import Any

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
