"""What the frames of a damaged AV1 file show, decoded one by one."""

from pathlib import Path

import av
import numpy as np

from pipelines.core.spec import ClipSpec
from pipelines.video.frames import open_video, scan
from pipelines.video.resize import Resizer
from pipelines.video.skipping import av1


def decode_one_by_one(path: Path, spec: ClipSpec) -> dict[int, np.ndarray]:
    """Small pictures by the number of their packet: of all frames that can be decoded, as can those they refer to.

    A packet of which one frame fails loses the others in plain decoding. A header that repeats a frame that failed then
    shows what was in its place before, and if that is a key frame, it replaces all references, without an error.

    Raises:
        NoPlan: the video isn't one of the ordinary cases.
    """
    resize, pictures = Resizer(spec), dict[int, np.ndarray]()
    failed, are_keys = [False] * 8, [False] * 8
    headers = av1._Headers()
    with open_video(str(path)) as (container, stream):
        for number, packet in enumerate(scan(container, stream).buffered or ()):
            data = bytes(packet)
            for frame, part, _ in headers.frames(data):
                fails = any(failed[slot] for slot in frame.refers_to)
                is_key = frame.is_key or (frame.repeats is not None and are_keys[frame.repeats])
                if not fails:
                    single = av.Packet(data[part.begin : part.end])
                    single.pts, single.dts, single.time_base = packet.pts, packet.dts, packet.time_base
                    try:
                        pictures.update((number, resize(shown)) for shown in stream.codec_context.decode(single))
                    except av.FFmpegError:
                        fails = True
                refreshes = 0xFF if is_key and frame.is_shown else frame.refreshes
                for slot in range(8):
                    if refreshes >> slot & 1:
                        failed[slot], are_keys[slot] = fails, is_key
    return pictures
