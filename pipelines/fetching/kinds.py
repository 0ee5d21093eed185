"""Recognises the kind of an archive by its first bytes."""

import re

RAR, ZIP, TAR = "rar", "zip", "tar"
START_BYTES = 512
"""Number of bytes that suffice."""
_MAGIC = (
    (b"Rar!\x1a\x07", RAR), (b"PK\x03\x04", ZIP), (b"PK\x05\x06", ZIP), (b"\x1f\x8b", TAR), (b"BZh", TAR),
    (b"\xfd7zXZ\x00", TAR),
)  # fmt: skip
_PAGE = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*<(?:!doctype|html|head|body|\?xml|!--)", re.IGNORECASE)
NAMES = "RAR, ZIP, tar, tar.gz, tar.xz or tar.bz2"


def kind_of(start: bytes) -> str:
    """The kind of an archive that begins with these bytes; empty if it isn't a known one."""
    for magic, kind in _MAGIC:
        if start.startswith(magic):
            return kind
    return TAR if start[257:262] == b"ustar" else ""


def why_no_archive(start: bytes, content_type: str = "") -> str:
    """What a file that begins with these bytes is instead of an archive, as text for the user."""
    if not start:
        return "an empty file"
    if _PAGE.match(start) or "html" in content_type.lower():
        return "a web page"
    return f"something else, which begins with {start[:16]!r}"
