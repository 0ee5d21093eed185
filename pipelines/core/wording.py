"""Phrases for messages that several modules need."""

from collections.abc import Sequence


def some(names: Sequence[str], shown: int = 5, between: str = ", ", more: str = "more") -> str:
    """The first of some names, and how many more there are: `a, b and 3 more`."""
    rest = f" and {len(names) - shown:,} {more}" if len(names) > shown else ""
    return between.join(names[:shown]) + rest
