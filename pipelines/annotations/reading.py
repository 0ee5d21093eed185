"""Reads annotations from any of the files in which people and programs keep them, told apart by their content."""

import zipfile
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from pipelines import files
from pipelines.annotations.activitynet import activitynet
from pipelines.annotations.cvat import cvat
from pipelines.annotations.entries import Source
from pipelines.annotations.label_files import KEYS, SUMMARY, label_file, label_folder
from pipelines.annotations.label_studio import is_label_studio, reviewed
from pipelines.annotations.table_rows import is_kinetics, kinetics_rows, plain_rows
from pipelines.annotations.table_text import read_head
from pipelines.annotations.types import Annotation
from pipelines.annotations.video_pattern import VideoPattern
from pipelines.core.errors import UsageError
from pipelines.core.stored.sealed import load_json
from pipelines.core.text_decoding import decode, stand_in_of
from pipelines.files.nearest import nearest

ACCEPTED = (
    "Accepted are tables (CSV, TSV) with the columns path,label,start,end; Kinetics' CSV; ActivityNet's JSON; Label "
    "Studio's export as JSON; CVAT's XML 1.1 for video or images; and what har label wrote"
)
_CVAT_IN_ZIP = "annotations.xml"
_HEAD_BYTES = 1 << 16
_PARQUET, _ZIP = b"PAR1", b"PK\x03\x04"


KINDS = {
    "csv": "a table with the columns path,label,start,end",
    "kinetics": "Kinetics' table",
    "activitynet": "ActivityNet's JSON",
    "label-studio": "Label Studio's export as JSON",
    "cvat": "CVAT's XML",
    "labels": "labels that har label wrote",
}
"""The kinds of files, and what each is in words."""


def read_annotations(uri: str, video_pattern: str = "", fps: float = 0.0) -> Iterator[Annotation]:
    """The annotations of a file, in its order.

    Its kind is told from its content alone: a table with the columns path (or video), label, start and end, Kinetics'
    table, ActivityNet's JSON, Label Studio's JSON export, CVAT's XML 1.1 (in its ZIP file or out of it), a folder of
    labels or one of its files. `Swing|Walk` becomes two labels. Whether a start lies before its end isn't checked.

    Args:
        uri: path or address of the file, or of a folder of labels.
        video_pattern: the path of each video, with fields of its entry in braces: `clips/{youtube_id}.mp4`. Empty if
            the entries name the videos, by a path or by an id.
        fps: frames per second of the videos; needed where times are frames and the file doesn't tell.

    Yields:
        `Annotation`s. One without labels and times says that a video was looked at and has none.

    Raises:
        UsageError: there is no such file, its kind is unknown, or an entry is wrong; the message names the file, the
            place, the value and what to do. What is wrong with an entry is found when it is reached.
        OSError: the file can't be read.
    """
    return read_kind(uri, video_pattern, fps)[1]


def read_kind(uri: str, video_pattern: str = "", fps: float = 0.0) -> tuple[str, Iterator[Annotation]]:
    """The kind of a file, one of `KINDS`, and its annotations. See `read_annotations`."""
    source = Source(uri, VideoPattern(video_pattern) if video_pattern else None, fps)
    summary = files.read_text(files.join(uri, SUMMARY)) if _may_be_folder(uri) else None
    if summary is not None:
        return "labels", label_folder(summary, uri, source)
    head = _head(uri)
    if head.startswith(_PARQUET):
        return "labels", label_file(uri, "parquet", source)
    if head.startswith(_ZIP):
        return "cvat", _zipped(uri, source)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if start == b"<":
        return "cvat", _xml(uri, head, source)
    if start in (b"{", b"["):
        return _json(uri, head, source)
    return _table(uri, source)


def read_json(uri: str) -> Any:
    """The value of a JSON file.

    Raises:
        UsageError: there is no such file, or it isn't JSON; the message says where.
        OSError: the file can't be read.
    """
    try:
        return load_json(_content(uri))
    except ValueError as error:
        raise UsageError(f"{uri}: it isn't whole JSON ({error}). {ACCEPTED}") from error


def _may_be_folder(uri: str) -> bool:
    return not files.is_local(uri) or (files.exists(uri) and files.exists(files.join(uri, "")))


def _head(uri: str) -> bytes:
    try:
        with files.open_read(uri, _HEAD_BYTES) as file:
            head = file.read(_HEAD_BYTES)
    except FileNotFoundError as error:
        if not files.is_local(uri) and files.list_names(uri, 1):
            raise _no_labels(uri) from error
        raise _no_such(uri) from error
    except IsADirectoryError as error:
        raise _no_labels(uri) from error
    if stand_in := stand_in_of(head):
        raise UsageError(f"{uri} is {stand_in}")
    if not head.strip():
        raise UsageError(f"{uri} is empty. {ACCEPTED}")
    return head


def _content(uri: str) -> bytes:
    data = files.read_bytes(uri)
    if data is None:
        raise _no_such(uri)
    return data


def _no_such(uri: str) -> UsageError:
    return UsageError(f"no such file: {uri}{nearest(uri)}")


def _no_labels(uri: str) -> UsageError:
    return UsageError(f"{uri} is a folder without {SUMMARY}, so not one of labels. {ACCEPTED}")


def _json(uri: str, head: bytes, source: Source) -> tuple[str, Iterator[Annotation]]:
    line = _first_line(head)
    if line.keys() >= KEYS:
        return "labels", label_file(uri, "jsonl", source)
    if line and head.partition(b"\n")[2].lstrip()[:1] == b"{":
        raise UsageError(f"{uri}: unknown kind of JSON Lines, with {_some_keys(line)}. {ACCEPTED}")
    value = read_json(uri)
    if isinstance(value, dict) and ("database" in value or "results" in value):
        return "activitynet", activitynet(value, source)
    if is_label_studio(value):
        return "label-studio", reviewed(value, source)
    if isinstance(value, list) and value and isinstance(value[0], dict) and "annotator" in value[0]:
        raise UsageError(f"{uri}: this is Label Studio's export as JSON_MIN or CSV. Export as JSON")
    keys = value if isinstance(value, dict) else value[0] if value and isinstance(value[0], dict) else {}
    raise UsageError(f"{uri}: unknown kind of JSON, with {_some_keys(keys)}. {ACCEPTED}")


def _some_keys(value: Mapping[str, Any]) -> str:
    return ", ".join([*value][:5]) or "nothing"


def _first_line(head: bytes) -> dict[str, Any]:
    """The object that is the first line; nothing if it isn't one."""
    try:
        row = load_json(head.partition(b"\n")[0])
    except ValueError:
        return {}
    return row if isinstance(row, dict) else {}


def _xml(uri: str, head: bytes, source: Source) -> Iterator[Annotation]:
    if b"<!DOCTYPE" in head or b"<!ENTITY" in head:
        raise UsageError(f"{uri}: XML with a document type is not read. {ACCEPTED}")
    if b"<annotations" not in head:
        raise UsageError(f"{uri}: XML that isn't CVAT's, which begins with <annotations>. {ACCEPTED}")
    with files.open_read(uri) as file:
        yield from cvat(file, source)


def _zipped(uri: str, source: Source) -> Iterator[Annotation]:
    try:
        with files.open_read(uri) as file, zipfile.ZipFile(file) as archive:
            with _member(archive, uri) as member:
                head = member.read(_HEAD_BYTES)
            if b"<!DOCTYPE" in head or b"<!ENTITY" in head:
                raise UsageError(f"{uri}: XML with a document type is not read. {ACCEPTED}")
            with _member(archive, uri) as member:
                yield from cvat(member, source)
    except zipfile.BadZipFile as error:
        raise UsageError(f"{uri}: it isn't a whole ZIP file ({error}). Export it again") from error


def _member(archive: zipfile.ZipFile, uri: str) -> BinaryIO:
    try:
        return archive.open(_CVAT_IN_ZIP)  # type: ignore[return-value]
    except KeyError as error:
        raise UsageError(f"{uri}: a ZIP file without {_CVAT_IN_ZIP}, so not CVAT's XML. {ACCEPTED}") from error


def _table(uri: str, source: Source) -> tuple[str, Iterator[Annotation]]:
    data = _content(uri)
    if data.lstrip(b"\xef\xbb\xbf").startswith(b"WEBVTT"):
        raise UsageError(f"{uri}: subtitles are not read. {ACCEPTED}")
    text = decode(data, uri)
    columns = read_head(text, uri)
    if is_kinetics(columns):
        return "kinetics", kinetics_rows(text, source)
    if set(columns) >= KEYS:
        return "labels", label_file(uri, "csv", source)
    if "label" not in columns:
        shown = ",".join(columns)
        if "\0" in shown:
            raise UsageError(f"{uri} isn't a text but a binary file, such as a video. {ACCEPTED}")
        raise UsageError(f"{uri}: unknown kind of file; its first line is {shown[:100]!r}. {ACCEPTED}")
    return "csv", plain_rows(text, columns, source)
