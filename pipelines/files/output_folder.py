"""What the output folders of all jobs have in common: where state and temporary files lie, and which job owns them."""

from collections.abc import Callable
from typing import TypeVar

from pipelines import files
from pipelines.core.errors import OutputError, UsageError, UserError
from pipelines.core.stored.sealed import unseal_or_old

_L = TypeVar("_L")


STATE = "_state"


def temporary_folder(output: str) -> str:
    """Where files are written before they are renamed."""
    return files.join(output, STATE, "tmp")


def clean_up(output: str, what: str) -> None:
    """Removes what a run needs only while it is working: its plan and temporary files.

    Args:
        output: the folder.
        what: what is complete there, for the message.

    Raises:
        OutputError: the files can't be removed.
    """
    try:
        files.delete([files.join(output, STATE, "plan.jsonl")])
        files.delete_folder(temporary_folder(output))
    except OSError as error:
        raise OutputError(
            f"{what} complete, but temporary files in {output} can't be removed: {files.reason(error)}"
        ) from error


def read_own(output: str, layout_uri: str, parse: Callable[[str], _L], what: str, overwrite: bool) -> _L | None:
    """The record that an earlier run of a job left of its output folder; None if the folder is empty or missing.

    Args:
        output: the folder.
        layout_uri: the file of the record.
        parse: parses the record.
        what: what the job makes, for messages.
        overwrite: whether to treat a damaged record as missing.

    Raises:
        UsageError: the folder contains other things, the record is damaged, or something can't be read.
    """
    try:
        data = files.read_bytes(layout_uri)
        if data is not None:
            return parse(unseal_or_old(data))
        others = [name for name in files.list_names(output) if not name.startswith(".") and name != STATE]
    except OSError as error:
        raise UsageError(f"cannot read the {what} folder {output}: {files.reason(error)}") from error
    except UserError:
        raise
    except (ValueError, TypeError) as error:
        if overwrite:
            return None
        raise UsageError(
            f"{layout_uri} is damaged: {error}. Choose another --output, or add --overwrite to the same command: it "
            "makes that file again, and keeps everything else that is still valid"
        ) from error
    if others:
        raise UsageError(
            f"{output} is not empty and holds no {what} of this software (found {', '.join(sorted(others)[:3])}). "
            "Choose another --output or empty the folder"
        )
    return None
