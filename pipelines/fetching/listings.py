"""Parses what the extractors of RAR archives print when they list an archive."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from pipelines.fetching.entries import FILE, FOLDER, Entry

ENCRYPTED = "encrypted"
_LINK, _OTHER = "a link", "a special file"
_TAR_LINE = re.compile(r"(\S)\S{9,} +\d+ +\S+ +\S+ +([\d,]+) +\S+ +\S+ +\S+ (.*)")
_ESCAPE = re.compile(r"\\(\d{3}|.)")
_CONTROLS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_UNRAR_KINDS = {"File": FILE, "Directory": FOLDER}


def parse_bsdtar(text: str) -> list[Entry]:
    """Parses the output of `bsdtar -tv`. It has no checksums, doesn't show what is encrypted, and escapes unprintable
    characters in names.

    Raises:
        ValueError: a line doesn't have the expected form.
    """
    entries = []
    for line in text.splitlines():
        match = _TAR_LINE.fullmatch(line)
        if not match:
            raise ValueError(f"bsdtar lists {line[:80]!r}")
        letter, size, name = match.groups()
        kind = {"-": FILE, "d": FOLDER, "l": "a symbolic link", "h": "a hard link"}.get(letter, _OTHER)
        if kind == FILE and " link to " in name:
            kind = "a hard link"
        entries.append(Entry(_ESCAPE.sub(_unescape, name), kind, int(size) if kind == FILE else 0))
    return entries


def _unescape(match: re.Match[str]) -> str:
    sign = match[1]
    return chr(int(sign, 8)) if sign.isdecimal() else _CONTROLS.get(sign, sign)


def parse_unrar(text: str) -> list[Entry]:
    """Parses the output of `unrar lt`.

    Raises:
        ValueError: the text doesn't have the expected form.
    """
    if "Details: RAR" not in text:
        raise ValueError("this unrar lists archives in another form")
    return [_unrar_entry(block) for block in _blocks(text.splitlines(), ": ") if "Name" in block]


def _unrar_entry(block: Mapping[str, str]) -> Entry:
    kind = _UNRAR_KINDS.get(block.get("Type", ""), f"a {block.get('Type', _OTHER).lower()}")
    if kind == FILE and block.get("Attributes", "")[:1] in tuple("lcbps"):
        kind = _OTHER
    if "encrypted" in block.get("Flags", ""):
        kind = ENCRYPTED
    return _entry(block["Name"], kind, block.get("Size", ""), block.get("CRC32", ""))


def parse_7z(text: str) -> list[Entry]:
    """Parses the output of `7z l -slt -ba`.

    Raises:
        ValueError: the text doesn't have the expected form.
    """
    entries = []
    for block in _blocks(text.splitlines(), " = "):
        if "Path" not in block:
            continue
        attributes = block.get("Attributes", "")
        kind = FOLDER if block.get("Folder") == "+" or attributes.startswith("D") else FILE
        if block.get("Symbolic Link") or block.get("Hard Link") or re.search(r"(?:^| )l[rwxsStT-]{9}", attributes):
            kind = _LINK
        if block.get("Encrypted") == "+":
            kind = ENCRYPTED
        entries.append(_entry(block["Path"], kind, block.get("Size", ""), block.get("CRC", "")))
    return entries


def parse_lsar(text: str) -> list[Entry]:
    """Parses the output of `lsar -j`.

    Raises:
        ValueError: the text doesn't have the expected form.
    """
    value = json.loads(text)
    try:
        if error := value.get("lsarError"):
            raise ValueError(f"lsar reports error {error}")
        return [_lsar_entry(item) for item in value["lsarContents"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"lsar lists archives in another form: {error}") from error


def _lsar_entry(item: Mapping[str, object]) -> Entry:
    kind = FILE
    for key, what in (
        ("XADIsDirectory", FOLDER), ("XADIsLink", _LINK), ("XADIsHardLink", _LINK), ("XADIsFIFO", _OTHER),
        ("XADIsCharacterDevice", _OTHER), ("XADIsBlockDevice", _OTHER), ("XADIsEncrypted", ENCRYPTED),
    ):  # fmt: skip
        if item.get(key):
            kind = what
    crc32 = next((item[key] for key in ("RARCRC32", "RAR5CRC32") if key in item), None)
    size = item.get("XADFileSize", 0)
    if not isinstance(size, int) or not isinstance(crc32, int | None):
        raise ValueError("lsar lists archives in another form")
    return Entry(str(item["XADFileName"]), kind, size, crc32 if kind == FILE else None)


def _entry(name: str, kind: str, size: str, crc32: str) -> Entry:
    if kind != FILE:
        return Entry(name, kind)
    return Entry(name, kind, int(size), int(crc32, 16) if crc32 else None)


def _blocks(lines: Iterable[str], separator: str) -> Iterator[dict[str, str]]:
    """Paragraphs of keys and values."""
    block: dict[str, str] = {}
    for line in [*lines, ""]:
        key, found, value = line.partition(separator)
        if found:
            block[key.strip()] = value
        elif not line.strip() and block:
            yield block
            block = {}


Parse = Callable[[str], list[Entry]]
