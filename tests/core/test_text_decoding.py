"""Text of manifests and lists: which encodings are read, and the errors for others."""

import codecs
import os
import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.errors import UsageError
from pipelines.core.text_decoding import decode

TEXT = "path,label\nvidéos/跑步 1.mp4,Ходьба\n"
ENCODINGS = {
    "utf-8": b"",
    "utf-8-sig": b"",
    "utf-16": b"",
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32": b"",
}


@pytest.mark.parametrize(("encoding", "mark"), ENCODINGS.items())
@pytest.mark.parametrize("text", [TEXT, TEXT.replace("\n", "\r\n"), ""])
def test_unicode_with_a_mark(encoding: str, mark: bytes, text: str) -> None:
    assert decode(mark + text.encode(encoding), "m.csv") == text


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", [TEXT, "path,label\n" + "一丁/视频集合中的片段一.mp4,举重运动\n" * 9])
def test_utf16_without_a_mark(encoding: str, text: str) -> None:
    assert decode(text.encode(encoding), "m.csv") == text


@given(st.text(st.characters(exclude_characters="\0\ufeff", exclude_categories=["Cs"])))
def test_utf8_is_always_read_as_such(text: str) -> None:
    assert decode(text.encode(), "m.csv") == text.removesuffix("\x1a")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("a\n\x1a", "a\n"),  # how files of DOS end
        ("a\x1ab\x1a\n", "a\x1ab\x1a\n"),
        ("a\n\ufeffb\n", "a\nb\n"),  # two files, one after the other
        ("\u1a20\u1a1a", "\u1a20\u1a1a"),  # Tai Tham, whose last byte in UTF-16 is that sign of DOS
    ],
)
def test_signs_that_are_not_text(encoding: str, text: str, read: str) -> None:
    assert decode(text.encode(encoding), "m.csv") == read


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"path,label\nv/1.mp4,marche \xe0 pied\n", r"m.csv, line 2: byte 0xe0 \(byte 27 of the file\) is not UTF-8;"),
        (b"a\r\nb\r\xff\n", r"m.csv, line 3: byte 0xff \(byte 6 of the file\) is not UTF-8"),
        (codecs.BOM_UTF8 + b"a\n\xe9t\xe9", r"m.csv, line 2: byte 0xe9 \(byte 6 of the file\)"),
        (b"\x81\n", r"line 1: byte 0x81 \(byte 1 of the file\) is not UTF-8. Save the file as UTF-8"),
        ("a\nb".encode("utf-16")[:-1], r"m.csv, line 2: byte 7 of the file is not UTF-16 .*cut off"),
    ],
)
def test_other_encodings_are_refused_with_line_and_byte(data: bytes, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        decode(data, "m.csv")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            b"PK\3\4...",
            "m.csv is a spreadsheet (.xlsx, .ods) or an archive, not text. Save it as CSV, in UTF-8, or unpack",
        ),
        (b"Rar!\x1a\7...", "m.csv is an archive, not text. Unpack it"),
        (b"\x1f\x8b...", "m.csv is a file compressed by gzip, not text. Unpack it"),
        (b"\x1f\x8b\x08\0", "m.csv is a file compressed by gzip, not text"),
        (b"SQLite format 3\0", "m.csv is an SQLite database, not text"),
        (b"%PDF-1.4\n", "m.csv is a PDF, not text"),
        (pickle.dumps({"a": 1}), "m.csv is a pickle of Python, not text"),
        (pickle.dumps([("a.mp4", 1)] * 3, 2), "m.csv is a pickle of Python, not text"),
        (
            codecs.BOM_UTF8 + b"\n<!DOCTYPE HTML>\n<html>",
            "m.csv is a web page, as a server sends it that asks to sign in",
        ),
        (b"<?xml version='1.0'?>\n<!-- x -->\n<html lang=de>", "m.csv is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\n", "m.csv is a pointer of Git LFS, which stands"),
    ],
)
def test_what_stands_in_place_of_a_text_is_named(data: bytes, message: str) -> None:
    with pytest.raises(UsageError, match="^" + re.escape(message)):
        decode(data, "m.csv")


def test_the_mark_at_the_end_of_files_of_dos_is_no_line() -> None:
    assert decode(b"path,label\r\na.mp4,x\r\n\x1a", "m.csv") == "path,label\r\na.mp4,x\r\n"


def test_bytes_of_a_name_are_kept_where_there_is_such_a_file() -> None:
    name = os.fsdecode(b"caf\xe9, 1.mp4")
    for data in (b"caf\xe9, 1.mp4\n", b'path;label\n"caf\xe9, 1.mp4";x\n', b"path\tlabel\ncaf\xe9, 1.mp4\tx"):
        assert os.fsencode(decode(data, "list", {name}.__contains__)) == data
        with pytest.raises(UsageError, match="byte 0xe9"):
            decode(data, "list")
    with pytest.raises(UsageError, match="line 2: byte 0xe9"):
        decode(b"path,label\ncaf\xe9.mp4,\xe9\n", "list", {os.fsdecode(b"caf\xe9.mp4")}.__contains__)
