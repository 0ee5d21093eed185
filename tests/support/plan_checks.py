"""Checks that leaving out packets changes no frame of a video."""

import random
from pathlib import Path

import av

from pipelines.video.frames import decode_needed, open_video, scan
from pipelines.video.skipping import drop_plan
from pipelines.video.skipping.drop_plan import DropPlan


def plan_of(path: Path | str) -> DropPlan | None:
    with open_video(str(path)) as (_, stream), open_video(str(path)) as (container, again):
        packets = (packet for packet in container.demux(again) if packet.size)
        return drop_plan.plan(stream.codec_context.name, stream.codec_context.extradata, packets)


def check_every_frame(path: Path) -> DropPlan:
    """Single frames, and selections of several, have the pixels, order and times that they have in the whole video."""
    plan = plan_of(path)
    assert plan is not None
    with open_video(str(path)) as (container, stream):
        everything = [_raw_frame(frame) for frame in container.decode(stream)]
    assert len(everything) == len(plan.pictures)
    count = len(everything)
    rng = random.Random(path.name)
    choices = [{i} for i in range(count)] + [set(rng.sample(range(count), rng.randint(2, 8))) for _ in range(20)]
    for needed in choices:
        with open_video(str(path)) as (container, stream):
            packets = scan(container, stream)
            numbered = list(decode_needed(str(path), stream.codec_context, packets, plan, needed))
        assert needed <= {index for index, _ in numbered}
        assert all(_raw_frame(frame) == everything[index] for index, frame in numbered)
    return plan


def _raw_frame(frame: av.VideoFrame) -> tuple[int | None, bytes]:
    return frame.pts, frame.to_ndarray().tobytes()  # without what lies between the lines of planes
