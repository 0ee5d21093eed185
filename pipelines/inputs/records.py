"""What becomes of videos that no shard holds."""

from dataclasses import dataclass

from pipelines.core.failure import Failure


@dataclass(frozen=True, slots=True)
class Filtered:
    """A sound video that was left out on purpose."""

    video_id: str
    label: str
    reason: str


@dataclass(frozen=True)
class LeftOut:
    """What no shard accounts for: folders and links that can't be read, and videos that are dropped beforehand."""

    failed: tuple[Failure, ...] = ()
    filtered: tuple[Filtered, ...] = ()
