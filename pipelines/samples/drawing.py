"""Draws a stick figure that moves one arm before a background, both drawn at random."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Color = tuple[int, int, int]
Pair = tuple[float, float]

WIDTH_PX = 320
HEIGHT_PX = 240
MARGIN_PX = 8  # drawn beyond each edge of a frame, so that a shaking camera always has something to see
_SUBPIXEL_BITS = 4


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
    draw_body(still, shoulder_px, scale, rng)
    return Scene(
        still=still,
        shoulder_px=shoulder_px,
        reach_px=scale * rng.uniform(68, 76),
        arm_px=scale * rng.uniform(18, 22),
        hand_px=scale * rng.uniform(16, 19),
        # Warm hues: a saturated blue would be as dark as the background.
        arm_color=random_color(rng, hue=(0, 60), saturation=(20, 80), value=(220, 245)),
        hand_color=random_color(rng, hue=(0, 60), saturation=(0, 60), value=(240, 255)),
    )


def draw_frame(scene: Scene, angle_turns: float, shake_x_px: int = 0, shake_y_px: int = 0) -> Pixels:
    """One frame, uint8 [HEIGHT_PX, WIDTH_PX, 3] RGB, with the arm at this angle and the camera moved by this much."""
    top, left = MARGIN_PX + shake_y_px, MARGIN_PX + shake_x_px
    frame = scene.still[top : top + HEIGHT_PX, left : left + WIDTH_PX].copy()
    shoulder = (scene.shoulder_px[0] - shake_x_px, scene.shoulder_px[1] - shake_y_px)
    angle = 2 * math.pi * angle_turns
    hand = (shoulder[0] + scene.reach_px * math.cos(angle), shoulder[1] + scene.reach_px * math.sin(angle))
    outline = (25, 25, 25)  # sets the arm apart from the head and the shirt
    line(frame, shoulder, hand, scene.arm_px + 5, outline)
    disc(frame, hand, scene.hand_px + 2.5, outline)
    line(frame, shoulder, hand, scene.arm_px, scene.arm_color)
    disc(frame, hand, scene.hand_px, scene.hand_color)
    return frame


def draw_body(canvas: Pixels, shoulder_px: Pair, scale: float, rng: np.random.Generator) -> None:
    """An actor without the arm that moves; the shoulder is a place in a frame whose camera does not shake."""
    shirt = random_color(rng, hue=(0, 180), saturation=(60, 180), value=(70, 125))
    trousers = random_color(rng, hue=(0, 180), saturation=(30, 140), value=(60, 115))
    skin = random_color(rng, hue=(5, 16), saturation=(70, 140), value=(100, 150))
    girth = rng.uniform(38, 50)

    def at(x: float, y: float) -> Pair:
        return MARGIN_PX + shoulder_px[0] + scale * x, MARGIN_PX + shoulder_px[1] + scale * y

    for side in (-1, 1):
        line(canvas, at(side * 9, 75), at(side * rng.uniform(14, 30), 150), scale * 19, trousers)
    elbow = at(girth / 2 + rng.uniform(14, 26), 36)  # the other arm rests on the hip
    line(canvas, at(girth / 2 - 6, 6), elbow, scale * 12, shirt)
    line(canvas, elbow, at(girth / 2 - 6, 66), scale * 12, skin)
    line(canvas, at(0, 10), at(0, 66), scale * girth, shirt)
    disc(canvas, at(0, -36), scale * rng.uniform(17, 21), skin)


def _background(rng: np.random.Generator) -> Pixels:
    """A gradient, a texture or many shapes, uint8 [HEIGHT_PX + 2 * MARGIN_PX, WIDTH_PX + 2 * MARGIN_PX, 3] RGB."""
    size = (WIDTH_PX + 2 * MARGIN_PX, HEIGHT_PX + 2 * MARGIN_PX)

    def paint() -> Color:
        return random_color(rng, hue=(0, 180), saturation=(20, 150), value=(20, 90))

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
                disc(canvas, center, rng.uniform(8, 40), paint())
            else:
                end = (center[0] + rng.uniform(-90, 90), center[1] + rng.uniform(-90, 90))
                line(canvas, center, end, rng.uniform(6, 40), paint())
    return canvas


def random_color(rng: np.random.Generator, hue: Pair, saturation: Pair, value: Pair) -> Color:
    """A random RGB colour from ranges of hue in [0, 180), saturation and value in [0, 256)."""
    hsv = np.array([[[rng.uniform(*hue), rng.uniform(*saturation), rng.uniform(*value)]]], dtype=np.uint8)
    red, green, blue = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0].tolist()
    return red, green, blue


def line(canvas: Pixels, start: Pair, end: Pair, thickness_px: float, color: Color) -> None:
    """Draws a line with round ends; places are (x, y) in pixels, with fractions."""
    cv2.line(canvas, _subpixel(start), _subpixel(end), color, round(thickness_px), cv2.LINE_AA, _SUBPIXEL_BITS)


def disc(canvas: Pixels, center: Pair, radius_px: float, color: Color) -> None:
    """Draws a filled disc; its place is (x, y) in pixels, with fractions."""
    radius = round(radius_px * 2**_SUBPIXEL_BITS)
    cv2.circle(canvas, _subpixel(center), radius, color, cv2.FILLED, cv2.LINE_AA, _SUBPIXEL_BITS)


def _subpixel(point: Pair) -> tuple[int, int]:
    return round(point[0] * 2**_SUBPIXEL_BITS), round(point[1] * 2**_SUBPIXEL_BITS)
