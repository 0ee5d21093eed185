"""Long files at little cost: the packets of a short video, over and over."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np


def repeat(
    source: Path, path: Path, times: int = 1, muxing: Mapping[str, str] | None = None, sound: bool = False
) -> Path:
    """Writes the video of a file `times` times in a row, with sound between the pictures if asked for."""
    with av.open(str(source)) as container:
        video: Any = container.streams.video[0]
        packets: list[Any] = [packet for packet in container.demux(video) if packet.size]
        span = max(packet.pts for packet in packets) - min(packet.pts for packet in packets)
        span += round(1 / (video.average_rate * video.time_base))
        with av.open(str(path), "w", options=dict(muxing or {})) as output:
            stream: Any = output.add_stream_from_template(video, opaque=True)
            noise = _Sound(output) if sound else None
            for number in range(times):
                for packet in packets:
                    new = av.Packet(bytes(packet))
                    new.pts, new.dts = packet.pts + number * span, packet.dts + number * span
                    new.duration, new.time_base, new.is_keyframe = packet.duration, video.time_base, packet.is_keyframe
                    new.stream = stream
                    output.mux([*(noise.until(new.dts * new.time_base) if noise else ()), new])
            if noise:
                output.mux(noise.stream.encode())
    return path


class _Sound:
    """A track of noise that grows with the video."""

    def __init__(self, output: "av.container.OutputContainer") -> None:
        self.stream: Any = output.add_stream("aac", rate=48000)
        self._samples = 0
        self._draw = np.random.default_rng(0)

    def until(self, end_s: Fraction) -> Iterator["av.Packet"]:
        """The packets up to a time."""
        while Fraction(self._samples, 48000) < end_s:
            noise = self._draw.normal(0, 0.2, (1, 1024)).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(noise, format="fltp", layout="mono")
            frame.rate, frame.pts = 48000, self._samples
            self._samples += 1024
            yield from self.stream.encode(frame)


class CountedFile:
    """A file that counts the bytes that are read from it."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self.bytes_read = 0
        self._file = path.open("rb", buffering=0)
        self.seek, self.tell, self.close = self._file.seek, self._file.tell, self._file.close

    def read(self, size: int) -> bytes:
        """Reads and counts."""
        data = self._file.read(size)
        self.bytes_read += len(data)
        return data
