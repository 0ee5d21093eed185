"""Tells the videos in a listing from the files that are ignored, gives the reasons, and makes the ids of videos."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

IGNORED = "ignored.jsonl"
"""File in an output folder that lists all ignored files."""
VIDEO_EXTENSIONS = frozenset(
    f".{name}"
    for name in (
        *("264", "265", "266", "3g2", "3gp", "3gp2", "3gpp", "3gpp2", "amv", "apng", "asf", "avc", "avi", "cine"),
        *("dav", "dif", "divx", "dv", "dvr-ms", "evo", "f4p", "f4v", "flc", "fli", "flv", "gif", "gxf", "h261"),
        *("h263", "h264", "h265", "h266", "hevc", "insv", "ismv", "ivf", "k3g", "lrv", "m1v", "m2p", "m2t", "m2ts"),
        *("m2v", "m4v", "mj2", "mjpeg", "mjpg", "mk3d", "mkv", "mod", "mov", "mp2v", "mp4", "mp4v", "mpe", "mpeg"),
        *("mpeg4", "mpg", "mpg2", "mpg4", "mpv", "mpv2", "mts", "mxf", "nsv", "nut", "obu", "ogm", "ogv", "ogx"),
        *("qt", "rm", "rmvb", "tod", "tp", "trp", "ts", "vc1", "vob", "vro", "vvc", "webm", "wm", "wmv", "wtv"),
        *("xvid", "y4m"),
    )
)
BROKEN_LINK, LISTED_ALREADY = "broken link", "link to a folder listed already"
PICTURES = frozenset((".bmp", ".heic", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"))
ARCHIVES = frozenset(
    f".{name}"
    for name in (
        *(
            "7z",
            "arj",
            "bz2",
            "cab",
            "dmg",
            "gz",
            "iso",
            "lz4",
            "lzh",
            "lzma",
            "rar",
            "tar",
            "tbz",
            "tbz2",
            "tgz",
            "txz",
        ),
        *("xz", "z", "zip", "zipx", "zst"),
    )
)
_VOLUME = re.compile(r"\.(?:7z|gz|rar|tar|tgz|zip)[._](?:\d{2,4}|part\w+|part)$|\.[rz]\d\d$", re.IGNORECASE)
"""One of the files into which a large archive is cut."""
_UNFINISHED = frozenset(
    f".{name}"
    for name in ("!qb", "!ut", "aria2", "crdownload", "download", "filepart", "opdownload", "part", "partial", "ytdl")
)
_STATES = ("_state/layout.json", "_state/label_layout.json")
_SHOWN = 3
_SHOWN_REASONS = 6


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A file of a listing: path relative to the listed folder, size, and a version that changes when the content does.

    `version` is None if a manifest names the file and it doesn't exist.

    Attributes:
        problem: why it can't be read; empty for regular files.
        lost: whether videos may be missed because of that, as in a folder that can't be entered.
    """

    path: str
    size_bytes: int
    version: str | None
    problem: str = ""
    lost: bool = False


@dataclass(frozen=True, slots=True)
class IgnoredFile:
    """A file that is not used, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class SortedFiles:
    """The files of a listing, sorted by kind.

    Attributes:
        videos: files that are videos by their names.
        ignored: files that are not used, sorted by path.
        lost: folders that can't be entered, and broken links that may have led to folders.
    """

    videos: list[FileInfo]
    ignored: tuple[IgnoredFile, ...]
    lost: list[FileInfo]


def is_video(path: str) -> bool:
    """Whether a file of a listing is taken for a video, by its extension; hidden files never are."""
    return is_video_name(path) and not is_hidden(path)


def is_video_name(path: str) -> bool:
    """Whether a path as somebody wrote it, such as `./a.mp4` or `/home/me/.cache/a.mp4`, ends like that of a video."""
    return extension(path) in VIDEO_EXTENSIONS


def extension(path: str) -> str:
    """The extension of a path in lower case, with its dot; empty if there is none."""
    stem, dot, name = path.rpartition(".")
    return f".{name.lower()}" if dot and stem and stem[-1] != "/" and "/" not in name else ""


def is_archive(path: str) -> bool:
    """Whether a file is an archive or a part of one, by its name."""
    return extension(path) in ARCHIVES or _VOLUME.search(path) is not None


def is_hidden(path: str) -> bool:
    """Whether a file, or a folder that it lies in, has a name that begins with a dot or is `__MACOSX`.

    Other names may begin with anything: some YouTube ids begin with `__` or `-`.
    """
    if path[:1] == "." or "/." in path:
        return True
    return "__MACOSX" in path and "__MACOSX" in path.split("/")


def sort_out(files: Iterable[FileInfo]) -> SortedFiles:
    """Tells videos from other files. The state folders of jobs whose output lies there are not input."""
    videos, ignored, lost, states = [], [], [], []
    for file in files:
        path = file.path
        if is_hidden(path):
            ignored.append(IgnoredFile(path, "hidden"))
        elif file.lost:
            lost.append(file)
        elif file.problem == LISTED_ALREADY:
            ignored.append(IgnoredFile(path, file.problem))
        elif f".{path.rpartition('.')[2].lower()}" in VIDEO_EXTENSIONS:
            videos.append(file)
        else:
            ignored.append(IgnoredFile(path, file.problem or _why_no_video(path)))
            if path.endswith(_STATES):
                states.append(path[: path.rindex("/") + 1])
    if states:
        roots = tuple(states)
        ignored += [IgnoredFile(file.path, "state of a job") for file in videos if file.path.startswith(roots)]
        videos = [file for file in videos if not file.path.startswith(roots)]
    return SortedFiles(videos, tuple(sorted(ignored, key=lambda file: file.path)), lost)


def _why_no_video(path: str) -> str:
    found = extension(path)
    for known, reason in ((PICTURES, "picture"), (_UNFINISHED, "unfinished download")):
        if found in known:
            return reason
    if is_archive(path):
        return "archive"
    return f"extension {found}" if found else "no extension"


def unique_ids(stems: Sequence[str], paths: Sequence[str]) -> list[str]:
    """An id for each video: its path without the extension, or with it if two videos would otherwise share an id.

    Args:
        stems: the paths without their extensions.
        paths: the paths; equal paths get equal ids.
    """
    ids = list(stems)
    while len(set(ids)) < len(ids):
        counts = Counter(ids)
        wanted = [path if counts[name] > 1 else name for name, path in zip(ids, paths, strict=True)]
        if wanted == ids:
            break
        ids = wanted
    return ids


def describe_ignored(ignored: Sequence[IgnoredFile], show: Callable[[str], str] = str) -> str:
    """The ignored files counted by reason, the most frequent first, with some names.

    Args:
        ignored: the files.
        show: turns a name into what is shown.
    """
    names: dict[str, list[str]] = {}
    for file in ignored:
        names.setdefault(file.reason, []).append(file.path)
    parts = []
    for reason, paths in sorted(names.items(), key=lambda item: (-len(item[1]), item[0])):
        more = ", ..." if len(paths) > _SHOWN else ""
        parts.append(f"{show(reason)} {len(paths):,} ({', '.join(map(show, paths[:_SHOWN]))}{more})")
    left = len(parts) - _SHOWN_REASONS
    rest = [f"{left:,} more reason{'s' * (left > 1)}"] if left > 0 else []
    return ", ".join(parts[:_SHOWN_REASONS] + rest)


def ignored_lines(ignored: Iterable[IgnoredFile]) -> Iterator[str]:
    """The lines of `ignored.jsonl`."""
    return (json.dumps(asdict(file)) + "\n" for file in ignored)
