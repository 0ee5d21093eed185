"""Decoder pools on small videos."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import av
import psutil

from pipelines.core.spec import ClipSpec, FrameEncoding
from pipelines.decoding.messages import DecodeJob, DecodeLimits
from pipelines.decoding.pool import DecoderPool

SPEC = ClipSpec(num_frames=4, height=32, width=32)
LIMITS = DecodeLimits(time_s=200, memory_mb=256)
"""The time limit is generous, and no test waits for it: on a busy machine, another process may be delayed for long."""


@contextlib.contextmanager
def same_path(path: Path) -> Iterator[str]:
    yield str(path)


@contextlib.contextmanager
def pool_of(workers: int, limits: DecodeLimits = LIMITS) -> Iterator[DecoderPool]:
    pool = DecoderPool(workers, limits)
    try:
        yield pool
    finally:
        pool.close()


def job(limits: DecodeLimits = LIMITS, min_frames: int = 1) -> DecodeJob:
    return DecodeJob(SPEC, FrameEncoding(), min_frames, limits)


def decoders() -> list[psutil.Process]:
    found = []
    for process in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):  # others may end at any time
            if "pipelines.decoding.child_main" in process.cmdline():
                found.append(process)
    return found


def wait_until_read(path: Path, patience_s: float = 60) -> None:
    """Waits until a descendant of this process reads a file."""
    deadline = time.monotonic() + patience_s
    while not any(str(path) in _open_files(process) for process in psutil.Process().children(recursive=True)):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _open_files(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.Error):
        return [file.path for file in process.open_files()]
    return []


def write_huge_picture(path: Path) -> Path:
    """A small file whose one frame needs 300 MB."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=25, options={"compression_level": "1"})
        stream.width, stream.height, stream.pix_fmt = 10_000, 10_000, "rgb24"
        frame = av.VideoFrame(10_000, 10_000, "rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
