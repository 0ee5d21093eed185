"""What is left over on a command line: unknown flags, and values that belong to no flag."""

import os
from collections.abc import Sequence

from pipelines.cli.near_flags import near_flag
from pipelines.core.errors import UsageError


def refuse_stray_values(arguments: Sequence[str], unknown: Sequence[str]) -> None:
    """Refuses a value left over on a command line, unless it may belong to an unknown flag, such as one of Beam's.

    Args:
        arguments: the command line.
        unknown: the arguments that are left over.

    Raises:
        UsageError: there is such a value; the message gives a likely cause.
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
        return f"the shell splits lists at spaces; write the list without spaces ({before}{value}), or in quotes"
    if os.path.exists(before) and os.path.exists(value):
        return "the shell expands a pattern into file names; put it in quotes ('*.mp4'), or give the folder"
    return "every value must follow its flag, in quotes if it contains spaces. See --help"


def refuse_unknown_flags(unknown: Sequence[str], known: Sequence[str], arguments: Sequence[str] = ()) -> None:
    """Refuses anything left over on a command line.

    Args:
        unknown: the arguments that are left over.
        known: all flags.
        arguments: the whole command line, for a better message; may be left out.

    Raises:
        UsageError: something is left over; the message suggests the nearest flag.
    """
    if not unknown:
        return
    refuse_stray_values(arguments or unknown, unknown[:1])
    flag = unknown[0].partition("=")[0]
    raise UsageError(f"unknown flag {flag}{near_flag(flag, known) or '.'} See --help")
