"""Compares a tree of videos with what a dataset should contain."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pipelines.core.video_files import is_video
from pipelines.fetching.catalog import Dataset
from pipelines.reports.text import plural, some

_NAME = re.compile(r"v_(.+)_g(\d+)_c\d+\.\w+")


@dataclass
class Layout:
    """The content of a tree.

    Attributes:
        videos: number of videos by class, which is the name of their folder.
        groups: numbers of groups, `_gNN_` in the names of videos, by class.
        prefixes: the texts between `v_` and the group in those names, by class.
    """

    videos: Counter[str] = field(default_factory=Counter)
    groups: dict[str, set[int]] = field(default_factory=dict)
    prefixes: dict[str, set[str]] = field(default_factory=dict)


def look_at(paths: Iterable[str]) -> Layout:
    """The layout of a tree whose files have these relative paths."""
    layout = Layout()
    for path in filter(is_video, paths):
        folder, _, name = path.rpartition("/")
        label = folder.rpartition("/")[2]
        layout.videos[label] += 1
        if match := _NAME.fullmatch(name):
            layout.groups.setdefault(label, set()).add(int(match[2]))
            layout.prefixes.setdefault(label, set()).add(match[1])
    return layout


def differences(layout: Layout, dataset: Dataset, classes: Sequence[str] = ()) -> list[str]:
    """The differences from a dataset, one sentence each; none for a dataset of which nothing is known.

    Args:
        layout: the layout of the tree.
        dataset: the dataset that it should be.
        classes: the classes that were wanted; empty for all. The tree may contain others, too.
    """
    found = []
    wanted = set(classes or dataset.classes)
    if missing := sorted(wanted - layout.videos.keys()):
        found.append(f"no videos of {plural(len(missing), 'class', 'classes')}: {some(missing)}")
    if dataset.classes and (strange := sorted(layout.videos.keys() - set(dataset.classes))):
        found.append(f"{plural(len(strange), 'class', 'classes')} that {dataset.title} doesn't have: {some(strange)}")
    if dataset.groups:
        every = set(range(1, dataset.groups + 1))
        for label in sorted(layout.videos.keys() & set(dataset.classes)):
            groups = layout.groups.get(label, set())
            if groups != every:
                odd = [f"g{number:02}" for number in sorted(every ^ groups)]
                found.append(
                    f"{label} has {plural(len(groups), 'group')} instead of {dataset.groups} (different: {some(odd)})"
                )
            prefix = dataset.prefixes.get(label, label)
            if others := sorted(layout.prefixes.get(label, set()) - {prefix}):
                found.append(f"{label} has files called v_{others[0]}_..., not v_{prefix}_...")
    total = sum(layout.videos.values())
    if dataset.num_videos and wanted == set(dataset.classes) and total != dataset.num_videos:
        page = f"; its page says {dataset.page_videos:,}" if dataset.page_videos else ""
        found.append(f"{plural(total, 'video')} instead of {dataset.num_videos:,}{page}")
    return found
