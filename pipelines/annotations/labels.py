"""Several labels in one text, in the order in which they stand there."""

from pipelines.core.label_sets import SEPARATOR


def split_labels(text: str) -> tuple[str, ...]:
    """The labels in a text, each once, in their order: `Swing` and `Walk` for `Swing|Walk`. None for an empty text.

    Raises:
        ValueError: there is nothing before or after a `|`.
    """
    if not text.strip():
        return ()
    labels = [label.strip() for label in text.split(SEPARATOR)]
    if "" in labels:
        raise ValueError(f"{text!r} has an empty label: several labels are written as Swing{SEPARATOR}Walk")
    return tuple(dict.fromkeys(labels))
