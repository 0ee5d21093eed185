"""Why something failed, in one line taken from a library's message."""

from pipelines.core.secrets import redact

_LONGEST = 300
_AFTER_PLACES = "<stack traces unavailable>"
"""TensorFlow's messages begin with where an operation was defined; if that is unknown, this line ends that part."""


def first_line(error: BaseException) -> str:
    """The first line of an error's message, without secrets or a final full stop; its type if there is no message."""
    said = redact(str(getattr(error, "message", None) or error))
    lines = [line.strip() for line in said.strip(": \n").splitlines() if line.strip()]
    if _AFTER_PLACES in lines[:-1]:
        lines = lines[len(lines) - lines[::-1].index(_AFTER_PLACES) :]
    text = lines[0].rstrip(".") if lines else type(error).__name__
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
