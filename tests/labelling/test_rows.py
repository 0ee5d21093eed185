"""The table of labels in each format: exact bytes, what is read back, and names that can't be encoded."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.labelling.rows import COLUMNS, FORMATS, Row, bigquery_schema, encodable, rows, write_rows
from pipelines.labelling.types import LabelledVideo, Segment

TOP = (("Walk, slowly", 0.875), ("Run", 0.125))
VIDEO = LabelledVideo(
    "a/b.mp4",
    "gs://bucket/a/b.mp4",
    4.0,
    False,
    (Segment(0.0, 2.5, "Walk, slowly", 0.875, TOP, 1.25), Segment(2.5, 4.0, "unknown", 0.5, (("Run", 0.5),))),
    "390 of 720 frames are there",
)
NUMBER = st.floats(0, 1e6)
TEXT = st.text(st.characters(codec="utf-8"))
UNDECODABLE = "caf\udce9/\ud800"


@st.composite
def tables(draw: st.DrawFn) -> list[Row]:
    """Rows with any text that UTF-8 can hold, including line ends, quotes and NUL."""
    tops = st.lists(st.fixed_dictionaries({"label": TEXT, "score": NUMBER}), max_size=3)
    kinds = {name: NUMBER if name in ("start_s", "end_s", "score") else TEXT for name in COLUMNS}
    kinds |= {"unfamiliar": st.none() | NUMBER, "is_unfamiliar": st.none() | st.booleans()}
    return draw(st.lists(st.fixed_dictionaries({**kinds, "top_k": tops}), max_size=5))


def written(table: list[Row], format: str) -> bytes:
    file = io.BytesIO()
    assert write_rows(file, iter(table), format) == len(table)
    return file.getvalue()


def read_back(data: bytes, format: str) -> list[Row]:
    if format == "jsonl":
        return [json.loads(line) for line in data.split(b"\n")[:-1]]
    if format == "csv":
        lines = csv.DictReader(io.StringIO(data.decode(), newline=""), strict=True)
        numbers = ("start_s", "end_s", "score")
        return [
            {**line, "top_k": json.loads(line["top_k"])}
            | {name: float(line[name]) for name in numbers}
            | {name: json.loads(line[name] or "null") for name in ("unfamiliar", "is_unfamiliar")}
            for line in lines
        ]
    from pyarrow import parquet

    return parquet.read_table(io.BytesIO(data)).to_pylist()


def test_a_row_is_a_segment() -> None:
    assert list(rows(VIDEO, "00ff")) == [
        {
            "video": "a/b.mp4",
            "uri": "gs://bucket/a/b.mp4",
            "start_s": 0.0,
            "end_s": 2.5,
            "label": "Walk, slowly",
            "score": 0.875,
            "top_k": [{"label": "Walk, slowly", "score": 0.875}, {"label": "Run", "score": 0.125}],
            "model": "00ff",
            "remark": "390 of 720 frames are there",
            "unfamiliar": 1.25,
            "is_unfamiliar": True,
        },
        {
            "video": "a/b.mp4",
            "uri": "gs://bucket/a/b.mp4",
            "start_s": 2.5,
            "end_s": 4.0,
            "label": "unknown",
            "score": 0.5,
            "top_k": [{"label": "Run", "score": 0.5}],
            "model": "00ff",
            "remark": "390 of 720 frames are there",
            "unfamiliar": None,
            "is_unfamiliar": None,
        },
    ]
    assert all(tuple(row) == COLUMNS for row in rows(VIDEO, ""))


def test_bytes_of_jsonl() -> None:
    (first, second) = written(list(rows(VIDEO, "00ff")), "jsonl").splitlines(keepends=True)
    assert second == (
        b'{"video": "a/b.mp4", "uri": "gs://bucket/a/b.mp4", "start_s": 2.5, "end_s": 4.0, "label": "unknown", '
        b'"score": 0.5, "top_k": [{"label": "Run", "score": 0.5}], "model": "00ff", '
        b'"remark": "390 of 720 frames are there", "unfamiliar": null, "is_unfamiliar": null}\n'
    )
    assert first.endswith(b"\n")


def test_bytes_of_csv() -> None:
    header = b"video,uri,start_s,end_s,label,score,top_k,model,remark,unfamiliar,is_unfamiliar\r\n"
    assert written([], "csv") == header
    assert written(list(rows(VIDEO, "00ff")), "csv") == header + (
        b'a/b.mp4,gs://bucket/a/b.mp4,0.0,2.5,"Walk, slowly",0.875,'
        b'"[{""label"": ""Walk, slowly"", ""score"": 0.875}, {""label"": ""Run"", ""score"": 0.125}]",00ff,'
        b"390 of 720 frames are there,1.25,true\r\n"
        b'a/b.mp4,gs://bucket/a/b.mp4,2.5,4.0,unknown,0.5,"[{""label"": ""Run"", ""score"": 0.5}]",00ff,'
        b"390 of 720 frames are there,,\r\n"
    )


@pytest.mark.parametrize("number", [0, 1, 10_000, 20_001])
def test_types_and_row_groups_of_parquet(number: int) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    (row, _) = rows(VIDEO, "00ff")
    file = parquet.ParquetFile(io.BytesIO(written([row] * number, "parquet")))
    metadata = file.metadata
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    assert [group.num_rows for group in groups] == [10_000] * (number // 10_000) + [number % 10_000] * (
        number % 10_000 > 0
    )
    assert {group.column(0).compression for group in groups} <= {"ZSTD"}
    types = {field.name: field.type for field in file.schema_arrow}
    top = types.pop("top_k")
    numbers = dict.fromkeys(("start_s", "end_s", "score", "unfamiliar"), pa.float64())
    texts = dict.fromkeys(("video", "uri", "label", "model", "remark"), pa.string())
    assert types == {**numbers, **texts, "is_unfamiliar": pa.bool_()}
    assert {field.name: field.type for field in top.value_type} == {"label": pa.string(), "score": pa.float64()}
    assert [field.name for field in file.schema_arrow if field.nullable] == ["unfamiliar", "is_unfamiliar"]


@given(tables())
@pytest.mark.parametrize("format", FORMATS)
def test_rows_come_back_as_they_were(format: str, table: list[Row]) -> None:
    data = written(table, format)
    assert read_back(data, format) == table
    assert written(table, format) == data


@pytest.mark.parametrize("format", FORMATS)
def test_formulas_are_left_as_they_are(format: str) -> None:
    names = ["=1+1", "+1", "-1", "@SUM(A1)"]
    table = [{**row, "video": name, "label": name} for name in names for row in rows(VIDEO, "")]
    assert read_back(written(table, format), format) == table


@pytest.mark.parametrize("format", FORMATS)
def test_names_that_are_no_text(format: str) -> None:
    segment = Segment(0.0, 1.0, UNDECODABLE, 0.5, ((UNDECODABLE, 0.5),))
    table = list(rows(LabelledVideo(UNDECODABLE, UNDECODABLE, 1.0, False, (segment,)), UNDECODABLE))
    (row,) = read_back(written(table, format), format)
    expected = UNDECODABLE if format == "jsonl" else r"caf\udce9/\ud800"
    assert row == {
        **dict.fromkeys(("video", "uri", "label", "model"), expected),
        **{"start_s": 0.0, "end_s": 1.0, "score": 0.5, "top_k": [{"label": expected, "score": 0.5}], "remark": ""},
        **dict.fromkeys(("unfamiliar", "is_unfamiliar")),
    }


@given(tables())
def test_what_can_be_encoded_is_left_as_it_is(table: list[Row]) -> None:
    assert encodable(table) == table


class Remote:
    """Like a file of a remote store, it can only be written."""

    def __init__(self, room: int = 1 << 30) -> None:
        self.data, self.room = b"", room

    def write(self, data: bytes) -> int:
        if len(self.data) + len(data) > self.room:
            raise OSError("no space left")
        self.data += data
        return len(data)


@pytest.mark.parametrize("format", FORMATS)
def test_writing_where_nothing_but_writing_is_possible(format: str) -> None:
    table = list(rows(VIDEO, "00ff"))
    remote: Any = Remote()
    assert write_rows(remote, table, format) == 2
    assert remote.data == written(table, format)
    full: Any = Remote(50)
    with pytest.raises(OSError, match="no space left"):
        write_rows(full, table, format)


@pytest.mark.parametrize("format", FORMATS)
def test_rows_are_written_as_they_come(format: str) -> None:
    """No more than a group of rows is read before it is written."""
    file, (row, _) = io.BytesIO(), rows(VIDEO, "00ff")
    positions = []

    def watched() -> Iterator[Row]:
        for _ in range(30_001):
            positions.append(file.tell())
            yield row

    assert write_rows(file, watched(), format) == 30_001
    assert positions[10_001] < positions[20_001] < positions[30_000]
    assert not file.closed


def test_an_unknown_format_and_a_number_that_json_lacks() -> None:
    with pytest.raises(ValueError, match="format='xml' is not one of jsonl, csv, parquet"):
        write_rows(io.BytesIO(), [], "xml")
    (row, _) = rows(VIDEO, "")
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_rows(io.BytesIO(), [{**row, "score": float("nan")}], "jsonl")


def test_the_schema_of_bigquery_is_that_of_the_rows() -> None:
    def check(fields: list[dict[str, Any]], value: Row) -> None:
        assert [field["name"] for field in fields] == list(value)
        for field in fields:
            item = value[field["name"]]
            if field["mode"] == "REPEATED":
                assert field["type"] == "RECORD"
                assert item
                for part in item:
                    check(field["fields"], part)
            else:
                may_be_null = field["name"].endswith("unfamiliar")
                assert field["mode"] == ("NULLABLE" if may_be_null else "REQUIRED")
                assert may_be_null or item is not None
                kinds = {str: "STRING", float: "FLOAT", bool: "BOOLEAN"}
                assert item is None or field["type"] == kinds[type(item)]

    schema = bigquery_schema()
    assert list(schema) == ["fields"]
    for row in rows(VIDEO, "00ff"):
        check(schema["fields"], row)
