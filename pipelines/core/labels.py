"""The label map: the id of each class."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class LabelMap:
    """Class names, sorted by code point so that the same set gives the same ids everywhere; the ids are 0 to n - 1."""

    names: tuple[str, ...]

    @classmethod
    def of(cls, names: Iterable[str]) -> Self:
        """The map of some names; repeated names count once."""
        return cls(tuple(sorted(set(names))))

    def id_of(self, name: str) -> int:
        """The id of a name.

        Raises:
            KeyError: there is no such class; the message lists the known ones.
        """
        if name not in self.names:
            raise KeyError(f"no class {name!r}; there are: {', '.join(self.names)}")
        return self.names.index(name)

    def __len__(self) -> int:
        return len(self.names)
