"""All tools under one name: `har train` is `python -m trainer.task`. See `har --help`."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipelines.cli.commands import COMMANDS, use_short_names
from pipelines.core.errors import EXIT_OK, EXIT_USAGE
from pipelines.process import interrupts

if TYPE_CHECKING:
    import argparse

SHELLS = ("bash", "zsh")
_DESCRIPTION = "Human activity recognition on video: datasets, training and labels."
_EPILOG = """\
`har COMMAND --help` explains each. To complete commands and flags with the Tab key:

  bash   har --print-completion bash > ~/.local/share/bash-completion/completions/har
  zsh    har --print-completion zsh > "${fpath[1]}/_har\""""


def make_parser() -> "argparse.ArgumentParser":
    """The parser of the command itself."""
    import argparse

    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  {name:{width}}  {purpose}" for name, (_, purpose) in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="har", usage="har [-h] [--version] [--print-completion {bash,zsh}] COMMAND ...", allow_abbrev=False,
        description=f"{_DESCRIPTION}\n\ncommands:\n{commands}", epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--version", action="store_true", help="show the versions that are installed and exit")
    parser.add_argument("--print-completion", choices=SHELLS, help="print the completion script of a shell and exit")
    return parser


def run(arguments: Sequence[str]) -> int:
    """Runs a command line that names no tool and returns the exit code.

    Raises:
        UsageError: the line names a tool that doesn't exist; the message suggests the nearest.
    """
    if arguments and not arguments[0].startswith("-"):
        from pipelines.cli.near_flags import near_flag
        from pipelines.core.errors import UsageError

        near = near_flag(arguments[0], [*COMMANDS]) or "."
        raise UsageError(f"har has no command {arguments[0]!r}{near} See har --help")
    parser = make_parser()
    options = parser.parse_args(arguments)
    if options.version:
        from pipelines.cli.parser import installed

        print(installed())
    elif options.print_completion:
        from pipelines.cli.completion import completion

        print(completion(options.print_completion, parser))
    else:
        parser.print_help(sys.stderr)
        return EXIT_USAGE
    return EXIT_OK


def main() -> int:
    """Entry point of the command line."""
    interrupts.install()
    name, *rest = sys.argv[1:] or [""]
    if name in COMMANDS:
        import runpy

        use_short_names()
        sys.argv[:] = [f"har {name}", *rest]
        runpy.run_module(COMMANDS[name][0], run_name="__main__", alter_sys=True)
        return EXIT_OK
    if name in ("-h", "--help"):
        make_parser().print_help()
        return EXIT_OK
    from pipelines.cli import tool

    return tool.run_tool(run, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
