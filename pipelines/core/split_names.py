"""The usual splits, and the names by which people call them."""

from pipelines.core.errors import UsageError

SPLITS = ("train", "val", "test")
"""The usual splits, in their usual order."""
SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validate", "validation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""Names that are understood, in lower case, and what each means."""
SPLIT_HELP = "Splits are called train, val (or valid, validation) and test"


def split_name(text: str) -> str:
    """The usual name of a split, however it is written: `val` for `Validation`. Empty for other names."""
    return SPLIT_NAMES.get(text.strip().lower(), "")


def known_split(text: str, where: str) -> str:
    """The usual name of a split that a file gives.

    Args:
        text: the name in the file.
        where: the file and the line, for messages.

    Raises:
        UsageError: the name isn't that of a split.
    """
    known = split_name(text)
    if not known:
        raise UsageError(f"{where}: unknown split {text!r}. {SPLIT_HELP}")
    return known
