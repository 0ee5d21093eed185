"""Names of classes, and several labels of one clip as one text: `Swing|Walk`, sorted by code point and each once."""

import re
from collections.abc import Iterable, Sequence

from pipelines.core.errors import UsageError

UNKNOWN = "unknown"
"""The label of a segment whose best score is below the threshold."""
SEPARATOR = "|"
_LONGEST = 500
_CODE = re.compile(r"""[\[({]\s*(?:(["']).*\1\s*,?\s*)?[\])}]|\[[\d\s.,]*\]""")
"""A list, tuple, set or object as programs write them; the template `[something] falling` is none."""


def check_label(label: str, where: str) -> None:
    """Refuses what can't be the name of a class.

    Args:
        label: a label.
        where: the file and the line, for messages.

    Raises:
        UsageError: it contains a line break or another control character, is as long as a text, or is several labels as
            a program writes them.
    """
    if len(label) > _LONGEST:
        raise UsageError(
            f"{where}: a label of {len(label):,} characters ({label[:40]!r}...). Is a quotation mark missing?"
        )
    if not label.isprintable() and any(sign < " " or "\x7f" <= sign < "\xa0" for sign in label):
        raise UsageError(f"{where}: the label {label!r} contains a line break or control character. Remove it")
    if label[:1] in "[({" and _CODE.fullmatch(label):
        raise UsageError(
            f"{where}: the label {label[:99]!r} is a list as programs write it. Write the name of one class alone; or "
            f"several as Walk{SEPARATOR}Swing, and preprocess with --multi-label"
        )


def split_labels(text: str) -> tuple[str, ...]:
    """The labels in a text such as `Walk | Swing`, sorted, each once.

    Raises:
        ValueError: one of them is empty.
    """
    names = [name.strip() for name in text.split(SEPARATOR)]
    if not all(names):
        raise ValueError(f"{text!r} has an empty label: write {SEPARATOR} only between labels, as in Swing|Walk")
    return tuple(sorted(set(names)))


def join_labels(names: Iterable[str]) -> str:
    """Labels as one text, in the form that is the same for the same set of labels."""
    return SEPARATOR.join(sorted(set(names)))


def ids_of(text: str, labels: Sequence[str]) -> tuple[int, ...]:
    """The ids of the labels in a joined text, ascending.

    Args:
        text: as `join_labels` gives it.
        labels: the names of all classes, sorted; the position is the id.

    Raises:
        ValueError: the text has an empty label, or one that isn't a class.
    """
    names = split_labels(text)
    if strange := [name for name in names if name not in labels]:
        raise ValueError(f"{strange[0]!r} is not one of the classes")
    return tuple(labels.index(name) for name in names)


def only(text: str, classes: Iterable[str]) -> str:
    """A joined text without the labels that aren't among some classes; empty if none is."""
    return join_labels(set(split_labels(text)).intersection(classes))
