"""A stick figure that moves one arm: how the arm's angle changes over a clip, and how the clip's frames are drawn.

Activities differ only in motion. The arm's angle is `start + displacement(t)`: the start is uniform on the circle and
independent of the displacement, so the angle in any single frame is uniform whatever the activity. Everything else that
is visible (background, proportions, colours, camera) is independent of the activity.

Angles are in turns (1 turn = 360 degrees) and grow clockwise as seen on the screen; times run from 0 to 1 over a clip.
Speeds are per clip, not per second: 20 frames spread over a clip of any length lie less than 60 degrees apart, so that
direction and speed can be recognised. Mirroring a clip turns clockwise into counter-clockwise: the dataset must not be
augmented with horizontal flips.
"""

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from types import MappingProxyType

import cv2
import numpy as np
import numpy.typing as npt

from pipelines.samples.drawing import HEIGHT_PX, WIDTH_PX, Pair, Pixels, Scene, draw_frame, make_scene

Floats = npt.NDArray[np.float64]

FRAMES = (60, 250)  # the shortest and the longest clip
_NOISE_UNIT = 16  # the standard deviation of the noise bank, in grey levels


def rng_for(*key: object) -> np.random.Generator:
    """The random generator for one purpose, such as `rng_for(seed, "scene", group)`; the same in every process."""
    digest = hashlib.sha256(repr(key).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


# --- Trajectories: float64 [n] times, in [0, 1) within a clip -> float64 [n] turns since the start -------------------


def _circle(times: Floats, rng: np.random.Generator, direction: float, turns: Pair) -> Floats:
    return direction * rng.uniform(*turns) * times


def _swing(times: Floats, rng: np.random.Generator) -> Floats:
    """Back and forth over half a turn, about twice per clip."""
    cycles = rng.uniform(1.8, 2.2) * times + rng.uniform()
    swung: Floats = 0.5 * np.abs(2.0 * (cycles % 1.0) - 1.0)
    return swung


def _steps(times: Floats, rng: np.random.Generator, direction: float) -> Floats:
    """About three quarter-turns per clip, with a longer rest after each."""
    position = rng.uniform(2.8, 3.2) * times + rng.uniform()
    stepped: Floats = np.floor(position) + np.minimum((position % 1.0) / 0.3, 1.0)
    return direction * rng.uniform(0.24, 0.29) * stepped


def _jumps(times: Floats, rng: np.random.Generator) -> Floats:
    """About six sudden jumps per clip, each of at least 0.3 turns in either direction, with a rest after each."""
    index = np.floor(rng.uniform(5.5, 6.5) * times + rng.uniform()).astype(np.int64)
    jumped: Floats = np.cumsum(rng.uniform(0.3, 0.7, size=max(8, int(index.max()) + 1)))[index]
    return jumped


def _rest(times: Floats, rng: np.random.Generator) -> Floats:
    return np.zeros_like(times)


Trajectory = Callable[[Floats, np.random.Generator], Floats]
TRAJECTORIES: Mapping[str, Trajectory] = MappingProxyType(
    {
        "ArmCircleClockwise": partial(_circle, direction=1.0, turns=(1.3, 1.6)),
        "ArmCircleCounterClockwise": partial(_circle, direction=-1.0, turns=(1.3, 1.6)),
        "ArmSwing": _swing,
        "FastArmCircle": partial(_circle, direction=1.0, turns=(2.5, 3.0)),
        "HoldStill": _rest,
        "PointAround": _jumps,
        "TickClockwise": partial(_steps, direction=1.0),
        "TickCounterClockwise": partial(_steps, direction=-1.0),
    }
)
ACTIVITIES = tuple(TRAJECTORIES)


def arm_angles_turns(activity: str, times: Floats, rng: np.random.Generator) -> Floats:
    """The arm's angle at each of the times, float64 [n] in turns, unwrapped; its start is uniform on the circle."""
    return rng.uniform() + TRAJECTORIES[activity](times, rng)


def frame_times(frames: int) -> Floats:
    """The middle of each of a clip's frames, float64 [frames] in (0, 1)."""
    return (np.arange(frames) + 0.5) / frames


def shake_px(frames: int, rng: np.random.Generator, clips: float = 1.0) -> npt.NDArray[np.int64]:
    """The path of a hand-held camera, int64 [frames, 2] (x, y) less than `MARGIN_PX` pixels from the centre.

    The frames last as long as this many clips.
    """
    strength_px = rng.uniform(0.5, 3.0)  # two waves of this height add up to less than the margin
    times = clips * frame_times(frames)
    waves = rng.uniform(1.0, 6.0, size=(2, 1, 2)) * times[None, :, None] + rng.uniform(size=(2, 1, 2))
    path: npt.NDArray[np.int64] = np.rint(strength_px * np.sin(2 * math.pi * waves).sum(axis=0)).astype(np.int64)
    return path


# --- Clips ----------------------------------------------------------------------------------------------------------


def render_clip(seed: int, activity: str, group: int, clip: int) -> Iterator[Pixels]:
    """The frames of a clip as uint8 [HEIGHT_PX * 3 / 2, WIDTH_PX], planar YUV 4:2:0 with noise in its luma.

    Only the arm's angles depend on the activity. Length, camera shake and noise are those of (seed, group, clip), the
    scene is that of (seed, group): they are the same for every activity.
    """
    take = rng_for(seed, "take", group, clip)
    frames = round(math.exp(take.uniform(math.log(FRAMES[0]), math.log(FRAMES[1]))))
    shake = shake_px(frames, take)
    noise = take.uniform(2.5, 4.5)
    windows = take.integers(0, (HEIGHT_PX, WIDTH_PX), size=(frames, 2))
    angles = arm_angles_turns(activity, frame_times(frames), rng_for(seed, "motion", activity, group, clip))
    scene, bank = scene_of(seed, group), noise_bank(seed)
    for angle, (x, y), corner in zip(angles.tolist(), shake.tolist(), windows.tolist(), strict=True):
        yield with_noise(draw_frame(scene, angle, x, y), bank, corner, noise)


def with_noise(frame: Pixels, bank: Pixels, corner: Sequence[int], strength: float) -> Pixels:
    """A frame, uint8 [H, W, 3] RGB, as uint8 [H * 3 / 2, W], planar YUV 4:2:0 with noise in its luma.

    Args:
        frame: the frame.
        bank: what `noise_bank` returns.
        corner: where in the bank the noise is taken from: row and column.
        strength: standard deviation of the noise in grey levels.
    """
    height, width = frame.shape[:2]
    share, (top, left) = strength / _NOISE_UNIT, corner
    yuv = cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420)
    grain = bank[top : top + height, left : left + width]
    yuv[:height] = cv2.addWeighted(yuv[:height], 1.0, grain, share, -128 * share)
    return np.asarray(yuv, dtype=np.uint8)


@lru_cache(maxsize=4)
def scene_of(seed: int, group: int) -> Scene:
    """The background and the actor of a group."""
    return make_scene(rng_for(seed, "scene", group))


@lru_cache(maxsize=1)
def noise_bank(seed: int) -> Pixels:
    """Noise around 128, uint8 [2 * HEIGHT_PX, 2 * WIDTH_PX]: a window at a random place is the noise of a frame."""
    noise = rng_for(seed, "noise").normal(128, _NOISE_UNIT, size=(2 * HEIGHT_PX, 2 * WIDTH_PX))
    bank: Pixels = np.clip(np.rint(noise), 0, 255).astype(np.uint8)
    return bank
