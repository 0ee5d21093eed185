"""What can be wrong with a video."""

from collections.abc import Iterator
from contextlib import contextmanager

from pipelines.core.errors import UserError


class VideoError(UserError):
    """A video from which no clip can be made. The class name is the reason that failure records show."""


class VideoReadError(VideoError):
    """The file can't be read: it is missing, permission is denied, or the disk or network fails."""


class VideoOpenError(VideoError):
    """The file is empty or not a video of a known format."""


class NoVideoStreamError(VideoError):
    """The file holds no video: for example only sound, perhaps with a cover."""


class VideoDecodeError(VideoError):
    """Too little of the video could be decoded."""


class RangeError(VideoError):
    """A time range that the video doesn't have, or in which it has no frame."""


class UnforeseenFrame(Exception):
    """The decoder's frames differ from the plan."""


class VideoTooShort(UserError):
    """The video has fewer frames than required: it is filtered out, which is not a failure."""

    def __init__(self, num_source_frames: int, min_frames: int) -> None:
        super().__init__(f"{num_source_frames} frames, fewer than {min_frames}")
        self.num_source_frames = num_source_frames


@contextmanager
def naming_video(name: object) -> Iterator[None]:
    """Puts the name of a video in front of the messages of its errors, where no record has it beside them."""
    try:
        yield
    except (VideoError, VideoTooShort) as error:
        error.args = (f"{name}: {error}",)
        raise


def reason_of(error: Exception) -> str:
    """The reason without the path, which failure records hold in a field of its own."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
