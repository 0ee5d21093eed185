"""What is left over on a command line: flags that nobody knows, and values that belong to no flag."""

import os
from collections.abc import Sequence

from pipelines.cli.near_flags import near_flag
from pipelines.core.errors import UsageError


def refuse_stray_values(arguments: Sequence[str], unknown: Sequence[str]) -> None:
    """Ends with an error if a value is left over on a command line that can't belong to a flag of somebody else.

    Args:
        arguments: the command line.
        unknown: what is left over of it.

    Raises:
        UsageError: one is; the message says how it may have come about.
    """
    before = ""
    for argument in unknown:
        if not argument.startswith("-") and (not before.startswith("-") or "=" in before):
            raise UsageError(f"unexpected argument {argument!r}: {_why_stray(arguments, argument)}")
        before = argument


def _why_stray(arguments: Sequence[str], value: str) -> str:
    position = list(arguments).index(value)
    before = arguments[position - 1] if position else ""
    if before.endswith(",") or value.startswith(","):
        return f"the shell parts lists at spaces; write them without any ({before}{value}), or in quotes"
    if os.path.exists(before) and os.path.exists(value):
        return "the shell replaces a pattern by the files' names; put it in quotes ('*.mp4'), or give the folder"
    return "every value belongs behind its flag, and in quotes where it has spaces, see --help"


def refuse_unknown_flags(unknown: Sequence[str], known: Sequence[str], arguments: Sequence[str] = ()) -> None:
    """Ends with an error if anything is left over on a command line.

    Args:
        unknown: what is left over.
        known: all flags.
        arguments: the command line; only what is left over if none is given.

    Raises:
        UsageError: something is; the message suggests the nearest flag.
    """
    if not unknown:
        return
    refuse_stray_values(arguments or unknown, unknown[:1])
    flag = unknown[0].partition("=")[0]
    raise UsageError(f"unknown flag {flag}{near_flag(flag, known) or '.'} See --help")
