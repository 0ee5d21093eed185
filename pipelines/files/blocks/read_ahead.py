"""Which blocks of a file will probably be wanted next."""

from dataclasses import dataclass

_SURE_AFTER = 4
"""After this many successive blocks, a reader is taken to read on; until then, it gets only what it asks for."""
_REMEMBERED = 4
"""A reader may go back and forth between so many places, as between sound and pictures that are stored apart."""


@dataclass
class _Run:
    """Successive blocks that were read, from `begin` up to but not including `end`, and where fetching has got to."""

    begin: int
    end: int
    ahead: int


class ReadAhead:
    """Watches one reader. What it reads ahead is at most half of what was read in one go, so that little is fetched in
    vain where a reader skips most of a file."""

    def __init__(self, num_blocks: int, most: int) -> None:
        """For a file of `num_blocks`, of which at most `most` are read ahead."""
        self._num_blocks = num_blocks
        self._most = most
        self._runs: list[_Run] = []

    def after(self, first: int, end: int) -> range:
        """The blocks to fetch next, now that those from `first` up to but not including `end` are wanted."""
        run = next((run for run in self._runs if run.end - 1 <= first <= max(run.end, run.ahead)), None)
        if run is None:
            run = _Run(first, end, end)
        else:
            self._runs.remove(run)
        self._runs = [run, *self._runs[: _REMEMBERED - 1]]
        run.end = max(run.end, end)
        run.ahead = max(run.ahead, run.end)
        window = min((run.end - run.begin) // 2, self._most)
        if run.end - run.begin < _SURE_AFTER or run.ahead - run.end > window // 2:
            return range(0)  # a few large requests are better than many small ones
        begin, run.ahead = run.ahead, min(run.end + window, self._num_blocks)
        return range(begin, max(begin, run.ahead))
