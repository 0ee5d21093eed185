"""What a video file says about itself: codec, container, size and orientation, for an overview of a collection."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """A video file as it was recorded.

    Attributes:
        codec: FFmpeg's name of the codec, such as `h264`.
        container: FFmpeg's name of the file format, such as `mov,mp4,m4a,3gp,3g2,mj2`.
        width: width of the upright picture, in pixels.
        height: height of the upright picture, in pixels.
        turned: whether the file asks for its pictures to be rotated or mirrored before they are shown.
    """

    codec: str
    container: str
    width: int
    height: int
    turned: bool


def read_source(path: str) -> Source:
    """Opens a local video file and decodes its first frame, which holds the orientation.

    Raises:
        VideoReadError: the file is missing or can't be read.
        VideoOpenError: the file is empty or not a video.
        NoVideoStreamError: the file has no video stream.
    """
    from pipelines.video.frames import decode_again, open_video
    from pipelines.video.orientation import Turn, frame_orientation

    with open_video(path) as (container, stream):
        context, name = stream.codec_context, container.format.name
        codec, width, height = context.codec.canonical_name, context.width, context.height
    first = next(iter(decode_again(path, errors=[])), None)
    turn = Turn() if first is None else frame_orientation(first[1])
    if turn.swap:
        width, height = height, width
    return Source(codec, name, width, height, turn != Turn())
