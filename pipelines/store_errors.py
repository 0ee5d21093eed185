"""Words for people out of errors of the libraries of stores."""

import re
from typing import Any


def why_unreachable(error: Any) -> str:
    """The words of the innermost network error, without the object it happened to."""
    while inner := next((x for x in (getattr(error, "reason", None), *error.args) if isinstance(x, Exception)), None):
        error = inner
    words = next((item for item in error.args if isinstance(item, str)), type(error).__name__)
    return re.sub(r"^<?[\w.]+(\(.*?\)| object at \w+>): ", "", words)


def first_line(error: Any) -> str:
    """The first line of what an error says, or what it is where it says nothing."""
    text = str(error).strip()
    return text.splitlines()[0].rstrip(".") if text else type(error).__name__
