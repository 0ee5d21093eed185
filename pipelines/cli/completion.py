"""Shell completion of `har`, made from the parsers of its tools."""

import argparse
import importlib
from typing import Any

from pipelines.cli.commands import COMMANDS, use_short_names

_FILES, _FOLDERS = ("FILE", "PATH"), ("DIR", "FOLDER", "RUN")
"""Metavars of flags that take a path."""


def completion(shell: str, parser: argparse.ArgumentParser) -> str:
    """The script that makes a shell complete commands, flags, choices and paths.

    Args:
        shell: name of the shell, as shtab knows it: `bash` or `zsh`.
        parser: the parser of `har` itself, to which the commands are added.
    """
    import shtab

    use_short_names()
    commands = parser.add_subparsers(metavar="COMMAND")
    for name, (module, purpose) in COMMANDS.items():
        tool: argparse.ArgumentParser = importlib.import_module(module).make_parser()
        commands.add_parser(name, help=purpose, parents=[tool], add_help=False, prog=f"har {name}")
        for action in tool._actions:  # the same objects as in the command's parser
            _complete_paths(action, shtab)
    return str(shtab.complete(parser, shell=shell))


def _complete_paths(action: Any, shtab: Any) -> None:
    if action.metavar in _FILES:
        action.complete = shtab.FILE
    elif action.metavar in _FOLDERS:
        action.complete = shtab.DIRECTORY
