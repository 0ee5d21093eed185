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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from types import MappingProxyType

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]
Color = tuple[int, int, int]
Pair = tuple[float, float]

WIDTH_PX = 320
HEIGHT_PX = 240
FRAMES = (60, 250)  # the shortest and the longest clip
MARGIN_PX = 8  # drawn beyond each edge of a frame, so that a shaking camera always has something to see
_SUBPIXEL_BITS = 4
_NOISE_UNIT = 16  # the standard deviation of the noise bank, in grey levels


def rng_for(*key: object) -> np.random.Generator:
    """The random generator for one purpose, such as `rng_for(seed, "scene", group)`; the same in every process."""
    digest = hashlib.sha256(repr(key).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


# --- Trajectories: float64 [n] times in [0, 1) -> float64 [n] turns since the start ---------------------------------


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
    jumped: Floats = np.cumsum(rng.uniform(0.3, 0.7, size=8))[index]
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


def shake_px(frames: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """The path of a hand-held camera, int64 [frames, 2] (x, y) less than `MARGIN_PX` pixels from the centre."""
    strength_px = rng.uniform(0.5, 3.0)  # two waves of this height add up to less than the margin
    waves = rng.uniform(1.0, 6.0, size=(2, 1, 2)) * frame_times(frames)[None, :, None] + rng.uniform(size=(2, 1, 2))
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
    noise = take.uniform(2.5, 4.5) / _NOISE_UNIT
    windows = take.integers(0, (HEIGHT_PX, WIDTH_PX), size=(frames, 2))
    angles = arm_angles_turns(activity, frame_times(frames), rng_for(seed, "motion", activity, group, clip))
    scene, bank = _scene(seed, group), _noise_bank(seed)
    for angle, (x, y), (top, left) in zip(angles.tolist(), shake.tolist(), windows.tolist(), strict=True):
        yuv = cv2.cvtColor(draw_frame(scene, angle, x, y), cv2.COLOR_RGB2YUV_I420)
        grain = bank[top : top + HEIGHT_PX, left : left + WIDTH_PX]
        yuv[:HEIGHT_PX] = cv2.addWeighted(yuv[:HEIGHT_PX], 1.0, grain, noise, -128 * noise)
        yield np.asarray(yuv, dtype=np.uint8)


@lru_cache(maxsize=4)
def _scene(seed: int, group: int) -> "Scene":
    return make_scene(rng_for(seed, "scene", group))


@lru_cache(maxsize=1)
def _noise_bank(seed: int) -> Pixels:
    """Noise around 128, uint8 [2 * HEIGHT_PX, 2 * WIDTH_PX]: a window at a random place is the noise of a frame."""
    noise = rng_for(seed, "noise").normal(128, _NOISE_UNIT, size=(2 * HEIGHT_PX, 2 * WIDTH_PX))
    bank: Pixels = np.clip(np.rint(noise), 0, 255).astype(np.uint8)
    return bank


# --- Drawing ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scene:
    """What a group's clips have in common: everything but the arm is drawn once, into `still`."""

    still: Pixels  # uint8 [HEIGHT_PX + 2 * MARGIN_PX, WIDTH_PX + 2 * MARGIN_PX, 3] RGB
    shoulder_px: Pair  # (x, y) in a frame whose camera does not shake
    reach_px: float  # from the shoulder to the middle of the hand
    arm_px: float  # thickness
    hand_px: float  # radius
    arm_color: Color
    hand_color: Color


def make_scene(rng: np.random.Generator) -> Scene:
    """A random background with a random actor, whose moving arm is lighter than anything behind it."""
    scale = rng.uniform(0.92, 1.08)
    shoulder_px = (WIDTH_PX / 2 + rng.uniform(-14, 14), 113 + rng.uniform(-4, 4))
    still = _background(rng)
    _draw_body(still, shoulder_px, scale, rng)
    return Scene(
        still=still,
        shoulder_px=shoulder_px,
        reach_px=scale * rng.uniform(68, 76),
        arm_px=scale * rng.uniform(18, 22),
        hand_px=scale * rng.uniform(16, 19),
        # Warm hues: a saturated blue would be as dark as the background.
        arm_color=_color(rng, hue=(0, 60), saturation=(20, 80), value=(220, 245)),
        hand_color=_color(rng, hue=(0, 60), saturation=(0, 60), value=(240, 255)),
    )


def draw_frame(scene: Scene, angle_turns: float, shake_x_px: int = 0, shake_y_px: int = 0) -> Pixels:
    """One frame, uint8 [HEIGHT_PX, WIDTH_PX, 3] RGB, with the arm at this angle and the camera moved by this much."""
    top, left = MARGIN_PX + shake_y_px, MARGIN_PX + shake_x_px
    frame = scene.still[top : top + HEIGHT_PX, left : left + WIDTH_PX].copy()
    shoulder = (scene.shoulder_px[0] - shake_x_px, scene.shoulder_px[1] - shake_y_px)
    angle = 2 * math.pi * angle_turns
    hand = (shoulder[0] + scene.reach_px * math.cos(angle), shoulder[1] + scene.reach_px * math.sin(angle))
    outline = (25, 25, 25)  # sets the arm apart from the head and the shirt
    _line(frame, shoulder, hand, scene.arm_px + 5, outline)
    _disc(frame, hand, scene.hand_px + 2.5, outline)
    _line(frame, shoulder, hand, scene.arm_px, scene.arm_color)
    _disc(frame, hand, scene.hand_px, scene.hand_color)
    return frame


def _draw_body(canvas: Pixels, shoulder_px: Pair, scale: float, rng: np.random.Generator) -> None:
    shirt = _color(rng, hue=(0, 180), saturation=(60, 180), value=(70, 125))
    trousers = _color(rng, hue=(0, 180), saturation=(30, 140), value=(60, 115))
    skin = _color(rng, hue=(5, 16), saturation=(70, 140), value=(100, 150))
    girth = rng.uniform(38, 50)

    def at(x: float, y: float) -> Pair:
        return MARGIN_PX + shoulder_px[0] + scale * x, MARGIN_PX + shoulder_px[1] + scale * y

    for side in (-1, 1):
        _line(canvas, at(side * 9, 75), at(side * rng.uniform(14, 30), 150), scale * 19, trousers)
    elbow = at(girth / 2 + rng.uniform(14, 26), 36)  # the other arm rests on the hip
    _line(canvas, at(girth / 2 - 6, 6), elbow, scale * 12, shirt)
    _line(canvas, elbow, at(girth / 2 - 6, 66), scale * 12, skin)
    _line(canvas, at(0, 10), at(0, 66), scale * girth, shirt)
    _disc(canvas, at(0, -36), scale * rng.uniform(17, 21), skin)


def _background(rng: np.random.Generator) -> Pixels:
    """A gradient, a texture or many shapes, uint8 [HEIGHT_PX + 2 * MARGIN_PX, WIDTH_PX + 2 * MARGIN_PX, 3] RGB."""
    size = (WIDTH_PX + 2 * MARGIN_PX, HEIGHT_PX + 2 * MARGIN_PX)

    def paint() -> Color:
        return _color(rng, hue=(0, 180), saturation=(20, 150), value=(20, 90))

    # A gradient is four corner colours blended: resizing 2 x 2 pixels does just that.
    corners = np.array([[paint(), paint()], [paint(), paint()]], dtype=np.uint8)
    canvas: Pixels = np.asarray(cv2.resize(corners, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
    kind = rng.choice(["gradient", "texture", "shapes"])
    if kind == "texture":
        for cells in (6, 24, 80):
            grain = rng.integers(0, 256, size=(cells, cells, 3), dtype=np.uint8)
            grain = np.asarray(cv2.resize(grain, size, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
            cv2.addWeighted(canvas, 0.82, grain, 0.08, 0, dst=canvas)
    elif kind == "shapes":
        for _ in range(int(rng.integers(8, 16))):
            center = (rng.uniform(0, size[0]), rng.uniform(0, size[1]))
            if rng.uniform() < 0.5:
                _disc(canvas, center, rng.uniform(8, 40), paint())
            else:
                end = (center[0] + rng.uniform(-90, 90), center[1] + rng.uniform(-90, 90))
                _line(canvas, center, end, rng.uniform(6, 40), paint())
    return canvas


def _color(rng: np.random.Generator, hue: Pair, saturation: Pair, value: Pair) -> Color:
    """A random RGB colour from ranges of hue in [0, 180), saturation and value in [0, 256)."""
    hsv = np.array([[[rng.uniform(*hue), rng.uniform(*saturation), rng.uniform(*value)]]], dtype=np.uint8)
    red, green, blue = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0].tolist()
    return red, green, blue


def _line(canvas: Pixels, start: Pair, end: Pair, thickness_px: float, color: Color) -> None:
    cv2.line(canvas, _subpixel(start), _subpixel(end), color, round(thickness_px), cv2.LINE_AA, _SUBPIXEL_BITS)


def _disc(canvas: Pixels, center: Pair, radius_px: float, color: Color) -> None:
    radius = round(radius_px * 2**_SUBPIXEL_BITS)
    cv2.circle(canvas, _subpixel(center), radius, color, cv2.FILLED, cv2.LINE_AA, _SUBPIXEL_BITS)


def _subpixel(point: Pair) -> tuple[int, int]:
    return round(point[0] * 2**_SUBPIXEL_BITS), round(point[1] * 2**_SUBPIXEL_BITS)
