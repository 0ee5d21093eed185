"""Why something failed, in one line out of the message of a library."""

from pipelines.core.secrets import redact

_LONGEST = 300
_AFTER_PLACES = "<stack traces unavailable>"
"""TensorFlow's messages begin with where an operation was defined; where it doesn't know, this line ends that part."""


def first_line(error: BaseException) -> str:
    """The first line of what an error says, without secrets and the dot at its end; its type where it says nothing."""
    said = redact(str(getattr(error, "message", None) or error))
    lines = [line.strip() for line in said.strip(": \n").splitlines() if line.strip()]
    if _AFTER_PLACES in lines[:-1]:
        lines = lines[len(lines) - lines[::-1].index(_AFTER_PLACES) :]
    text = lines[0].rstrip(".") if lines else type(error).__name__
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
