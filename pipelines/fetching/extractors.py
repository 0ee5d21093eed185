"""Programs that read RAR archives. Python reads what they print; none of them writes a file.

So no name in an archive, and no defect of theirs, decides where something is written. What they print is believed only
as far as the listing goes: sizes have to agree, checksums too where the listing gives them, and so has the exit code.
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
"""A program that prints nothing for so long hangs."""
_LISTING_S = 600.0
_LONGEST_REASON = 160


@dataclass(frozen=True)
class Extractor:
    """A program.

    Attributes:
        names: what it may be called.
        list: the command that lists an archive, without the archive.
        parse: understands what that prints.
        read: the command that prints the content of all files, one after the other; of `tar`, as a tar archive.
        tar: see there.
        lister: the program that lists, where it is another one.
        alone: whether it looks for further volumes beside an archive, and takes any file of a similar name for one.
    """

    names: tuple[str, ...]
    list: tuple[str, ...]
    parse: listings.Parse
    read: tuple[str, ...]
    tar: bool = False
    lister: str = ""
    alone: bool = False

    def find(self) -> str | None:
        """Where it is installed; None where it isn't."""
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
"""The best ones first. bsdtar reads no solid RAR archives of the older format."""
INSTALL = "apt-get install unar (or libarchive-tools, which has bsdtar)"


def installed() -> list[Extractor]:
    """Those that are on this machine."""
    return [extractor for extractor in EXTRACTORS if extractor.find()]


def require_one(archive: str) -> None:
    """Refuses a RAR archive where nothing can read it.

    Raises:
        UsageError: no program for it is installed.
    """
    if not installed():
        raise UsageError(
            f"{archive} is a RAR archive, and none of bsdtar, unar, unrar and 7z is installed. Install one: {INSTALL}"
        )


class RarArchive:
    """A RAR archive, read by one program.

    Args:
        path: where it is; absolute.
        extractor: the program.
        others: the same archive, read by others, whose checksums are taken where this program lists none.
    """

    def __init__(self, path: str, extractor: Extractor, others: Sequence["RarArchive"] = ()) -> None:
        self._path, self._extractor, self._others = path, extractor, others
        self.program = extractor.find() or extractor.names[0]
        self._entries: list[Entry] | None = None

    def entries(self) -> list[Entry]:
        """What it holds.

        Raises:
            DamagedArchiveError: the program can't read it.
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
            DamagedArchiveError: the program can't read it, or prints something else than it listed.
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
    """What a program prints. One that hangs ends in an error."""

    def __init__(self, file: IO[bytes]) -> None:
        self._descriptor = file.fileno()

    def read(self, size: int) -> bytes:
        """At most so many bytes, none at the end; `tarfile` reads on until it has all."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._descriptor, selectors.EVENT_READ)
            if not selector.select(_SILENCE_S):
                raise DamagedArchiveError(f"nothing came for {_SILENCE_S:.0f} s")
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
        raise DamagedArchiveError("more comes out of it than it lists")


def _members(pipe: _Pipe, files: Sequence[Entry]) -> Iterator[Reader]:
    pending = iter(files)
    try:
        with tarfile.open(fileobj=cast(IO[bytes], _Whole(pipe.read)), mode="r|") as archive:
            for member in archive:
                if member.isreg() and (file := archive.extractfile(member)):
                    if (entry := next(pending, None)) is None or entry.size_bytes != member.size:
                        raise DamagedArchiveError("something else comes out of it than it lists")
                    yield guarded(file.read)
    except (tarfile.TarError, EOFError) as error:
        raise DamagedArchiveError(str(error)) from error
    while pipe.read(1 << 20):
        pass
    if next(pending, None):
        raise DamagedArchiveError("less comes out of it than it lists")


class _Whole:
    """Reads as much as is asked for, as `tarfile` wants it."""

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
    """Of the programs: names are printed in UTF-8, and messages in English."""
    return {**os.environ, "LC_ALL": "C.UTF-8"}


def _last_words(said: bytes) -> str:
    lines = [line.strip() for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    wrong = [line for line in lines if "rror" in line or "annot" in line or "unavailable" in line] or lines[-1:]
    return wrong[0][:_LONGEST_REASON] if wrong else ""
