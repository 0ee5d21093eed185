"""The page, as text and as JSON."""

import json

from pipelines.diagnosis.finding import Finding
from pipelines.diagnosis.page import as_json, page_lines

GOOD = Finding("machine", "cores", "2 of 2 may be used")
BAD = Finding("paths", "/a/long/path/that/needs/room", "not usable", "Permission denied", "Give permission there")


def test_columns_and_verdict() -> None:
    assert [line for line, _ in page_lines([GOOD, BAD], 1000)] == [
        "machine",
        "  cores             2 of 2 may be used",
        "",
        "paths",
        "  /a/long/path/that/needs/room",
        "                    not usable",
        "    problem         Permission denied",
        "    remedy          Give permission there",
        "",
        "1 problem found.",
    ]
    assert [line for line, _ in page_lines([GOOD], 1000)][-1] == "No problem found."


def test_lines_end_where_a_terminal_does() -> None:
    finding = Finding("input", "codecs", " ".join(["h264"] * 30))
    lines = [line for line, _ in page_lines([finding], 60)]
    assert max(map(len, lines)) <= 60 and " ".join(lines).count("h264") == 30
    assert all(line.startswith(" " * 20) for line in lines[2:-2])


def test_names_of_files_cannot_turn_the_terminal_around() -> None:
    finding = Finding("input", "damaged", "1", "\x1b[31mred\u202e (x)", "Replace it")
    text = "\n".join(line for line, _ in page_lines([finding], 1000))
    assert "\x1b" not in text and "\u202e" not in text and "\\u001b[31mred\\u202e" in text


def test_json() -> None:
    value = json.loads(as_json([GOOD, BAD]))
    assert value["ok"] is False and json.loads(as_json([GOOD]))["ok"] is True
    assert [Finding(**finding) for finding in value["findings"]] == [GOOD, BAD]
