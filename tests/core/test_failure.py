"""Records: what both jobs store and show of failures, lines of text, and that reading returns what was written."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from pipelines.core.failure import Failure
from pipelines.core.stored.lines import LineCodec, extend

OF_DATASET = Failure("decode", "VideoDecodeError", "no frame", True, "A/v", "/A/v.avi", "A")
OF_FOLDER = Failure("list", "UnreadableError", "Permission denied", False, "A/", "/A", "")
OF_VIDEO = Failure("read", "VideoReadError", "gone", True, "v.avi", "/v.avi")
OF_WINDOW = Failure("score", "ScoreError", "NaN", False, "\udcff.avi", "/\udcff.avi", start_s=1.5, end_s=2.5)
KEYS = {
    OF_DATASET: ["video_id", "uri", "label", "stage", "type", "message", "transient"],
    OF_FOLDER: ["video_id", "uri", "label", "stage", "type", "message", "transient"],
    OF_VIDEO: ["video", "uri", "start_s", "end_s", "stage", "type", "message", "transient"],
    OF_WINDOW: ["video", "uri", "start_s", "end_s", "stage", "type", "message", "transient"],
}


@pytest.mark.parametrize("failure", KEYS)
def test_a_failure_comes_back(failure: Failure) -> None:
    value = json.loads(json.dumps(failure.to_json()))
    assert list(value) == KEYS[failure]
    assert Failure.from_json(value) == failure


def test_people_are_told_all_but_whether_to_try_again() -> None:
    assert OF_DATASET.to_line() == (
        '{"video_id": "A/v", "uri": "/A/v.avi", "label": "A", "stage": "decode", "type": "VideoDecodeError", '
        '"message": "no frame"}\n'
    )
    assert OF_WINDOW.to_line() == (
        '{"video": "\\udcff.avi", "uri": "/\\udcff.avi", "start_s": 1.5, "end_s": 2.5, "stage": "score", '
        '"type": "ScoreError", "message": "NaN"}\n'
    )


@pytest.mark.parametrize(
    "value",
    [
        *(5, "text", {}, {"video": "v"}, {**OF_VIDEO.to_json(), "more": 1}),
        {**OF_VIDEO.to_json(), "video_id": "v"},
        {name: value for name, value in OF_DATASET.to_json().items() if name != "video_id"},
    ],
)
def test_what_is_not_a_failure_is_refused(value: Any) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        Failure.from_json(value)


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
