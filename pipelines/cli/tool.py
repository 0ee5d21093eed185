"""What the command-line tools have in common: readable errors, and quiet libraries."""

import logging
import os
import select
import sys
import warnings
from collections.abc import Callable, Sequence

from pipelines.cli.commands import as_called
from pipelines.core.errors import EXIT_CLOSED_PIPE, EXIT_INCOMPLETE, EXIT_INTERRUPTED, UserError, as_shortage
from pipelines.core.secrets import redact
from pipelines.core.wording import some
from pipelines.process import background, extras, interrupts
from pipelines.process.embedding import is_library

_QUIET_WARNINGS = ("ignore::FutureWarning:google.api_core._python_version_support", "ignore::FutureWarning:google.auth")


def quiet_libraries() -> None:
    """Hides warnings about future versions, which a user can do nothing about.

    Call it before the libraries are imported; processes started later inherit it.
    """
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\..*")
    inherited = [item for item in os.environ.get("PYTHONWARNINGS", "").split(",") if item]
    os.environ["PYTHONWARNINGS"] = ",".join([*inherited, *_QUIET_WARNINGS])
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")


def run_tool(run: Callable[[Sequence[str]], int], arguments: Sequence[str]) -> int:
    """Runs a tool and returns its exit code; a user's mistake or a failing remote store becomes a line on stderr, not a
    stack trace."""
    try:
        try:
            return _until_interrupted(run, arguments)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        if not _output_is_closed():
            raise
        return EXIT_CLOSED_PIPE


def _output_is_closed() -> bool:
    """Whether nothing reads the standard output any more. Then what Python still holds back of it is dropped."""
    output = select.poll()
    output.register(sys.stdout.fileno(), 0)
    if not output.poll(0):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True


def _until_interrupted(run: Callable[[Sequence[str]], int], arguments: Sequence[str]) -> int:
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
        background.call_off()
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
    """The message for a file that can no longer be read from a remote store in the middle of a run."""
    return f"cannot read {uri}: {reason}, then run the same command again: finished shards are kept"


def say(text: str) -> None:
    """Tells the user about progress on stderr, or in the log where this software runs as a library."""
    if is_library():
        logging.getLogger("pipelines").info("%s", redact(text))
    else:
        print(as_called(redact(text)), file=sys.stderr, flush=True)


def say_damaged(output: str, names: Sequence[str]) -> None:
    """Names the files of an earlier run that can't be used, if there are any."""
    if names:
        shown = some(sorted(names))
        what = "1 file" if len(names) == 1 else f"{len(names)} files"
        say(
            f"note: ignoring {what} in {output}, damaged or from an earlier version of this software: {shown}. "
            "Lost work is done again"
        )
