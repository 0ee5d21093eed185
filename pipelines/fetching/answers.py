"""What the headers of an HTTP answer say: sizes, versions, ranges, and when to ask again."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime

RETRIED = frozenset((408, 425, 429, 500, 502, 503, 504))
"""Status codes of temporary problems."""
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


@dataclass(frozen=True)
class Version:
    """The version of a file that a site offers.

    Attributes:
        size_bytes: its size; 0 if the site doesn't give it.
        etag: the site's tag of this version; empty if it gives none.
        last_modified: when it was changed, as the site writes it; empty if it doesn't tell.
    """

    size_bytes: int = 0
    etag: str = ""
    last_modified: str = ""

    @property
    def condition(self) -> str:
        """The value of `If-Range`: a strong ETag, or else the date; empty if there is neither."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.last_modified

    def differs(self, other: "Version") -> str:
        """What shows that the other version is a different file; empty if nothing does."""
        for what in ("size_bytes", "etag", "last_modified"):
            mine, its = getattr(self, what), getattr(other, what)
            if mine and its and mine != its:
                return f"{what.replace('_', ' ')} {its} instead of {mine}"
        return ""


@dataclass(frozen=True)
class Range:
    """The bytes that an answer with status 206 or 416 refers to: the half-open range, and the size of the file.

    `start` is -1 with status 416; `total` is 0 if the site doesn't know it.
    """

    start: int
    end: int
    total: int


def parse_range(value: str) -> Range | None:
    """Parses `Content-Range`; None if it doesn't have the expected form."""
    match = _CONTENT_RANGE.fullmatch(value.strip())
    if not match:
        return None
    start, end, total = match.groups()
    size = 0 if total == "*" else int(total)
    return Range(-1, -1, size) if start is None else Range(int(start), int(end) + 1, size)


def version_of(headers: Message, status: int) -> Version:
    """The version of the file in an answer with status 200 or 206."""
    if status == 206:
        found = parse_range(headers.get("Content-Range", ""))
        size = found.total if found else 0
    else:
        length = headers.get("Content-Length", "")
        size = int(length) if length.isdecimal() else 0
    return Version(size, headers.get("ETag", ""), headers.get("Last-Modified", ""))


def retry_after_s(value: str, now: datetime | None = None) -> float:
    """Seconds that `Retry-After` asks to wait, given as a number or a date; 0 if it can't be parsed."""
    if value.strip().isdecimal():
        return float(value)
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - (now or datetime.now(UTC))).total_seconds())
