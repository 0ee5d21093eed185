"""The parser of all tools: errors take one line, flags can't be abbreviated, and flags that aren't given are absent."""

import argparse
import platform
import re
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, NoReturn

from pipelines.cli.commands import as_called
from pipelines.cli.stray_words import check_words, refuse_unknown_flags
from pipelines.cli.tool import say
from pipelines.core.errors import UsageError
from pipelines.core.versions import SHOWN, versions

_PLAINER = (
    (r"^argument ([^:/]+)[^:]*: (must .*)$", r"\1 \2"),
    (r"^argument ([^:/]+)[^:]*: expected (one|at least one) argument$", r"\1 needs a value"),
    (r"^argument ([^:/]+)[^:]*: ignored explicit argument (.*)$", r"\1 takes no value, but got \2"),
    (r"^argument ([^:/]+)[^:]*: not allowed with argument (\S+)$", r"\1 and \2 can't go together"),
    (r"^argument ([^:/]+)[^:]*: ", r"\1: "),
    (r"^the following arguments are required: ", "these are missing: "),
)
"""Messages of argparse, and how we word them."""
_PATHS = ("DIR", "FILE", "FILE|-", "FOLDER", "PATH", "URI", "URL")


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` in the style of the tools.

    `parse_known_args` and `parse_own` raise `UsageError` where argparse would print its usage and exit.
    """

    def __init__(self, tool: str, description: str | None, epilog: str | None = None) -> None:
        """Makes a parser with `--help` and `--version`.

        Args:
            tool: the module that is run, such as `pipelines.label`.
            description: the beginning of `--help`, with its line breaks.
            epilog: the end of `--help`.
        """
        super().__init__(
            prog=as_called(f"python -m {tool}"), description=as_called(description or ""), epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter, argument_default=argparse.SUPPRESS,
            allow_abbrev=False,
        )  # fmt: skip
        text = "show the versions that are installed and exit"
        self.add_argument("--version", action=_ShowVersion, nargs=0, default=argparse.SUPPRESS, help=text)

    @property
    def flags(self) -> list[str]:
        """All flags, including `--help`."""
        return [flag for action in self._actions for flag in action.option_strings if flag.startswith("--")]

    def parse_own(self, arguments: Sequence[str]) -> dict[str, Any]:
        """The values of a command line that may contain only flags of this parser.

        Raises:
            UsageError: a flag is unknown, or a value is missing or wrong.
        """
        given, unknown = self.parse_known_args(list(arguments))
        refuse_unknown_flags(unknown, self.flags, arguments)
        return vars(given)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Like `argparse.ArgumentParser.parse_known_args`, but says which values of flags are overridden by later ones.

        Raises:
            UsageError: a flag follows a dash that isn't a hyphen.
        """
        plain = [a for a in self._actions if type(a) is argparse._StoreAction and a.nargs is None]
        single = {flag for action in plain for flag in action.option_strings}
        paths = {flag for a in self._actions if a.metavar in _PATHS and not a.required for flag in a.option_strings}
        for note in check_words(sys.argv[1:] if args is None else args, self.flags, single, paths):
            say(f"note: {note}")
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Turns a message of argparse into an error of one line.

        Raises:
            UsageError: always.
        """
        for pattern, plainer in _PLAINER:
            message, found = re.subn(pattern, plainer, message, flags=re.DOTALL)
            if found:
                break
        spaced = re.search(r"not '(?:=.*)?'$", message)
        remedy = "Write a flag and its value without spaces around the sign: --flag=value" if spaced else "See --help"
        raise UsageError(f"{message}. {remedy}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            allowed = ", ".join(map(str, action.choices))
            raise argparse.ArgumentError(action, f"must be one of {allowed}, not {value!r}")


class _ShowVersion(argparse.Action):
    """Looks versions up only when asked to, and doesn't import the packages that it names."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> None:
        print(installed())
        parser.exit()


def installed() -> str:
    """The installed versions of this software, Python, and the packages that influence results."""
    others = ", ".join(f"{name} {found}" for name, found in versions(SHOWN).items())
    return f"har-pipelines {version('har-pipelines')} (Python {platform.python_version()}, {others})"
