"""Downloads the archive of a dataset, with all checks before and after."""

import hashlib
import os

from pipelines import files
from pipelines.cli.tool import say
from pipelines.core.errors import IncompleteError, OutputError, UsageError
from pipelines.fetching import extractors, kinds, space
from pipelines.fetching.answers import Version
from pipelines.fetching.catalog import Source
from pipelines.fetching.connection import Site
from pipelines.fetching.records import ArchiveRecord, load_archive, part_of, save_archive
from pipelines.fetching.transfer import Checks, Patience, Transfer
from pipelines.fetching.unpack import unwritable
from pipelines.reports.progress import POLL_S, bytes_done, watching

_CHUNK_BYTES = 1 << 20


def download(
    output: str, source: Source, insecure: bool, share: float, remedy: str = "", patience: Patience | None = None
) -> str:
    """Downloads an archive, or what is missing of it.

    Args:
        output: the folder for it.
        source: the archive.
        insecure: whether to skip the check of certificates.
        share: the fraction of it that will be extracted.
        remedy: what to do if its site no longer has it.
        patience: how long to keep trying.

    Returns:
        its path; its checksum is recorded.

    Raises:
        UserError: the archive can't be downloaded.
    """
    name = source.file_name
    part, path = part_of(output, name), files.join(output, name)
    site = Site(source.url, insecure)
    if name.lower().endswith(".rar"):
        extractors.require_one(site.shown)
    if insecure:
        say(f"note: certificates are not checked (--insecure): somebody could send other files than {site.shown}")
    saved = load_archive(output, name)
    known = saved.version if saved and saved.url == site.shown else None
    if os.path.exists(part) and os.path.getsize(part) and known is None:
        say(f"note: the existing part of {name} is from another or unknown address; starting over")
    checks = _Checks(output, source, site, share)
    try:
        version = Transfer(site, part, known, checks.together(), patience).run()
    except OutputError:
        raise
    except (IncompleteError, UsageError) as error:
        raise (type(error)(f"{error}. {remedy}") if remedy and not checks.is_found else error) from error
    _finish(output, name, part, path, ArchiveRecord(site.shown, version))
    return path


def _finish(output: str, name: str, part: str, path: str, record: ArchiveRecord) -> None:
    """Records the checksum, then gives the file its final name: if killed in between, the next run does both again."""
    digest = sha256_of(part)
    save_archive(output, name, ArchiveRecord(record.url, record.version, digest))
    try:
        with open(part, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        raise unwritable(path, error) from error


class _Checks:
    """The checks of an archive before most of it is downloaded."""

    def __init__(self, output: str, source: Source, site: Site, share: float) -> None:
        self._output, self._source, self._site, self._share = output, source, site, share
        self._warned = False
        self.is_found = False

    def together(self) -> Checks:
        """The checks in the form that `Transfer` takes."""
        return Checks(self._size, self._start, self._begun)

    def _size(self, size_bytes: int, have: int) -> None:
        expected = self._source.size_bytes
        if expected and size_bytes and size_bytes != expected and not self._warned:
            self._warned = True
            say(
                f"note: {self._site.shown} has {size_bytes:,} bytes, not the expected {expected:,}: it may have been "
                "changed"
            )
        size = size_bytes or expected
        space.require(self._output, {"the archive": size - have, "the extracted files": int(size * self._share)})

    def _start(self, start: bytes, content_type: str) -> None:
        if not kinds.kind_of(start):
            raise UsageError(
                f"{self._site.shown} is not an archive ({kinds.NAMES}) but {kinds.why_no_archive(start, content_type)}"
                ". Open it in a browser to see what it says, and give the address of the archive itself as --url"
            )
        self.is_found = True

    def _begun(self, version: Version) -> None:
        save_archive(self._output, self._source.file_name, ArchiveRecord(self._site.shown, version))


def sha256_of(path: str) -> str:
    """The SHA-256 checksum of a file, in hexadecimal digits.

    Raises:
        UserError: the file can't be read.
    """
    digest, done = hashlib.sha256(), 0
    try:
        total = os.path.getsize(path)
        shown = watching("Checking", total, lambda: done, POLL_S, bytes_done(total, 0))
        with open(path, "rb") as file, shown:
            while data := file.read(_CHUNK_BYTES):
                digest.update(data)
                done += len(data)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    return digest.hexdigest()
