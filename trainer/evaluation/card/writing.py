"""Parts of a Markdown page. Every name comes from outside and is escaped."""

from collections.abc import Iterable, Sequence

from pipelines.reports.text import plural, visible
from trainer.evaluation.markdown import escaped

NONE = "\u2013"


_TEXTS = ("", "Meaning", "Value")
"""Headers of columns that hold texts."""


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; its first column and those named in `_TEXTS` hold texts, the others numbers. Cells are escaped."""
    rule = ["---", *("---" if name in _TEXTS else "---:" for name in headers[1:])]
    lines = [[*headers], rule, *([escaped(str(cell)) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def bullets(sentences: Iterable[str]) -> str:
    """A list of sentences."""
    return "".join(f"- {escaped(sentence)}\n" for sentence in sentences)


def warned(sentences: Iterable[str]) -> str:
    """Warnings that nobody overlooks, each in a block of its own; empty without any."""
    return "".join(f"\n> **Warning:** {escaped(sentence)}\n" for sentence in sentences)


def listed(names: Sequence[str], shown: int) -> str:
    """The first names as a text, and how many more there are."""
    rest = len(names) - shown
    return ", ".join(map(visible, names[:shown])) + (f" and {plural(rest, 'other')}" if rest > 0 else "")


def code(text: str) -> str:
    """A paragraph of names as they are."""
    return f"{escaped(text)}\n"


def fenced(language: str, text: str) -> str:
    """A block of code, which holds no names from outside."""
    return f"```{language}\n{text.strip()}\n```\n"
