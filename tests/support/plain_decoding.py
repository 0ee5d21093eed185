"""What plain decoding finds in a file that may be damaged: of all packets in order, by FFmpeg's decoders alone."""

from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
from av.video.frame import PictureType

from pipelines.core.spec import ClipSpec
from pipelines.video.clip import Clip
from pipelines.video.errors import VideoError
from pipelines.video.frames import demux, open_video
from pipelines.video.resize import Resizer

_B_ALONE = ("mpeg4", "mpeg1video", "mpeg2video")
"""Codecs in which nothing refers to B-pictures."""


@dataclass
class Plain:
    """What plain decoding finds.

    Attributes:
        order: for each frame in display order, the position of its packet.
        times: for each packet that is shown, its time and its position.
        damaged: positions of damaged pictures.
        spans: of each damaged picture, its position and that of the next key frame or, where nothing refers to it, its
            own next one.
        pictures: the frames that clips and windows may show, in display order, small.
    """

    order: list[int] = field(default_factory=list)
    times: list[tuple[int, int]] = field(default_factory=list)
    damaged: set[int] = field(default_factory=set)
    spans: list[tuple[int, int]] = field(default_factory=list)
    pictures: list[np.ndarray] = field(default_factory=list)

    def frames_of(self, clip: Clip) -> list[tuple[int, np.ndarray | None]]:
        """For each frame of a clip the position of its packet, and its picture, or None if there is none.

        If plain decoding lacks some of the video's frames, times tell which.
        """
        if len(self.order) == clip.num_source_frames:
            return [(self.order[index], self.pictures[index]) for index in clip.frame_indices]
        found = dict(zip(self.order, self.pictures, strict=True))
        positions = [position for _, position in sorted(self.times)]
        return [
            (positions[i], found.get(positions[i])) if i < len(positions) else (-1, None) for i in clip.frame_indices
        ]

    @property
    def in_time(self) -> list[np.ndarray | None]:
        """The pictures in the order of their times."""
        found = dict(zip(self.order, self.pictures, strict=True))
        return [found.get(position) for _, position in sorted(self.times)]


def decode_plainly(path: Path, spec: ClipSpec, held: list["av.VideoFrame"] | None = None) -> Plain | None:
    """All frames; None where the file can't be opened, or frames can't be told apart.

    With `held`, the frames are appended to it, so that the decoder can't reuse their memory.
    """
    plain, keys, resize = Plain(), list[int](), Resizer(spec)
    damaged: list[tuple[int, bool]] = []
    try:
        with open_video(str(path)) as (container, stream):
            context = stream.codec_context

            def see(frame: "av.VideoFrame") -> bool:
                if frame.pts is None:
                    return False
                if held is not None:
                    held.append(frame)
                plain.order.append(frame.pts)
                plain.pictures.append(resize(frame))
                if frame.is_corrupt:
                    damaged.append((frame.pts, context.name in _B_ALONE and frame.pict_type == PictureType.B))
                return True

            for position, packet in enumerate(demux(container, stream)):
                if packet.is_keyframe:
                    keys.append(position)
                if packet.pts is not None and not packet.is_discard:
                    plain.times.append((packet.pts, position))
                packet.pts = position
                try:
                    if not all(see(frame) for frame in context.decode(packet)):
                        return None
                except av.FFmpegError:
                    damaged.append((position, False))
            if not all(see(frame) for frame in context.decode(None)):
                return None
    except (VideoError, av.FFmpegError):
        return None
    for position, is_alone in damaged:
        behind = position + 1 if is_alone else next((key for key in keys if key > position), 1 << 60)
        plain.damaged.add(position)
        plain.spans.append((position, behind))
    return plain


def is_determined(path: Path, spec: ClipSpec, plain: Plain) -> bool:
    """Whether plain decoding gives the same pixels again, from other memory, and leaves frames that it gave alone."""
    resize = Resizer(spec)
    held: list[av.VideoFrame] = []
    for _ in range(3):
        again = decode_plainly(path, spec, held)
        if again is None or again.order != plain.order:
            return False
        late = [resize(frame) for frame in held[-len(plain.order) :]]
        if not all(map(np.array_equal, again.pictures + late, plain.pictures * 2)):
            return False
    return True
