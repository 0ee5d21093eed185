"""What the headers of an HTTP answer say: sizes, versions, ranges, and when to ask again."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime

RETRIED = frozenset((408, 425, 429, 500, 502, 503, 504))
"""States that may pass."""
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


@dataclass(frozen=True)
class Version:
    """Which file a site offers.

    Attributes:
        size_bytes: its size; 0 where the site doesn't tell.
        etag: the site's mark of this version; empty where it gives none.
        last_modified: when it was changed, as the site writes it; empty where it doesn't tell.
    """

    size_bytes: int = 0
    etag: str = ""
    last_modified: str = ""

    @property
    def condition(self) -> str:
        """The value of `If-Range`: a strong ETag, or else the date; empty where there is neither."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.last_modified

    def differs(self, other: "Version") -> str:
        """What shows that the other one is of another file; empty where nothing does."""
        for what in ("size_bytes", "etag", "last_modified"):
            mine, its = getattr(self, what), getattr(other, what)
            if mine and its and mine != its:
                return f"{what.replace('_', ' ')} {its} instead of {mine}"
        return ""


@dataclass(frozen=True)
class Range:
    """Which bytes an answer with status 206 or 416 is about: first one, one behind the last, size of the file.

    `start` is -1 with status 416, `total` 0 where the site doesn't know.
    """

    start: int
    end: int
    total: int


def parse_range(value: str) -> Range | None:
    """Reads `Content-Range`; None where it isn't of the known form."""
    match = _CONTENT_RANGE.fullmatch(value.strip())
    if not match:
        return None
    start, end, total = match.groups()
    size = 0 if total == "*" else int(total)
    return Range(-1, -1, size) if start is None else Range(int(start), int(end) + 1, size)


def version_of(headers: Message, status: int) -> Version:
    """Which file an answer with status 200 or 206 is of."""
    if status == 206:
        found = parse_range(headers.get("Content-Range", ""))
        size = found.total if found else 0
    else:
        length = headers.get("Content-Length", "")
        size = int(length) if length.isdecimal() else 0
    return Version(size, headers.get("ETag", ""), headers.get("Last-Modified", ""))


def retry_after_s(value: str, now: datetime | None = None) -> float:
    """Seconds that `Retry-After` asks to wait, given as a number or a date; 0 where it says nothing."""
    if value.strip().isdecimal():
        return float(value)
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - (now or datetime.now(UTC))).total_seconds())
