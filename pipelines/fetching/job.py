"""From a request to a checked folder: finds or downloads the archive, extracts what is missing, records the result."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines import files
from pipelines.cli.tool import say
from pipelines.core.errors import UsageError
from pipelines.core.video_files import ARCHIVES, extension, is_hidden
from pipelines.fetching import entries as listing
from pipelines.fetching import space
from pipelines.fetching.catalog import Source
from pipelines.fetching.download import download, sha256_of
from pipelines.fetching.entries import Entry, Plan
from pipelines.fetching.flags import Request
from pipelines.fetching.records import ArchiveRecord, FolderRecord, load_archive, load_folder, save_archive, save_folder
from pipelines.fetching.unpack import Archive, Extraction, empty_folder, extract, list_safely, with_some_reader
from pipelines.files.output_folder import temporary_folder
from pipelines.reports.text import plural


@dataclass(frozen=True)
class Obtained:
    """A folder that is complete.

    Attributes:
        folder: its path.
        record: the record of its content.
        archive: path of the archive; empty if it no longer exists.
        was_there: whether there was nothing to do.
    """

    folder: str
    record: FolderRecord
    archive: str
    was_there: bool


def obtain(request: Request, source: Source, lists: bool = False) -> Obtained:
    """Makes the folder of an archive complete.

    Args:
        request: the request.
        source: the archive.
        lists: whether the archive contains split lists instead of videos.

    Raises:
        UserError: the folder can't be made complete; the message says why, and what to do.
    """
    folder = files.join(request.output, source.folder)
    classes = () if lists else request.classes
    record = load_folder(request.output, source.folder)
    if record:
        wrong = [name for name, size in record.files.items() if _size(files.join(folder, name)) != size]
        if record.covers(classes) and not wrong:
            return Obtained(folder, record, _find(request, source, lists), True)
        if wrong:
            say(f"note: {plural(len(wrong), 'file')} in {folder} missing or with another size; extracting again")
            # Files extracted earlier are repaired, too, even if this run asks for fewer classes.
            classes = () if not record.classes or not classes else tuple(sorted({*record.classes, *classes}))
    archive = _find(request, source, lists)
    if archive:
        digest = _checked(request, archive, record)
    else:
        share = len(classes) / len(request.dataset.classes) if classes and request.dataset.classes else 1.0
        archive = download(request.output, source, request.insecure, share, request.dataset.remedy)
        saved = load_archive(request.output, source.file_name)
        digest = saved.sha256 if saved else ""
        _refuse_other(archive, digest, record)
    temporary = files.join(temporary_folder(request.output), source.folder)
    own = dict(record.files) if record else {}
    job = _Job(archive, folder, temporary, classes, own, lists)
    done = job.run()
    files.delete_folder(temporary)
    new = FolderRecord(digest, _together(classes, record), {**own, **done})
    save_folder(request.output, source.folder, new)
    return Obtained(folder, new, archive, False)


def _together(classes: Sequence[str], record: FolderRecord | None) -> tuple[str, ...]:
    """The classes that are complete now; empty for all."""
    if not classes or (record and not record.classes):
        return ()
    return tuple(sorted({*classes, *(record.classes if record else ())}))


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return -1


def _find(request: Request, source: Source, lists: bool) -> str:
    """The path of the archive if it is already on this machine; else empty."""
    if request.archive and not lists:
        return request.archive
    beside = [os.path.dirname(request.archive)] if request.archive else []
    places = [files.join(folder, source.file_name) for folder in (*beside, request.output)]
    return next(filter(os.path.isfile, places), "")


def _checked(request: Request, archive: str, record: FolderRecord | None) -> str:
    """The checksum of an existing archive, which must match the records.

    Raises:
        UsageError: the archive has changed, or isn't the one from which the folder was extracted.
    """
    digest = sha256_of(archive)
    if os.path.dirname(archive) == request.output:
        name = os.path.basename(archive)
        saved = load_archive(request.output, name)
        if saved is None or not saved.sha256:
            say(f"note: {archive} already exists, and there is no checksum to compare it with; using it as it is")
            save_archive(request.output, name, ArchiveRecord("", sha256=digest))
        elif saved.sha256 != digest:
            raise UsageError(
                f"{archive} has changed since it was downloaded: its SHA-256 is {digest}, not {saved.sha256}. "
                "Remove it to download it again"
            )
    _refuse_other(archive, digest, record)
    return digest


def _refuse_other(archive: str, digest: str, record: FolderRecord | None) -> None:
    if record and record.sha256 != digest:
        raise UsageError(
            f"{archive} is another archive (SHA-256 {digest}) than the one from which the folder was extracted "
            f"({record.sha256}). Choose another --output, or remove the folder and its records in _state"
        )


@dataclass
class _Job:
    """An extraction; for the attributes see `Extraction` and `plan`."""

    archive: str
    folder: str
    temporary: str
    classes: Sequence[str]
    own: dict[str, int]
    lists: bool

    def run(self) -> dict[str, int]:
        """Extracts what is missing; returns the size of every wanted file by its path."""
        return with_some_reader(self.archive, self._extract)

    def _extract(self, archive: Archive) -> dict[str, int]:
        found = list_safely(archive, self.archive)
        if not self.lists and listing.is_nested(found):
            return self._extract_nested(archive, found)
        plan = listing.plan(found, self.archive, self.classes, lists=self.lists)
        if plan.hidden:
            say(f"note: {plural(plan.hidden, 'hidden file')} in {self.archive} not extracted")
        return extract(archive, found, plan, self._to(self.folder), "Extracting")

    def _extract_nested(self, archive: Archive, found: list[Entry]) -> dict[str, int]:
        """Extracts an archive that contains one archive for each class, one class after the other."""
        names = {_stem(entry.path): entry for entry in listing.regular(found) if _is_archive(entry)}
        for wanted in self.classes:
            if wanted not in names:
                raise UsageError(
                    f"{self.archive} holds nothing of the class {wanted!r}{listing.suggestion(wanted, sorted(names))}"
                )
        wanted_names = {_stem(name): entry for name, entry in names.items() if not self.classes or name in self.classes}
        total = sum(entry.size_bytes for entry in wanted_names.values())
        space.require(self.folder, {"the archives of the classes": total, "their videos": total})
        inner = os.path.join(self.temporary, "archives")
        plan = Plan(tuple(
            os.path.basename(entry.path) if entry in wanted_names.values() else None for entry in listing.regular(found)
        ))  # fmt: skip
        to = self._to(inner)
        extract(archive, found, plan, Extraction(inner, to.temporary, {}), "Extracting")
        done: dict[str, int] = {}
        for label, entry in wanted_names.items():
            path = os.path.join(inner, os.path.basename(entry.path))
            done |= with_some_reader(path, lambda one, label=label, path=path: self._extract_class(one, label, path))  # type: ignore[misc]
            files.delete([path])
        return done

    def _extract_class(self, archive: Archive, label: str, path: str) -> dict[str, int]:
        found = list_safely(archive, path)
        plan = listing.plan(found, path, label=label)
        return extract(archive, found, plan, self._to(self.folder), f"Extracting {label}")

    def _to(self, folder: str) -> Extraction:
        return Extraction(folder, empty_folder(os.path.join(self.temporary, "files")), self.own)


def _is_archive(entry: Entry) -> bool:
    return extension(entry.path) in ARCHIVES and not is_hidden(entry.path)


def _stem(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0]
