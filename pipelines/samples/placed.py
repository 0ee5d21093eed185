"""Clips of an actor in a place: what differs between two classes is the place, or the place and the motion together.

The counterpart of `motion`, whose classes differ in motion alone. The actor stands before a round, plain board, and the
arm that moves never reaches beyond it. Neither the camera nor the light changes within a clip, and there is no noise
that changes. So what changes from frame to frame, and how, is the same in every place, pixel by pixel: a network that
sees only changes learns nothing of places from it. Everything but place and motion (actor, board, light, camera,
length) is independent of the class.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from pipelines.samples.drawing import MARGIN_PX, WIDTH_PX, Pixels, Scene, disc, draw_body, draw_frame, random_color
from pipelines.samples.motion import ACTIVITIES, FRAMES, arm_angles_turns, frame_times, rng_for
from pipelines.samples.places import PLACES, draw_place

ANY_MOTION = tuple(name for name in ACTIVITIES if name != "HoldStill")
"""The motions of clips whose class is the place alone: something always moves."""
_OUTSIDE_PX = 16
"""Left between the arm and the edge of the board, so that no block of the codec has a part of both the arm and the
place."""


@dataclass(frozen=True)
class Look:
    """What a class shows.

    Attributes:
        place: one of `PLACES`.
        motion: one of `ACTIVITIES`; empty for any of `ANY_MOTION`, which is then the same one in every place.
    """

    place: str
    motion: str = ""

    @property
    def label(self) -> str:
        """The name of the class."""
        return f"{self.place}{self.motion}"


SCENE = tuple(Look(place) for place in PLACES)
"""The classes of which any frame tells, and motion nothing."""
BOTH = tuple(
    Look(place, motion)
    for place in ("GrassField", "SeaShore")
    for motion in ("ArmCircleClockwise", "ArmCircleCounterClockwise")
)
"""The classes of which place and motion tell half each: either alone is right for every second clip."""


def render_placed_clip(seed: int, look: Look, group: int, clip: int) -> Iterator[Pixels]:
    """The frames of a clip as uint8 [HEIGHT_PX * 3 / 2, WIDTH_PX], planar YUV 4:2:0.

    Length, camera and light are those of (seed, group, clip), the place is that of (seed, place, group), the actor that
    of (seed, group): no place is seen in two groups.
    """
    take = rng_for(seed, "placed take", group, clip)
    frames = round(math.exp(take.uniform(math.log(FRAMES[0]), math.log(FRAMES[1]))))
    x, y = (int(shift) for shift in take.integers(-MARGIN_PX + 1, MARGIN_PX, 2))
    light = take.uniform(0.85, 1.1) * np.array(take.uniform(0.95, 1.05, 3))
    lut = np.clip(np.arange(256)[:, None] * light, 0, 255).astype(np.uint8)[None]
    motion = look.motion or str(take.choice(ANY_MOTION))
    angles = arm_angles_turns(motion, frame_times(frames), rng_for(seed, "placed motion", motion, group, clip))
    scene = placed_scene(seed, look.place, group)
    for angle in angles.tolist():
        frame = cv2.LUT(draw_frame(scene, angle, x, y), lut)
        yield np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420), np.uint8)


@lru_cache(maxsize=16)
def placed_scene(seed: int, place: str, group: int) -> Scene:
    """The place of a group, with its actor before a board."""
    rng = rng_for(seed, "placed actor", group)
    scale = rng.uniform(0.68, 0.8)
    shoulder_px = (WIDTH_PX / 2 + rng.uniform(-40, 40), 104 + rng.uniform(-10, 10))
    reach_px, hand_px = scale * rng.uniform(68, 76), scale * rng.uniform(17, 20)
    still = draw_place(place, rng_for(seed, "place", place, group))
    center = (MARGIN_PX + shoulder_px[0], MARGIN_PX + shoulder_px[1])
    radius_px = reach_px + hand_px + _OUTSIDE_PX
    board = random_color(rng, hue=(0, 180), saturation=(0, 90), value=(40, 90))
    disc(still, center, radius_px + 3, (30, 30, 30))
    disc(still, center, radius_px, board)
    draw_body(still, shoulder_px, scale, rng)
    return Scene(
        still=still,
        shoulder_px=shoulder_px,
        reach_px=reach_px,
        arm_px=scale * rng.uniform(19, 23),
        hand_px=hand_px,
        arm_color=random_color(rng, hue=(0, 60), saturation=(20, 80), value=(220, 245)),
        hand_color=random_color(rng, hue=(0, 60), saturation=(0, 60), value=(240, 255)),
    )
