"""Records as lines of text. A job lists millions of videos: as text, each takes a fraction of an object's memory, and
goes to files and workers unchanged."""

from collections.abc import Callable
from operator import attrgetter
from typing import Generic, TypeVar

from pipelines.core.hashing import compact_json

_T = TypeVar("_T")


class LineCodec(Generic[_T]):
    """Converts records of a class to and from lines of compact JSON: an array of fields and whatever is appended."""

    def __init__(self, make: Callable[..., _T], *names: str) -> None:
        """Sets what a line holds.

        Args:
            make: makes a record from the values of a line, in order.
            names: names of at least two fields, each a text or a finite number.
        """
        self.decode = make
        self._values: Callable[[_T], tuple[str | float, ...]] = attrgetter(*names)

    def encode(self, record: _T) -> str:
        """The line of a record: ASCII, without line breaks and tabs."""
        values = [compact_json(value) if type(value) is str else str(value) for value in self._values(record)]
        return f"[{','.join(values)}]"


def extend(line: str, more: str) -> str:
    """A line with more values appended; `more` is JSON with commas between the values."""
    return f"{line[:-1]},{more}]"
