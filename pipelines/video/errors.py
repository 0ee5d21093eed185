"""What can be wrong with a video."""

from pipelines.core.errors import UserError


class VideoError(UserError):
    """A video from which no clip can be made. The class name is the reason that failure records show."""


class VideoReadError(VideoError):
    """The file can't be read: it is missing, permission is denied, or the disk or network fails."""


class VideoOpenError(VideoError):
    """The file is empty or is no video of a known format."""


class NoVideoStreamError(VideoError):
    """The file holds no video: only sound for example, be it with a cover."""


class VideoDecodeError(VideoError):
    """Too little of the video could be decoded."""


class UnforeseenFrame(Exception):
    """The decoder gives other frames than was planned."""


class VideoTooShort(Exception):
    """The video has fewer frames than asked for: a filter's finding, not a failure."""

    def __init__(self, num_source_frames: int, min_frames: int) -> None:
        super().__init__(f"{num_source_frames} frames, fewer than {min_frames}")
        self.num_source_frames = num_source_frames
