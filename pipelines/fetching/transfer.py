"""Downloads a file over connections that may break off at any byte, and resumes from there as often as needed.

An existing part is trusted only if the site says that its file is still the same one (size, ETag, date), and if the
part's last bytes, when sent again, are the same.
"""

import http.client
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from pipelines.cli.tool import say
from pipelines.core.errors import IncompleteError, OutputError
from pipelines.core.reasons import first_line
from pipelines.fetching.answers import Version, parse_range, version_of
from pipelines.fetching.connection import LOST, OutOfRangeError, Site, TryAgainError
from pipelines.fetching.kinds import START_BYTES
from pipelines.reports.progress import POLL_S, bytes_done, watching
from pipelines.reports.text import human_bytes, human_seconds

_OVERLAP_BYTES = 1 << 16
_CHUNK_BYTES = 1 << 18


@dataclass(frozen=True)
class Patience:
    """How long to keep trying a site.

    Attributes:
        attempts: number of successive attempts without a new byte after which to give up.
        first_pause_s: seconds before the second attempt; they double each time.
        longest_pause_s: the longest such pause in seconds.
        longest_wait_s: if a site asks for a longer wait than this, the run ends.
    """

    attempts: int = 7
    first_pause_s: float = 1.0
    longest_pause_s: float = 30.0
    longest_wait_s: float = 300.0

    def pause_s(self, failures: int) -> float:
        """Seconds to wait after a number of attempts without a new byte; 0 counts as 1."""
        return min(self.longest_pause_s, self.first_pause_s * 2.0 ** (max(1, failures) - 1))


@dataclass(frozen=True)
class Checks:
    """Checks of a file before most of it is downloaded; `size` and `start` raise UserError to end the run.

    Attributes:
        size: takes the size in bytes (0 if unknown) and the number of bytes that are already there.
        start: takes the first bytes, and the content type that the site gives.
        begun: takes the version of the file that is about to be written, before its first byte is.
    """

    size: Callable[[int, int], None]
    start: Callable[[bytes, str], None]
    begun: Callable[[Version], None]


class Transfer:
    """The download of a file into `part`.

    Args:
        site: the site that has the file.
        part: path to write to; an existing part is resumed.
        known: the version of the file that the existing part belongs to, if any.
        checks: see `Checks`.
        patience: see `Patience`.
    """

    def __init__(
        self, site: Site, part: str, known: Version | None, checks: Checks, patience: Patience | None = None
    ) -> None:
        self._site, self._part, self._checks = site, part, checks
        self._patience = patience or Patience()
        self._known = known
        self._have = self._most = os.path.getsize(part) if known and os.path.exists(part) else 0

    def run(self) -> Version:
        """Downloads what is missing; returns the version of the complete file.

        Raises:
            UsageError: the site has no such file, or it isn't what it should be.
            IncompleteError: the site can no longer be reached, or keeps breaking off.
            OutputError: the file can't be written.
        """
        failures = 0
        if self._have:
            say(f"note: {human_bytes(self._have)} of {self._site.shown} already downloaded; resuming")
        while True:
            most = self._most
            try:
                return self._attempt()
            except TryAgainError as error:
                failures = 0 if self._most > most else failures + 1
                self._wait(error, failures)

    def _wait(self, error: TryAgainError, failures: int) -> None:
        there = f"; {human_bytes(self._have)} are kept, and the same command resumes from there" if self._have else ""
        if failures >= self._patience.attempts:
            raise IncompleteError(f"{error}. Gave up after {failures} attempts without a new byte{there}") from error
        if error.wait_s > self._patience.longest_wait_s:
            raise IncompleteError(
                f"{error}, and asks to wait for {human_seconds(error.wait_s)}. Run the same command again then{there}"
            ) from error
        pause_s = max(error.wait_s, self._patience.pause_s(failures))
        say(f"note: {error}; trying again in {human_seconds(pause_s)}")
        time.sleep(pause_s)

    def _attempt(self) -> Version:
        known = self._known
        if known and known.size_bytes and self._have == known.size_bytes:
            return known
        overlap = min(self._have, _OVERLAP_BYTES)
        headers = {}
        if self._have and known:
            headers["Range"] = f"bytes={self._have - overlap}-"
            if known.condition:
                headers["If-Range"] = known.condition
        try:
            answer = self._site.ask(headers)
        except OutOfRangeError as error:
            self._start_over()
            raise TryAgainError(f"{error}: the file has become shorter, so the existing part is dropped") from error
        with answer:
            offered = version_of(answer.headers, answer.status)
            if answer.status == 206 and known:
                self._check_same(answer, known, offered, overlap)
                return self._take(answer, known)
            if self._have and known:
                why = known.differs(offered) or "the site can't resume"
                say(f"note: {self._site.shown} starts over: {why}")
                self._start_over()
            self._checks.size(offered.size_bytes, 0)
            return self._take(answer, offered)

    def _check_same(self, answer: http.client.HTTPResponse, known: Version, offered: Version, overlap: int) -> None:
        """Refuses an answer that isn't the rest of the file whose beginning exists."""
        found = parse_range(answer.headers.get("Content-Range", ""))
        if found is None or found.start != self._have - overlap:
            why = f"another range than was requested ({answer.headers.get('Content-Range', '')!r})"
        elif not (why := known.differs(offered)):
            self._checks.size(offered.size_bytes, self._have)
            with open(self._part, "rb") as file:
                file.seek(self._have - overlap)
                there = file.read(overlap)
            again = self._read_all(answer, overlap)
            if again == there:
                return
            if there.startswith(again):
                raise self._broke_off(known)
            why = "its bytes differ from the existing ones"
        self._start_over()
        raise TryAgainError(f"{self._site.shown} sends another file ({why}), so the existing part is dropped")

    def _take(self, answer: http.client.HTTPResponse, version: Version) -> Version:
        """Appends the content of an answer to the part."""
        if not self._have:
            start = self._read_all(answer, START_BYTES)
            if len(start) < min(START_BYTES, version.size_bytes):
                raise self._broke_off(version)
            self._checks.start(start, answer.headers.get("Content-Type", ""))
            self._checks.begun(version)
            self._known = version
            self._replace(start)
        describe = bytes_done(version.size_bytes, self._have)
        with watching("Downloading", version.size_bytes, lambda: self._have, POLL_S, describe):
            self._take_rest(answer)
        if version.size_bytes and self._have != version.size_bytes:
            raise self._broke_off(version)
        return version

    def _broke_off(self, version: Version) -> TryAgainError:
        of = f" of {human_bytes(version.size_bytes)}" if version.size_bytes else ""
        return TryAgainError(f"{self._site.shown} broke off after {human_bytes(self._have)}{of}")

    def _take_rest(self, answer: http.client.HTTPResponse) -> None:
        try:
            with open(self._part, "ab") as file:
                while chunk := self._read(answer, _CHUNK_BYTES):
                    file.write(chunk)
                    file.flush()
                    self._have += len(chunk)
                    self._most = max(self._most, self._have)
        except OSError as error:
            raise self._unwritable(error) from error

    def _replace(self, data: bytes) -> None:
        """Writes the part again from its beginning."""
        try:
            with open(self._part, "wb") as file:
                file.write(data)
        except OSError as error:
            raise self._unwritable(error) from error
        self._have = len(data)
        self._most = max(self._most, self._have)

    def _unwritable(self, error: OSError) -> OutputError:
        return OutputError(
            f"cannot write {self._part}: {error.strerror}. Make room or give permission there, then run the same "
            "command again: it resumes"
        )

    def _start_over(self) -> None:
        self._replace(b"")
        self._known = None

    def _read_all(self, answer: http.client.HTTPResponse, size: int) -> bytes:
        """`size` bytes, or fewer if the answer ends before that."""
        data = b""
        while len(data) < size and (more := self._read(answer, size - len(data))):
            data += more
        return data

    def _read(self, answer: http.client.HTTPResponse, size: int) -> bytes:
        try:
            return answer.read1(size)
        except LOST as error:
            raise TryAgainError(f"{self._site.shown} broke off: {first_line(error)}") from error
