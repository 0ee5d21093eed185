"""Records of videos that are not in any shard."""

from dataclasses import dataclass

from pipelines.core.failure import Failure


@dataclass(frozen=True, slots=True)
class Filtered:
    """An intact video that was left out on purpose."""

    video_id: str
    label: str
    reason: str


@dataclass(frozen=True)
class LeftOut:
    """What is left out before decoding: folders and links that can't be read, and videos that are filtered."""

    failed: tuple[Failure, ...] = ()
    filtered: tuple[Filtered, ...] = ()
