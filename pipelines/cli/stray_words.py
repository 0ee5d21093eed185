"""What is left over on a command line: unknown flags, and values that belong to no flag."""

import os
from collections.abc import Collection, Sequence
from itertools import zip_longest

from pipelines.cli.near_flags import near_flag
from pipelines.core.errors import UsageError

_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
_NEAR = 0.8
_DRY = ("dry", "dry-run", "dryrun", "simulate", "plan")


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
    if value == "=":
        return "write a flag and its value without spaces around the sign: --flag=value"
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
    if flag.strip("-").replace("_", "-").lower() in _DRY and "--input" in known and "--dry-run" not in known:
        raise UsageError(
            f"unknown flag {flag}. To look at videos without writing: python -m pipelines.doctor --input PATH"
        )
    raise UsageError(f"unknown flag {flag}{near_flag(flag, known) or '.'} See --help")


def check_words(
    arguments: Sequence[str], known: Sequence[str], single: Collection[str], paths: Collection[str] = ()
) -> list[str]:
    """Refuses a flag after a dash that isn't a hyphen, which a parser would take for a value, and an empty path, as an
    unset variable of the shell leaves it: it would be taken for no path at all.

    Args:
        arguments: the command line.
        known: all flags of the tool.
        single: those that take one value.
        paths: those that take a path and may be left out.

    Returns:
        a sentence for each of `single` that is given again with another value, of which only the last counts.

    Raises:
        UsageError: there is such a dash, or such a path.
    """
    notes = []
    given: dict[str, str] = {}
    for argument, after in zip_longest(arguments, arguments[1:]):
        flag, equals, value = argument.partition("=")
        if flag and flag[0] in _DASHES and (near := near_flag(f"--{flag.lstrip(_DASHES)}", known, cutoff=_NEAR)):
            raise UsageError(
                f"unexpected argument {argument!r}: it begins with a dash of word processors, not a hyphen{near}"
            )
        value = value if equals else after
        if flag in paths and value is not None and not value.strip():
            raise UsageError(f"{flag} is empty ({value!r}). Give a path, or leave out a flag that you don't need")
        if flag in single:
            value = value or ""
            if given.setdefault(flag, value) != value:
                notes.append(f"{flag} is given twice, with {given[flag]!r} and with {value!r}: the last one counts")
            given[flag] = value
    return notes
