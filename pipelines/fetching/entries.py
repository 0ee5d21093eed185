"""The entries of an archive: which are refused, which are wanted, and where they go. Nothing here reads or writes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from pipelines.core.errors import UsageError
from pipelines.core.names import why_not_below
from pipelines.core.video_files import ARCHIVES, extension, is_hidden, is_video
from pipelines.reports.text import plural, some, visible

FILE, FOLDER = "file", "folder"


@dataclass(frozen=True)
class Entry:
    """Something in an archive.

    Attributes:
        name: its path.
        kind: `file`, `folder`, or words for anything else: `a symbolic link`.
        size_bytes: size of its content.
        crc32: checksum of its content, if the archive's listing gives one.
    """

    name: str
    kind: str = FILE
    size_bytes: int = 0
    crc32: int | None = None

    @property
    def path(self) -> str:
        """Its path without a leading `./` and trailing slashes."""
        return self.name.removeprefix("./").rstrip("/")


@dataclass(frozen=True)
class Plan:
    """What to extract, and to where.

    Attributes:
        targets: for each regular file of the archive, in order: its path below the folder, or None to leave it out.
        hidden: number of files left out because their names begin with a dot or they lie in `__MACOSX`.
    """

    targets: tuple[str | None, ...]
    hidden: int = 0


def regular(entries: Sequence[Entry]) -> list[Entry]:
    """The entries that are regular files."""
    return [entry for entry in entries if entry.kind == FILE]


def refuse_unsafe(entries: Sequence[Entry], archive: str) -> None:
    """Refuses an archive that would write outside its folder, or anything but files and folders.

    Raises:
        UsageError: the archive has such entries; the message names the first ones. Nothing has been extracted.
    """
    bad = []
    for entry in entries:
        why = f"is {entry.kind}" if entry.kind not in (FILE, FOLDER) else ""
        if not why and entry.path not in ("", "."):
            why = why_not_below(entry.path)
        if why:
            bad.append(f"{visible(entry.name)!r} {why}")
    if bad:
        raise UsageError(
            f"{archive} is refused, and nothing was extracted: {plural(len(bad), 'entry', 'entries')} in it can't be "
            f"extracted safely ({'; '.join(bad[:3])}). Extract by hand what you trust"
        )


def is_nested(entries: Sequence[Entry]) -> bool:
    """Whether an archive contains archives (one for each class, as HMDB51's does) instead of videos."""
    names = [entry.path for entry in regular(entries) if not is_hidden(entry.path)]
    return not any(map(is_video, names)) and any(extension(name) in ARCHIVES for name in names)


def plan(
    entries: Sequence[Entry], archive: str, classes: Sequence[str] = (), label: str = "", lists: bool = False
) -> Plan:
    """Decides what to extract from an archive, and to where: outer folders around everything are dropped.

    Args:
        entries: the entries of the archive.
        archive: its name, for messages.
        classes: the wanted classes, as folders around videos; empty for all.
        label: the class of all videos, if the archive is that of one class.
        lists: whether the archive contains split lists instead of videos.

    Raises:
        UsageError: the archive holds no videos, nothing of a class, or two files for the same place.
    """
    found = [entry.path for entry in regular(entries)]
    shown = [name for name in found if not is_hidden(name)]
    wanted = [name for name in shown if name.endswith(".txt")] if lists else list(filter(is_video, shown))
    if not wanted:
        raise UsageError(
            f"{archive} holds no {'lists' if lists else 'videos'}: {plural(len(found), 'file')}"
            f"{', ' + some(found, 3) if found else ''}"
        )
    root = _common_root(wanted, 0 if lists or label else 1)
    targets = [None if is_hidden(name) else _target(name, root, label) for name in found]
    if classes:
        _refuse_unknown([name for name in targets if name and is_video(name)], classes, archive)
        targets = [name if name and set(name.split("/")[:-1]) & set(classes) else None for name in targets]
    _refuse_clashes([name for name in targets if name], archive)
    return Plan(tuple(targets), len(found) - len(shown))


def _target(name: str, root: str, label: str) -> str:
    return f"{label}/{name.removeprefix(root)}" if label else name.removeprefix(root)


def _common_root(names: Sequence[str], kept: int) -> str:
    """The outer folders around everything, with a slash at the end; at least `kept` levels of folders stay."""
    root = ""
    while True:
        rest = [name[len(root) :].split("/") for name in names]
        if min(map(len, rest)) <= 1 + kept or len({parts[0] for parts in rest}) > 1:
            return root
        root += rest[0][0] + "/"


def _refuse_unknown(videos: Sequence[str], classes: Sequence[str], archive: str) -> None:
    known = sorted({folder for name in videos for folder in name.split("/")[:-1]})
    for wanted in classes:
        if wanted not in known:
            raise UsageError(f"{archive} holds nothing of the class {wanted!r}{suggestion(wanted, known)}")


def suggestion(wanted: str, known: Sequence[str]) -> str:
    """`; did you mean X?`, with the class that is most like an unknown one, or else a list of the classes."""
    plain = {name.lower(): name for name in known}
    near = get_close_matches(wanted.lower(), plain, n=1, cutoff=0.6)
    return f"; did you mean {plain[near[0]]}?" if near else f". It has {some(list(known))}"


def _refuse_clashes(targets: Sequence[str], archive: str) -> None:
    twice = [name for name, count in Counter(targets).items() if count > 1]
    folders = {name[:place] for name in targets for place in range(len(name)) if name[place] == "/"}
    both = [name for name in targets if name in folders]
    if twice or both:
        name = (twice or both)[0]
        raise UsageError(f"{archive} holds {visible(name)!r} {'more than once' if twice else 'as a file and a folder'}")
