"""Records as lines of text. A job lists millions of videos: as text they take a fraction of an object's memory, lie
where they are looked for, and go to workers as they are."""

from collections.abc import Callable
from operator import attrgetter
from typing import Generic, TypeVar

from pipelines.core.hashing import compact_json

_T = TypeVar("_T")


class LineCodec(Generic[_T]):
    """Between the records of a class and lines of compact JSON: an array of fields, and of whatever is put behind."""

    def __init__(self, make: Callable[..., _T], *names: str) -> None:
        """Sets what a line holds.

        Args:
            make: gives a record for the values of a line, in their order.
            names: at least two fields, texts and whole numbers.
        """
        self.decode = make
        self._values: Callable[[_T], tuple[str | int, ...]] = attrgetter(*names)

    def encode(self, record: _T) -> str:
        """The line of a record: ASCII, without line breaks and tabs."""
        values = [compact_json(value) if type(value) is str else str(value) for value in self._values(record)]
        return f"[{','.join(values)}]"


def extend(line: str, more: str) -> str:
    """A line with more values behind, which are JSON with commas between them."""
    return f"{line[:-1]},{more}]"
