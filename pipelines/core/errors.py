"""Errors meant for the person at the command line, and the exit codes they end in.

A `UserError` is shown as its message alone, without a stack trace: it names what is wrong, the value, and the remedy.
Anything else that escapes is a defect of this software and keeps its stack trace.
"""

import errno

EXIT_OK = 0
EXIT_INVALID = 1
"""`pipelines.verify` found something wrong, or `pipelines.evaluate` too low a measure; also the code of an unexpected
error."""
EXIT_USAGE = 2
"""The command line, the configuration or the input listing is not usable; no work was started."""
EXIT_TOO_MANY_FAILURES = 3
"""More videos failed than `--max-failure-rate` allows; finished shards are kept."""
EXIT_INCOMPLETE = 4
"""The job stopped before the dataset was complete (full disk, lost permission, ...); run it again to resume."""
EXIT_DIVERGED = 5
"""The loss became NaN or infinite; the last good checkpoint is kept."""
EXIT_PREEMPTED = 75
"""Asked to stop by SIGTERM; a checkpoint was written, run it again to resume (EX_TEMPFAIL of sysexits.h)."""
EXIT_INTERRUPTED = 130
"""Stopped by Ctrl-C; run it again to resume."""
EXIT_CLOSED_PIPE = 141
"""What reads the output, such as `head`, wants no more of it; a shell gives this code to programs that SIGPIPE ends."""


SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT, errno.ENOBUFS)


class UserError(Exception):
    """An error with a message for the user and an exit code."""

    exit_code = EXIT_INVALID


class UsageError(UserError, ValueError):
    """The request itself can't be carried out; nothing has been written."""

    exit_code = EXIT_USAGE


class TooManyFailuresError(UserError):
    """More inputs failed than the user allows."""

    exit_code = EXIT_TOO_MANY_FAILURES


class IncompleteError(UserError):
    """Work is left over; the same command resumes it."""

    exit_code = EXIT_INCOMPLETE


class OutputError(IncompleteError):
    """A file of the dataset can't be written or read back."""


class WorkerError(IncompleteError):
    """A worker lacks what all of its work needs, such as room for temporary files, GPU memory, or decoder processes.
    That is not the fault of any video, and may pass: the work is tried again, and left over if that doesn't help."""


class ChangedFileError(UserError):
    """A file isn't the one that a description names: it is damaged, or was changed."""


class DivergedError(UserError):
    """The loss became NaN or infinite, and did so again after a restart from the last good checkpoint."""

    exit_code = EXIT_DIVERGED


class PreemptedError(UserError):
    """The process was asked to stop, and what it had done is saved."""

    exit_code = EXIT_PREEMPTED


def as_shortage(error: Exception) -> Exception:
    """A `WorkerError` for an error which says that this machine is short of memory, disk space or open files; any other
    error unchanged."""
    if isinstance(error, MemoryError):
        return shortage("no memory is left")
    if isinstance(error, OSError) and error.errno in SHORTAGES:
        return shortage(str(error.strerror))
    return error


def shortage(what: str) -> WorkerError:
    """The user's error for a machine that is short of something."""
    return WorkerError(f"this machine is short of something: {what}. Make room, then run the same command again")
