"""Compares what is decoded by a drop plan with plain decoding, of all packets in order."""

import random
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np

from pipelines.core.spec import ClipSpec
from pipelines.video.clip import Clip
from pipelines.video.demuxers import demux
from pipelines.video.frames import decode_needed, open_video, scan
from pipelines.video.resize import Resizer
from pipelines.video.skipping import drop_plan
from pipelines.video.skipping.drop_plan import DropPlan


def plan_of(path: Path | str) -> DropPlan | None:
    with open_video(str(path)) as (_, stream), open_video(str(path)) as (container, again):
        context = stream.codec_context
        return drop_plan.plan(context.name, context.extradata, demux(container, again))


def raw_frame(frame: av.VideoFrame) -> tuple[int | None, bytes]:
    return frame.pts, frame.to_ndarray().tobytes()  # without what lies between the lines of planes


def check_every_frame(path: Path, step: int = 1, num_sets: int = 20) -> DropPlan:
    """Every `step`-th frame alone, and random selections of several, have the pixels, order and times that they have in
    the whole video."""
    plan = plan_of(path)
    assert plan is not None
    with open_video(str(path)) as (container, stream):
        everything = [raw_frame(frame) for frame in container.decode(stream)]
    assert len(everything) == plan.num_shown
    count = len(everything)
    rng = random.Random(path.name)
    sets = [set(rng.sample(range(count), min(count, rng.randint(2, 8)))) for _ in range(num_sets)]
    for needed in [{i} for i in range(0, count, step)] + sets:
        with open_video(str(path)) as (container, stream):
            packets = scan(container, stream)
            numbered = list(decode_needed(str(path), stream.codec_context, packets, plan, needed))
        assert needed <= {index for index, _ in numbered}
        assert all(raw_frame(frame) == everything[index] for index, frame in numbered)
    return plan


def other_frames(path: Path, clip: Clip, spec: ClipSpec) -> tuple[list[int], int]:
    """The frames of a clip that differ from those of plain decoding, and how many frames can't be compared.

    Where a slice breaks off, some decoders leave what was in memory before. Such frames can't be compared: plain
    decoding itself gives other pixels for them while earlier frames are kept in memory.
    """
    plain, again = (_small_frames(path, spec, keep) for keep in (False, True))
    if not len(plain) == len(again) == clip.num_source_frames:
        return [], len(clip.frames)
    certain = {i for i in clip.frame_indices if np.array_equal(plain[i], again[i])}
    pairs = zip(clip.frame_indices, clip.frames, strict=True)
    wrong = [index for index, picture in pairs if index in certain and not np.array_equal(picture, plain[index])]
    return wrong, sum(index not in certain for index in clip.frame_indices)


def _small_frames(path: Path, spec: ClipSpec, keep: bool) -> Sequence[np.ndarray]:
    resize, kept, small = Resizer(spec), [], []
    with open_video(str(path)) as (container, stream):
        for packet in [*demux(container, stream), None]:
            try:
                frames = stream.codec_context.decode(packet)
            except av.FFmpegError:
                continue
            small += [resize(frame) for frame in frames]
            kept += frames if keep else []
    return small
