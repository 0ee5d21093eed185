"""Several labels in one text, and how they are joined again."""

from pipelines.core.label_sets import SEPARATOR as BETWEEN
from pipelines.core.label_sets import join_labels as join_labels


def split_labels(text: str) -> tuple[str, ...]:
    """The labels in a text, each once, in their order: `Swing` and `Walk` for `Swing|Walk`. None for an empty text.

    Raises:
        ValueError: there is nothing before or after a `|`.
    """
    if not text.strip():
        return ()
    labels = [label.strip() for label in text.split(BETWEEN)]
    if "" in labels:
        raise ValueError(f"{text!r} has an empty label: several labels are written as Swing{BETWEEN}Walk")
    return tuple(dict.fromkeys(labels))
