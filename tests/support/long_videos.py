"""What tests of long videos share: moving videos, their windows, and comparisons."""

import json
from pathlib import Path

import numpy as np

from pipelines.core.spec import ClipSpec
from pipelines.video.long_video import WindowClip, read_windows
from pipelines.video.pieces import Piece
from pipelines.video.survey import survey
from pipelines.video.windows import WindowSpec
from tests.conftest import paint

WIDTH, HEIGHT = 120, 64
NUM_FRAMES = 200
SPEC = ClipSpec(num_frames=6, height=HEIGHT, width=WIDTH)

OPEN_265 = {
    "x265-params": "keyint=12:bframes=3:open-gop=1:log-level=none:pools=1:frame-threads=1",
    "preset": "ultrafast",
}
QUICK = {"deadline": "realtime", "cpu-used": "8", "g": "12"}


def windows(range_s: float = 1e6) -> WindowSpec:
    """Windows of one second that overlap by 0.6 s."""
    return WindowSpec(1.0, 0.4, 1.0, range_s)


def moving_pictures() -> list[np.ndarray]:
    """Frames that show their number in blocks, and moving noise, so that pictures depend on each other."""
    texture = np.random.default_rng(1).integers(0, 256, (HEIGHT, 2 * WIDTH, 3), np.uint8) // 2 + 64
    frames = []
    for index in range(NUM_FRAMES):
        frame = paint(index, WIDTH, HEIGHT)
        shift = int(30 + 25 * np.sin(index / 5))
        frame[3 * HEIGHT // 4 :] = texture[3 * HEIGHT // 4 :, shift : shift + WIDTH]
        frames.append(frame)
    return frames


def x264(params: str) -> dict[str, str]:
    return {"x264-params": f"{params}:b-adapt=0:threads=1", "preset": "veryfast", "crf": "23"}


def read(path: Path | str, range_s: float = 1e6, spec: ClipSpec = SPEC) -> list[WindowClip]:
    """All windows, sent through JSON as between processes."""
    pieces = [Piece.from_json(json.loads(json.dumps(p.to_json()))) for p in survey(str(path)).pieces(windows(range_s))]
    assert pieces == survey(str(path)).pieces(windows(range_s))
    return [result for piece in pieces for result in read_windows(str(path), spec, piece)]


def clips(results: list[WindowClip]) -> list[WindowClip]:
    assert all(result.failure is None for result in results), results
    return results


def same(one: WindowClip, other: WindowClip) -> bool:
    parts = [(w.window, w.damaged, w.failure, w.frames.tobytes()) for w in (one, other)]
    return parts[0] == parts[1]
