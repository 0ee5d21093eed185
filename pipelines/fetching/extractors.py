"""Programs that read RAR archives. Python reads what they print; none of them writes a file.

So neither a name in an archive nor a defect of a program decides where something is written. Their output is checked
against the listing: sizes must match, and so must checksums if the listing has them; the exit code must be 0.
"""

import contextlib
import os
import selectors
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import IO, cast

from pipelines.core.errors import UsageError
from pipelines.fetching import listings
from pipelines.fetching.entries import FILE, Entry, regular
from pipelines.fetching.python_archives import DamagedArchiveError, Reader, guarded

_SILENCE_S = 300.0
"""A program that prints nothing for this long counts as hanging."""
_LISTING_S = 600.0
_LONGEST_REASON = 160


@dataclass(frozen=True)
class Extractor:
    """A program that reads RAR archives.

    Attributes:
        names: possible names of the program.
        list: arguments that list an archive, without the archive.
        parse: parses the listing.
        read: arguments that print the content of all files, one after the other, or as a tar archive if `tar` is set.
        tar: whether the content is printed as a tar archive.
        lister: the program that lists, if it is a different one.
        alone: whether the archive must be alone in its folder, since the program would take similarly named files for
            further volumes.
    """

    names: tuple[str, ...]
    list: tuple[str, ...]
    parse: listings.Parse
    read: tuple[str, ...]
    tar: bool = False
    lister: str = ""
    alone: bool = False

    def find(self) -> str | None:
        """Its path; None if it isn't installed."""
        if self.lister and not shutil.which(self.lister):
            return None
        return next(filter(None, map(shutil.which, self.names)), None)


EXTRACTORS = (
    Extractor(("unrar", "unrar-nonfree"), ("lt", "-p-", "-c-", "-cfg-", "--"), listings.parse_unrar,
              ("p", "-inul", "-p-", "-cfg-", "--")),
    Extractor(("7zz", "7z"), ("l", "-slt", "-ba", "-p-", "-sccUTF-8", "--"), listings.parse_7z,
              ("x", "-so", "-bd", "-p-", "--")),
    Extractor(("unar",), ("-j",), listings.parse_lsar, ("-q", "-nr", "-o", "-"), lister="lsar", alone=True),
    Extractor(("bsdtar",), ("-tvf",), listings.parse_bsdtar, ("-cf", "-", "--format=pax"), tar=True),
)  # fmt: skip
"""The best ones first. bsdtar can't read solid RAR archives of the older format."""
INSTALL = "apt-get install unar (or libarchive-tools, which has bsdtar)"


def installed() -> list[Extractor]:
    """The extractors that are installed on this machine."""
    return [extractor for extractor in EXTRACTORS if extractor.find()]


def require_one(archive: str) -> None:
    """Refuses a RAR archive if nothing can read it.

    Raises:
        UsageError: no program that reads RAR is installed.
    """
    if not installed():
        raise UsageError(
            f"{archive} is a RAR archive, and none of bsdtar, unar, unrar and 7z is installed. Install one: {INSTALL}"
        )


class RarArchive:
    """A RAR archive, read by one program.

    Args:
        path: its absolute path.
        extractor: the program.
        others: the same archive, read by other programs, whose checksums are used if this program lists none.
    """

    def __init__(self, path: str, extractor: Extractor, others: Sequence["RarArchive"] = ()) -> None:
        self._path, self._extractor, self._others = path, extractor, others
        self.program = extractor.find() or extractor.names[0]
        self._entries: list[Entry] | None = None

    def entries(self) -> list[Entry]:
        """The entries of the archive.

        Raises:
            DamagedArchiveError: the program can't read the archive.
        """
        if self._entries is None:
            lister = shutil.which(self._extractor.lister) if self._extractor.lister else self.program
            with self._place() as path:
                found = self._list([str(lister), *self._extractor.list, path])
            self._entries = self._with_checksums(found)
        return self._entries

    def _with_checksums(self, found: list[Entry]) -> list[Entry]:
        for other in self._others if any(entry.crc32 is None for entry in regular(found)) else ():
            with contextlib.suppress(DamagedArchiveError):
                known = {(entry.path, entry.size_bytes): entry.crc32 for entry in regular(other.entries())}
                if all((entry.path, entry.size_bytes) in known for entry in regular(found)):
                    return [
                        replace(entry, crc32=known[entry.path, entry.size_bytes]) if entry.kind == FILE else entry
                        for entry in found
                    ]
        return found

    def _list(self, command: Sequence[str]) -> list[Entry]:
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_LISTING_S, env=_environment()
            )
            text = done.stdout.decode("utf-8", "surrogateescape")
            if done.returncode:
                raise DamagedArchiveError(_last_words(done.stderr + done.stdout) or f"exit code {done.returncode}")
            return self._extractor.parse(text)
        except (ValueError, subprocess.TimeoutExpired) as error:
            raise DamagedArchiveError(str(error)[:_LONGEST_REASON]) from error

    def contents(self) -> Iterator[Reader]:
        """The content of each regular file, in the order of the entries.

        Raises:
            DamagedArchiveError: the program can't read the archive, or prints something other than it listed.
        """
        files = regular(self.entries())
        with self._place() as path, tempfile.TemporaryFile() as said:
            command = [self.program, *self._extractor.read, f"@{path}" if self._extractor.tar else path]
            with _running(command, said) as process:
                assert process.stdout
                pipe = _Pipe(process.stdout)
                yield from _members(pipe, files) if self._extractor.tar else _slices(pipe, files)
                code = _end(process)
            said.seek(0)
            if code:
                raise DamagedArchiveError(_last_words(said.read()) or f"exit code {code}")

    @contextlib.contextmanager
    def _place(self) -> Iterator[str]:
        if not self._extractor.alone:
            yield self._path
            return
        with tempfile.TemporaryDirectory() as folder:
            link = os.path.join(folder, "archive.rar")
            os.symlink(self._path, link)
            yield link


class _Pipe:
    """The output of a program; reading raises an error if the program hangs."""

    def __init__(self, file: IO[bytes]) -> None:
        self._descriptor = file.fileno()

    def read(self, size: int) -> bytes:
        """At most `size` bytes, none at the end; `tarfile` keeps reading until it has all."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._descriptor, selectors.EVENT_READ)
            if not selector.select(_SILENCE_S):
                raise DamagedArchiveError(f"it printed nothing for {_SILENCE_S:.0f} s")
        return os.read(self._descriptor, size)


def _slices(pipe: _Pipe, files: Sequence[Entry]) -> Iterator[Reader]:
    for entry in files:
        left = entry.size_bytes

        def read(size: int) -> bytes:
            nonlocal left
            data = pipe.read(min(size, left)) if left else b""
            left -= len(data)
            return data

        yield read
        while left and read(1 << 20):
            pass
    if pipe.read(1):
        raise DamagedArchiveError("it contains more than it lists")


def _members(pipe: _Pipe, files: Sequence[Entry]) -> Iterator[Reader]:
    pending = iter(files)
    try:
        with tarfile.open(fileobj=cast(IO[bytes], _Whole(pipe.read)), mode="r|") as archive:
            for member in archive:
                if member.isreg() and (file := archive.extractfile(member)):
                    if (entry := next(pending, None)) is None or entry.size_bytes != member.size:
                        raise DamagedArchiveError("its content differs from what it lists")
                    yield guarded(file.read)
    except (tarfile.TarError, EOFError) as error:
        raise DamagedArchiveError(str(error)) from error
    while pipe.read(1 << 20):
        pass
    if next(pending, None):
        raise DamagedArchiveError("it contains less than it lists")


class _Whole:
    """Reads exactly as much as is requested, as `tarfile` needs it."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read

    def read(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size and (more := self._read(size - len(data))):
            data += more
        return bytes(data)


@contextlib.contextmanager
def _running(command: Sequence[str], said: IO[bytes]) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, env=_environment()
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def _end(process: "subprocess.Popen[bytes]") -> int:
    try:
        return process.wait(_SILENCE_S)
    except subprocess.TimeoutExpired as error:
        raise DamagedArchiveError("it doesn't end") from error


def _environment() -> dict[str, str]:
    """The environment of the programs: names are printed in UTF-8, and messages in English."""
    return {**os.environ, "LC_ALL": "C.UTF-8"}


def _last_words(said: bytes) -> str:
    lines = [line.strip() for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    wrong = [line for line in lines if "rror" in line or "annot" in line or "unavailable" in line] or lines[-1:]
    return wrong[0][:_LONGEST_REASON] if wrong else ""
