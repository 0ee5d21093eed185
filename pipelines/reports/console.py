"""Lines and tables on a terminal, or in a log."""

import sys
import textwrap
from collections.abc import Iterable
from typing import IO

from rich.console import Console
from rich.text import Text

from pipelines.cli.commands import as_called
from pipelines.reports.text import visible

_INDENT = 10


_LOG_WIDTH = 100


def open_console(file: IO[str] | None) -> Console:
    """Where a summary is printed: standard output if `file` is None; a log has room for long lines."""
    console = Console(file=file or sys.stdout, highlight=False)
    if not console.is_terminal:
        console.width = max(_LOG_WIDTH, console.width)
    return console


def print_facts(console: Console, facts: Iterable[tuple[str, str, str]]) -> None:
    """Prints lines of a key and a value in a style, wrapped to the width of a terminal."""
    for key, value, style in facts:
        width = console.width if console.is_terminal else sys.maxsize
        lines = textwrap.fill(
            value, width, initial_indent=f"{key:<{_INDENT}}", subsequent_indent=" " * _INDENT, break_on_hyphens=False
        )
        _print_line(console, lines, style)


def print_unbroken(console: Console, key: str, value: str) -> None:
    """Prints a path or a command, which is never wrapped, so that it can be copied."""
    _print_line(console, f"{key:<{_INDENT}}{as_called(value)}")


def _print_line(console: Console, line: str, style: str = "") -> None:
    text = Text(_encoded(line, console), style)
    text.stylize("bold", 0, _INDENT)
    console.print(text, soft_wrap=True)


def name_cell(name: str, console: Console) -> Text:
    """A name in a table, without markup, and with escapes for invisible and unprintable characters."""
    return Text(_encoded(visible(name), console))


def _encoded(text: str, console: Console) -> str:
    """The text with escapes for characters that the encoding of the output lacks."""
    return text.encode(console.encoding, "backslashreplace").decode(console.encoding)
