"""Records as lines of text."""

import json
from dataclasses import dataclass

import pytest

from pipelines.core.stored.lines import LineCodec, extend


@dataclass(frozen=True)
class Record:
    size: int
    name: str


CODEC = LineCodec(lambda name, size: Record(size, name), "name", "size")


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (Record(5, "a"), '["a",5]'),
        (Record(0, 'tab\t"line\n'), r'["tab\t\"line\n",0]'),
        (Record(2**60, "é\udcff"), rf'["\u00e9\udcff",{2**60}]'),
    ],
)
def test_a_record_comes_back_from_its_line(record: Record, line: str) -> None:
    assert CODEC.encode(record) == line
    assert CODEC.decode(*json.loads(line)) == record
    *values, first, second = json.loads(extend(line, '[],"more"'))
    assert (CODEC.decode(*values), first, second) == (record, [], "more")
