"""A folder of class folders as an object: what making or downloading videos returns."""

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Self


@dataclass(frozen=True)
class VideoFolder:
    """A local folder with a folder of videos for each class. A notebook shows the number of videos by class.

    Attributes:
        path: the folder.
        videos: class to the paths of its videos, both sorted.
    """

    path: str
    videos: Mapping[str, tuple[str, ...]] = field(repr=False)

    @classmethod
    def of(cls, path: str, names: Iterable[str]) -> Self:
        """From the videos' paths relative to the folder; the class of each is the folder that holds it."""
        found: dict[str, list[str]] = defaultdict(list)
        for name in names:
            found[os.path.basename(os.path.dirname(name))].append(os.path.join(path, name))
        return cls(path, {label: tuple(sorted(found[label])) for label in sorted(found)})

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{escape(label)}</th><td>{len(paths):,}</td></tr>" for label, paths in self.videos.items()
        )
        total = f"<tr><th>all</th><td>{sum(map(len, self.videos.values())):,}</td></tr>"
        head = "<tr><th>class</th><th>videos</th></tr>"
        return f"<table><caption>{escape(self.path)}</caption>{head}{rows}{total}</table>"
