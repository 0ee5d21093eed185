"""Decodes text written by people or spreadsheets (manifests, lists, split files), or tells where it is wrong."""

import codecs
import csv
import re
from collections.abc import Callable

from pipelines.core.errors import UsageError

_MARKS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SIGNS = re.compile("^\ufeff|\x1a\\Z", re.MULTILINE)
"""What isn't part of the text: the mark, which concatenated files have in the middle, too, and how files of DOS end."""
_SIGNATURES = (
    (b"PK\x03\x04", "a spreadsheet (.xlsx, .ods) or an archive"),
    (b"PK\x05\x06", "an empty archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a spreadsheet (.xls)"),
    (b"\x1f\x8b", "a file compressed by gzip"),
    (b"BZh", "a file compressed by bzip2"),
    (b"\xfd7zXZ\x00", "a file compressed by xz"),
    (b"(\xb5/\xfd", "a file compressed by zstd"),
    (b"7z\xbc\xaf\x27\x1c", "an archive"),
    (b"Rar!\x1a\x07", "an archive"),
    (b"%PDF-", "a PDF"),
    (b"{\\rtf", "a formatted text (RTF)"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"PAR1", "a Parquet file"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\x89PNG\r\n", "a PNG picture"),
    (b"II*\0", "a TIFF picture"),
    (b"MM\0*", "a TIFF picture"),
)
_PICKLE = re.compile(rb"\x80[\x02-\x05][\x8c\x95}\](c]")
_WEB_PAGE = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.I | re.S)
_LFS = b"version https://git-lfs.github.com/spec/"
_LINE_END = re.compile(rb"\r\n|\r|\n")
_SAMPLE_BYTES = 4096
_HEAD_BYTES = 1024
_SHOWN = 160


def decode(data: bytes, name: str, is_path: Callable[[str], bool] = lambda _: False) -> str:
    """The text of a file in UTF-8 or UTF-16, with a byte order mark or without; the mark isn't part of the result.

    File systems accept any bytes in names. A path that isn't UTF-8 keeps its bytes, as surrogates, if there is such a
    file. So does data that contains zero bytes and isn't text at all: readers, which know what to expect, refuse it.

    Args:
        data: the whole content of the file.
        name: name of the file, for the message.
        is_path: tells whether a file with a name that isn't UTF-8 exists.

    Raises:
        UsageError: the file is in another encoding; the message names the line and the byte.
    """
    if stand_in := stand_in_of(data):
        raise UsageError(f"{name} is {stand_in}")
    if kind := kind_of(data):
        is_packed = kind.endswith("archive") or "compressed" in kind
        remedies = ["Save it as CSV, in UTF-8"] * (not is_packed or "spreadsheet" in kind) + ["unpack it"] * is_packed
        remedy = ", or ".join(remedies)
        raise UsageError(f"{name} is {kind}, not text. {remedy[0].upper()}{remedy[1:]}")
    encoding = _encoding_of(data)
    try:
        return _SIGNS.sub("", str(data, encoding))
    except UnicodeDecodeError as error:
        if encoding in ("utf-16", "utf-32"):
            line = len(re.findall("\r\n|\r|\n", data[: error.start].decode(encoding, "ignore"))) + 1
            raise UsageError(
                f"{name}, line {line}: byte {error.start + 1} of the file is not {encoding.upper()} ({error.reason}). "
                "Was the file cut off? Save it as UTF-8"
            ) from error
        text = _SIGNS.sub("", data.decode("utf-8", "surrogateescape"))
        if "\0" in text or all(_is_named(line, is_path) for line in text.splitlines() if _is_odd(line)):
            return text
        raise UsageError(_not_utf8(data, name, error)) from error


def stand_in_of(data: bytes) -> str:
    """What a file is that came in place of another one, and how to get that; empty if it is neither.

    Args:
        data: the beginning of the file.
    """
    if _WEB_PAGE.match(data.removeprefix(codecs.BOM_UTF8), 0, _HEAD_BYTES):
        return "a web page, as a server sends it that asks to sign in or to confirm. Download the file itself"
    if data.startswith(_LFS):
        return "a pointer of Git LFS, which stands for a file that was not fetched. Run: git lfs pull"
    return ""


def kind_of(data: bytes) -> str:
    """What a file is by its first bytes, if it isn't a text and often given by mistake; empty for any other.

    Args:
        data: the beginning of the file.
    """
    if _PICKLE.match(data):
        return "a pickle of Python"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "a WebP picture"
    return next((kind for mark, kind in _SIGNATURES if data.startswith(mark)), "")


def _is_odd(text: str) -> bool:
    return any("\udc80" <= sign <= "\udcff" for sign in text)


def _is_named(line: str, is_path: Callable[[str], bool]) -> bool:
    """Whether a line that isn't UTF-8, or each such column of it, is the path of a file."""
    if is_path(line.strip()):
        return True
    rows = (next(csv.reader([line], delimiter=sign, skipinitialspace=True), []) for sign in ",;\t")
    return any(all(is_path(field.strip()) for field in row if _is_odd(field)) for row in rows)


def _encoding_of(data: bytes) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    # In UTF-16, every second byte of ASCII text is zero: the second of a pair in little endian, the first in big
    # endian. Few other characters have a zero byte.
    first, second = (data[start:_SAMPLE_BYTES:2].count(0) for start in (0, 1))
    pairs = min(len(data), _SAMPLE_BYTES) // 2
    if 8 * second > max(pairs, 16 * first):
        return "utf-16-le"
    if 8 * first > max(pairs, 16 * second):
        return "utf-16-be"
    return "utf-8"


def _not_utf8(data: bytes, name: str, error: UnicodeDecodeError) -> str:
    place = error.start + (3 if data.startswith(codecs.BOM_UTF8) else 0)
    ends = [match.end() for match in _LINE_END.finditer(data, 0, place)]
    line = _LINE_END.split(data[ends[-1] if ends else 0 :], 1)[0]
    try:
        guess = f"; in Windows-1252 this line reads {line.decode('cp1252')[:_SHOWN]!r}"
        convert = ", or, if that is what it should say, convert it: iconv -f WINDOWS-1252 -t UTF-8"
    except UnicodeDecodeError:
        guess = convert = ""
    return (
        f"{name}, line {len(ends) + 1}: byte 0x{data[place]:02x} (byte {place + 1} of the file) is not UTF-8{guess}. "
        f"Save the file as UTF-8{convert}"
    )
