"""Which group and split of a finished dataset a video belongs to, so that what was held out stays held out."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.core.clip_ids import video_of
from pipelines.core.errors import UsageError
from pipelines.dataset.index import read_index
from pipelines.dataset.info import DatasetInfo


@dataclass(frozen=True)
class KnownGroups:
    """The groups of a dataset.

    Attributes:
        split_of_group: the split of each group.
        group_of_video: the group of each video, by its id.
        new: the split for videos of other groups: `train`, or the first if there is none of that name.
    """

    split_of_group: Mapping[str, str]
    group_of_video: Mapping[str, str]
    new: str

    def group(self, path: str) -> str:
        """The group of the video at a path: of the id that is the longest end of the path. Empty if there is none."""
        parts = posixpath.normpath(path).lstrip("/").split("/")
        for first in range(len(parts)):
            name = "/".join(parts[first:])
            for video_id in (posixpath.splitext(name)[0], name):
                if video_id in self.group_of_video:
                    return self.group_of_video[video_id]
        return ""


def known_groups(folder: str) -> KnownGroups:
    """Reads the groups of a dataset.

    Raises:
        UsageError: there is no complete dataset, or its indexes are damaged.
        OSError: a file can't be read.
    """
    info = DatasetInfo.read(folder)
    group_of_video: dict[str, str] = {}
    for split in info.splits.values():
        if split.index:
            try:
                index = read_index(folder, split, info.multi_label)
            except ValueError as error:
                raise UsageError(
                    f"{folder}/{split.index.name}: {error}. Run the same har preprocess command again"
                ) from error
            group_of_video.update(zip(map(video_of, index.video_ids), index.groups, strict=True))
    split_of_group = {group: name for name, split in info.splits.items() for group in split.groups}
    new = "train" if "train" in info.splits else next(iter(info.splits))
    return KnownGroups(split_of_group, group_of_video, new)
