"""Which clips of a dataset the preview shows as film strips."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipelines.core.label_sets import split_labels
from pipelines.dataset.info import ShardReport, WrittenVideo
from pipelines.reports.film import film

MAX_STRIPS_BYTES = 4_000_000
"""Size of all film strips together, in base64; the first strip of each class is included whatever its size."""

Placed = tuple[str, WrittenVideo]
"""A split and one of its videos."""


@dataclass(frozen=True)
class Shown:
    """A clip that the page shows: `name` is the id of its film strip there, `strip` a JPEG file in base64.

    `label` is the class under which it is shown; a clip of several classes is shown once.
    """

    name: str
    split: str
    video: WrittenVideo
    strip: str
    label: str = ""

    def film(self, num_frames: int, *, again: bool = False) -> str:
        """Its film strip; `again` if the page has it already."""
        return film(self.strip, f"{self.video.video_id}, {self.video.label}", self.name, num_frames, again=again)


def placed(reports: Iterable[ShardReport]) -> Iterator[Placed]:
    """The written videos with their splits."""
    return ((report.split, video) for report in reports for video in report.written)


def choose_strips(
    labels: Sequence[str], splits: Sequence[str], reports: Sequence[ShardReport], multi_label: bool = False
) -> list[Shown]:
    """The clips whose strips are shown, by class, split and id: one of each class, then more while there is room."""
    strips: Mapping[str, str] = {name: strip for report in reports for name, strip in report.strips.items()}
    waiting: dict[str, list[Placed]] = {label: [] for label in labels}
    for split, video in placed(reports):
        if video.video_id in strips:
            # Of several classes, the one with the fewest clips so far.
            names = split_labels(video.label) if multi_label else (video.label,)
            if known := [name for name in names if name in waiting]:
                waiting[min(known, key=lambda name: len(waiting[name]))].append((split, video))
    for videos in waiting.values():
        videos.sort(key=lambda item: (splits.index(item[0]), item[1].video_id))
    chosen: dict[str, list[Placed]] = {label: [] for label in labels}
    room = MAX_STRIPS_BYTES
    for rank in range(max(map(len, waiting.values()), default=0)):
        for label, videos in waiting.items():
            size = len(strips[videos[rank][1].video_id]) if rank < len(videos) else 0
            if size and (rank == 0 or size <= room):
                chosen[label].append(videos[rank])
                room -= size
    together = [(*item, label) for label, videos in chosen.items() for item in videos]
    return [
        Shown(f"strip-{number}", split, video, strips[video.video_id], label)
        for number, (split, video, label) in enumerate(together)
    ]
