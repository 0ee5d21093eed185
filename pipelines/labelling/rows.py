"""The table of labels: a row for each segment, as JSON Lines, CSV, Parquet, or for BigQuery."""

import codecs
import csv
import json
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, BinaryIO

from pipelines.labelling.types import LabelledVideo

FORMATS = ("jsonl", "csv", "parquet")
COLUMNS = (
    *("video", "uri", "start_s", "end_s", "label", "score", "top_k", "model", "remark"),
    *("unfamiliar", "is_unfamiliar"),
)
_NUMBERS = ("start_s", "end_s", "score", "unfamiliar")
_FLAG = "is_unfamiliar"
_MAY_BE_NULL = ("unfamiliar", "is_unfamiliar")
_ROW_GROUP = 10_000
"""Number of rows of a Parquet file that are in memory at a time."""

_SPELLED = re.compile(r"\\(udc[89a-f][0-9a-f])")

Row = dict[str, Any]


def rows(video: LabelledVideo, fingerprint: str) -> Iterator[Row]:
    """The rows of a video, one for each segment, in order of time.

    Args:
        video: the video with its segments.
        fingerprint: fingerprint of the model that labelled it.

    Yields:
        Dicts with the keys of `COLUMNS`: `video`, `uri`, `label`, `model` and `remark` (mostly empty) are str,
        `start_s`, `end_s` and `score` are float, `top_k` is a list of `{"label": str, "score": float}`, best first, and
        `unfamiliar` (float) and `is_unfamiliar` (bool) are None if the model can't tell.
    """
    for segment in video.segments:
        yield {
            "video": video.video,
            "uri": video.uri,
            "start_s": segment.start_s,
            "end_s": segment.end_s,
            "label": segment.label,
            "score": segment.score,
            "top_k": [{"label": label, "score": score} for label, score in segment.top],
            "model": fingerprint,
            "remark": video.remark,
            "unfamiliar": segment.unfamiliar,
            "is_unfamiliar": segment.is_unfamiliar,
        }


def encodable(value: Any) -> Any:
    """The same row, with `\\udcXX` spelled out for each byte of a file name that is not UTF-8 and so can't be encoded.

    JSON Lines don't need this, as JSON has escapes of its own. Values inside lists and dicts are changed, too.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {key: encodable(item) for key, item in value.items()}
    return [encodable(item) for item in value] if isinstance(value, list) else value


def unspelled(text: str) -> str:
    """The name of a file that `encodable` has spelled out."""
    return _SPELLED.sub(lambda match: chr(int(match[1][1:], 16)), text)


def write_rows(file: BinaryIO, rows: Iterable[Row], format: str) -> int:
    """Writes a file of rows, with bounded memory; the same rows give the same bytes.

    Args:
        file: written from its present position; it need not be seekable and stays open.
        rows: as `rows` yields them.
        format: one of `FORMATS`.

    Returns:
        The number of rows.

    Raises:
        ValueError: there is no such format.
        OSError: the file can't be written.
    """
    writers = {"jsonl": _write_jsonl, "csv": _write_csv, "parquet": _write_parquet}
    if format not in writers:
        raise ValueError(f"format={format!r} is not one of {', '.join(FORMATS)}")
    return writers[format](file, rows)


def bigquery_schema() -> dict[str, Any]:
    """The schema of a BigQuery table of these rows, as Beam's `WriteToBigQuery` takes it."""

    def column(name: str) -> dict[str, Any]:
        if name == "top_k":
            return {"name": name, "type": "RECORD", "mode": "REPEATED", "fields": [column("label"), column("score")]}
        kind = "FLOAT" if name in _NUMBERS else "BOOLEAN" if name == _FLAG else "STRING"
        return {"name": name, "type": kind, "mode": "NULLABLE" if name in _MAY_BE_NULL else "REQUIRED"}

    return {"fields": [column(name) for name in COLUMNS]}


def _write_jsonl(file: BinaryIO, rows: Iterable[Row]) -> int:
    count = 0
    for row in rows:
        file.write(json.dumps(row, allow_nan=False).encode("ascii") + b"\n")
        count += 1
    return count


def _write_csv(file: BinaryIO, rows: Iterable[Row]) -> int:
    writer = csv.writer(codecs.getwriter("utf-8")(file), lineterminator="\r\n")
    writer.writerow(COLUMNS)
    count = 0
    for row in map(encodable, rows):
        as_json = {name: json.dumps(row[name], ensure_ascii=False, allow_nan=False) for name in ("top_k", _FLAG)}
        as_json[_FLAG] = "" if row[_FLAG] is None else as_json[_FLAG]  # true, false or nothing
        writer.writerow([as_json.get(name, row[name]) for name in COLUMNS])
        count += 1
    return count


def _write_parquet(file: BinaryIO, rows: Iterable[Row]) -> int:
    import pyarrow as pa
    from pyarrow import parquet

    def column(name: str) -> Any:
        kind = pa.float64() if name in _NUMBERS else pa.bool_() if name == _FLAG else pa.string()
        if name == "top_k":
            kind = pa.list_(pa.field("element", pa.struct([column("label"), column("score")]), nullable=False))
        return pa.field(name, kind, nullable=name in _MAY_BE_NULL)

    schema = pa.schema([column(name) for name in COLUMNS])
    remaining = map(encodable, rows)
    count = 0
    with parquet.ParquetWriter(write_only(file), schema, compression="zstd") as writer:
        while group := list(islice(remaining, _ROW_GROUP)):
            writer.write_table(pa.Table.from_pylist(group, schema), row_group_size=_ROW_GROUP)
            count += len(group)
    return count


def write_only(file: BinaryIO) -> Any:
    """A file for pyarrow to write to that need not be readable or seekable, and that stays open."""
    return _WriteOnly(file)


class _WriteOnly:
    """The methods that pyarrow calls on a file, for a write-only file such as one in a remote store."""

    closed = False

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._position = 0

    def write(self, data: bytes) -> int:
        self._file.write(data)
        self._position += len(data)
        return len(data)

    def tell(self) -> int:
        return self._position

    def flush(self) -> None:
        """Does nothing: the opener of the file flushes it."""

    def close(self) -> None:
        """Does nothing: the opener of the file closes it."""
