"""What plain decoding finds in a file that may be damaged: of all packets in order, by FFmpeg's decoders alone."""

import ctypes
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
from av.video.frame import PictureType

from pipelines.core.spec import ClipSpec
from pipelines.video.clip import Clip
from pipelines.video.demuxers import demux
from pipelines.video.errors import VideoError
from pipelines.video.frames import open_video
from pipelines.video.resize import Resizer

_B_ALONE = ("mpeg4", "mpeg1video", "mpeg2video")
"""Codecs in which nothing refers to B-pictures."""
_FEW = 3
_M_PERTURB = -6
"""The setting of glibc's `mallopt` for what new memory is filled with."""


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


def decode_plainly(
    path: Path, spec: ClipSpec, held: deque["av.VideoFrame"] | None = None, wanted: range | None = None
) -> Plain | None:
    """All frames; None where the file can't be opened, or frames can't be told apart.

    Frames are appended to `held`: while they are there, the decoder can't use their memory for others. All pictures but
    the `wanted` ones, by index, are black.
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
                is_wanted = wanted is None or len(plain.pictures) in wanted
                plain.pictures.append(resize(frame) if is_wanted else np.zeros(spec.shape[1:], np.uint8))
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
    """Whether plain decoding gives the same pixels again, whatever is in the memory that it is given."""
    memory = ctypes.CDLL(None)
    conditions = [(0x55, 1, 0), (0xAA, 3, 0), (0x0F, None, 0), *((0xF0, 0, first) for first in range(_FEW))]
    try:
        for filling, held, first in conditions:
            memory.mallopt(_M_PERTURB, filling)
            step = _FEW if held == 0 else 1  # a frame that is made small is held until the next one is
            again = decode_plainly(path, spec, deque(maxlen=held), range(first, 1 << 60, step))
            if again is None or again.order != plain.order:
                return False
            if not all(map(np.array_equal, again.pictures[first::step], plain.pictures[first::step])):
                return False
    finally:
        memory.mallopt(_M_PERTURB, 0)
    return True
