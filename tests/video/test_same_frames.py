"""Clips, windows and plain decoding give the same frames, whatever the video's codec, container and options."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from pipelines.core.spec import ClipSpec
from pipelines.video.clip import Clip, clip_of_listed, read_clip
from pipelines.video.frames import open_video
from pipelines.video.long_video import read_windows
from pipelines.video.resize import Resizer
from pipelines.video.sparse.listing import list_frames
from pipelines.video.survey import survey
from pipelines.video.windows import WindowSpec
from tests.support.sweep_videos import sweep

SPECS = (ClipSpec(7, 32, 48), ClipSpec(16, 32, 48, "notebook"))
WINDOWS = (
    (SPECS[0], WindowSpec(0.4, 0.2, 0.4, 0.4)),
    (ClipSpec(1, 32, 48), WindowSpec(0.7, 0.6, 0.7, 1e6)),  # leaves out most pictures, and whole groups of them
)


def differences(path: Path) -> list[str]:
    """How clips and windows of a video differ from its frames when decoded in order."""
    with av.open(str(path)) as container:
        resize = Resizer(SPECS[0])
        plain = np.stack([resize(frame) for frame in container.decode(video=0)])
    found = []
    for spec, clip in _clips(path):
        if (clip.num_source_frames, clip.damaged, clip.remarks) != (len(plain), False, ()):
            found.append(f"{clip.num_source_frames} of {len(plain)} frames, {clip.damage or clip.remarks}")
        elif not np.array_equal(clip.frames, plain[list(spec.sample(len(plain)))]):
            found.append(f"clip, {spec.sampling}")
    video = survey(str(path))
    if video.num_frames != len(plain) or video.duration_s != clip.duration_s:
        return [*found, f"survey: {video.num_frames} frames, {video.duration_s} and {clip.duration_s} s"]
    for spec, windows in WINDOWS:
        for piece in video.pieces(windows):
            for planned, result in zip(piece.windows, read_windows(str(path), spec, piece), strict=True):
                indices = [planned.first + index for index in spec.sample(planned.end - planned.first)]
                if result.failure or result.damaged:
                    found.append(f"window {planned.window.index}: {result}")
                elif not np.array_equal(result.frames, plain[indices]):
                    found.append(f"window {planned.window.index} of {spec.num_frames} frames")
    return found


def _clips(path: Path) -> Iterator[tuple[ClipSpec, Clip]]:
    """The clip of each spec from all packets and, where tables list them, from the needed ones alone."""
    for spec in SPECS:
        yield spec, read_clip(str(path), spec)
        with open_video(str(path)) as (container, stream):
            listing = list_frames(container, stream, min_bytes=0)
            clip = None if listing is None else clip_of_listed(container, stream, listing, spec)
        if clip is not None:
            yield spec, clip


@pytest.fixture(autouse=True)
def quiet() -> None:
    av.logging.set_level(None)


@pytest.mark.slow
def test_sweep(tmp_path: Path) -> None:
    skipped: list[str] = []
    found = {name: differences(path) for name, path in sweep(tmp_path, skipped)}
    assert len(found) >= 290, skipped
    assert not {name: what for name, what in found.items() if what}


def test_a_palette_for_the_whole_file(tmp_path: Path) -> None:
    """In MOV, it comes with the first packet that is read."""
    path = tmp_path / "v.mov"
    palette = np.random.default_rng(0).integers(0, 256, (256, 4), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("rawvideo", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "pal8"
        for number in range(40):
            picture = np.full((48, 64), number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray((picture, palette), format="pal8")))
    assert not differences(path)
