"""The label map: which class has which number."""

from collections.abc import Iterable, Iterator


class LabelMap:
    """Class names, sorted, and their ids 0 to n - 1. Immutable.

    Sorted by code point, so that the same set of names gives the same ids everywhere.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(sorted(set(names)))
        self._ids = {name: i for i, name in enumerate(self._names)}

    @property
    def names(self) -> tuple[str, ...]:
        """All names in the order of their ids."""
        return self._names

    def id_of(self, name: str) -> int:
        """The id of a name.

        Raises:
            KeyError: no such class; the message lists the known ones.
        """
        try:
            return self._ids[name]
        except KeyError:
            raise KeyError(f"no class {name!r}; there are: {', '.join(self._names)}") from None

    def name_of(self, label_id: int) -> str:
        """The name of an id.

        Raises:
            IndexError: the id is not in 0 to n - 1.
        """
        if not 0 <= label_id < len(self._names):
            raise IndexError(f"no class has the id {label_id}; there are {len(self._names)} classes")
        return self._names[label_id]

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._ids

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LabelMap) and self._names == other._names

    def __hash__(self) -> int:
        return hash(self._names)

    def __repr__(self) -> str:
        return f"LabelMap({list(self._names)!r})"
