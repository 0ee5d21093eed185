"""What the command-line tools have in common: errors for people, quiet libraries, flags from dataclasses."""

import argparse
import os
import platform
import sys
import warnings
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pipelines.cli.commands import as_called
from pipelines.core.errors import EXIT_INCOMPLETE, EXIT_INTERRUPTED, UsageError, UserError, as_shortage
from pipelines.core.secrets import redact
from pipelines.process import extras, interrupts

_SHOWN_VERSIONS = ("apache-beam", "tensorflow", "numpy", "av", "opencv-python-headless")
_SHOWN_NAMES = 5
_QUIET_WARNINGS = ("ignore::FutureWarning:google.api_core._python_version_support", "ignore::FutureWarning:google.auth")


def quiet_libraries() -> None:
    """Keeps announcements about future versions, which a user can do nothing about, from the screen.

    To be called before the libraries are imported; processes that are started later inherit it.
    """
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\..*")
    inherited = [item for item in os.environ.get("PYTHONWARNINGS", "").split(",") if item]
    os.environ["PYTHONWARNINGS"] = ",".join([*inherited, *_QUIET_WARNINGS])
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")


def run_tool(run: Callable[[Sequence[str]], int], arguments: Sequence[str]) -> int:
    """Runs a tool and gives its exit code; a mistake of the user or a remote store that fails becomes a line on stderr,
    not a stack trace."""
    try:
        return _run_tool(run, arguments)
    except KeyboardInterrupt:
        pass
    except Exception:
        if not interrupts.happened():
            raise
    interrupts.end()
    return EXIT_INTERRUPTED


def _run_tool(run: Callable[[Sequence[str]], int], arguments: Sequence[str]) -> int:
    try:
        return run(arguments)
    except (UserError, OSError, MemoryError, ModuleNotFoundError) as error:
        if interrupts.happened():
            raise
        known = extras.explained(as_shortage(error))
        if isinstance(known, UserError):
            print(f"error: {as_called(redact(str(known)))}", file=sys.stderr)
            return known.exit_code
        if not isinstance(error, OSError) or "://" not in str(error.filename):
            raise
        print(f"error: {redact(lost_store(str(error.filename), str(error.strerror)))}", file=sys.stderr)
        return EXIT_INCOMPLETE


def lost_store(uri: str, reason: str) -> str:
    """The message for a file that can't be read from a remote store any more, in the middle of a run."""
    return f"cannot read {uri}: {reason}, then run the same command again: finished shards are kept"


def add_version(parser: argparse.ArgumentParser) -> None:
    """Adds `--version`: what is installed, for a report of a defect or a container's health check, at once.

    From here on, the parser also names the tools as this one was called: `har train` or `python -m trainer.task`.
    """
    parser.prog, parser.description = as_called(parser.prog), as_called(parser.description or "")
    text = "show the versions that are installed and exit"
    parser.add_argument("--version", action=_ShowVersion, nargs=0, default=argparse.SUPPRESS, help=text)


class _ShowVersion(argparse.Action):
    """Looks versions up only when asked to, and imports nothing of what it names."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> None:
        print(versions())
        parser.exit()


def versions() -> str:
    """What is installed: this software, Python, and the packages that decide about results."""
    others = ", ".join(f"{name} {_version_of(name)}" for name in _SHOWN_VERSIONS)
    return f"har-pipelines {version('har-pipelines')} (Python {platform.python_version()}, {others})"


def _version_of(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def say(text: str) -> None:
    """Tells the user what goes on, apart from results on stdout."""
    print(as_called(redact(text)), file=sys.stderr, flush=True)


def say_damaged(output: str, names: Sequence[str]) -> None:
    """Names what of an earlier run can't be believed, where there is any."""
    if names:
        more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
        shown = ", ".join(sorted(names)[:_SHOWN_NAMES]) + more
        what = "1 file" if len(names) == 1 else f"{len(names)} files"
        say(
            f"note: {what} in {output} can't be believed, damaged or of an earlier version of this software: {shown}. "
            "What is lost is done again"
        )


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
    raise UsageError(f"unknown flag {flag}{nearest_flag(flag, known)}. See --help")


def nearest_flag(flag: str, known: Sequence[str], cutoff: float = 0.6) -> str:
    """`; did you mean --x?` for the known flag which is most like a misspelt one, if any is."""
    plain = {name.lstrip("-").replace("_", "-").lower(): name for name in known}
    near = get_close_matches(flag.lstrip("-").replace("_", "-").lower(), plain, n=1, cutoff=cutoff)
    return f"; did you mean {plain[near[0]]}?" if near else ""
