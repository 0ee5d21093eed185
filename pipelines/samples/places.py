"""Draws places at random: a kind of place looks alike in all its pictures, and no two of them are the same.

A picture differs from the next one of its kind in colours, light, sizes and where things are.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise
from types import MappingProxyType

import cv2
import numpy as np

from pipelines.samples.drawing import HEIGHT_PX, MARGIN_PX, WIDTH_PX, Color, Pixels, disc, line, random_color

_WIDTH, _HEIGHT = WIDTH_PX + 2 * MARGIN_PX, HEIGHT_PX + 2 * MARGIN_PX


def draw_place(kind: str, rng: np.random.Generator) -> Pixels:
    """A picture of a place, uint8 [HEIGHT_PX + 2 * MARGIN_PX, WIDTH_PX + 2 * MARGIN_PX, 3] RGB.

    Args:
        kind: one of `PLACES`.
        rng: of the picture.
    """
    canvas = np.zeros((_HEIGHT, _WIDTH, 3), np.uint8)
    PLACES[kind](canvas, rng)
    # The light of the place, and the grain of its camera, which is the same in all frames.
    cast = rng.uniform(0.85, 1.15) * rng.uniform(0.94, 1.06, 3)
    grain = rng.normal(0, rng.uniform(1, 6), (_HEIGHT, _WIDTH, 1))
    lit: Pixels = np.clip(canvas * cast + grain, 0, 255).astype(np.uint8)
    blur = rng.uniform(0, 0.9)
    return np.asarray(cv2.GaussianBlur(lit, (0, 0), blur), np.uint8) if blur > 0.3 else lit


def _sea_shore(canvas: Pixels, rng: np.random.Generator) -> None:
    """Sky, water with waves that are larger the nearer they are, and sometimes a strip of sand."""
    horizon = int(_HEIGHT * rng.uniform(0.25, 0.45))
    _sky(canvas[:horizon], rng)
    deep, crest = (random_color(rng, (88, 112), (70, 190), value) for value in ((70, 150), (170, 250)))
    _blend(canvas[horizon:], deep, random_color(rng, (84, 108), (60, 170), (110, 200)))
    y = horizon + 2.0
    while y < _HEIGHT:
        near = (y - horizon) / (_HEIGHT - horizon)
        for _ in range(int(rng.integers(6, 12) * (1.6 - near))):
            x, half = rng.uniform(0, _WIDTH), (3 + 26 * near) * rng.uniform(0.5, 1.5)
            height = half * rng.uniform(0.1, 0.25)
            ends = [(x - half, y), (x, y - height), (x + half, y)]
            for start, end in pairwise(ends):
                line(canvas, start, end, 1 + 2.2 * near, crest)
        y += 3 + 12 * near * rng.uniform(0.8, 1.2)
    if rng.uniform() < 0.6:
        x, size = rng.uniform(0.1, 0.9) * _WIDTH, rng.uniform(14, 34)
        _polygon(canvas, [(x, horizon - size), (x, horizon), (x + size * 0.6, horizon)], (240, 240, 235))
        line(
            canvas,
            (x - size * 0.5, horizon + 2),
            (x + size * 0.7, horizon + 2),
            5,
            random_color(rng, (0, 180), (60, 200), (40, 160)),
        )
    if rng.uniform() < 0.5:
        sand, edge = random_color(rng, (12, 24), (50, 120), (170, 235)), _HEIGHT * rng.uniform(0.86, 0.94)
        _polygon(canvas, [(0, edge), (_WIDTH, edge + rng.uniform(-8, 8)), (_WIDTH, _HEIGHT), (0, _HEIGHT)], sand)


def _grass_field(canvas: Pixels, rng: np.random.Generator) -> None:
    """Sky, mown grass with white lines, and a goal."""
    horizon = int(_HEIGHT * rng.uniform(0.18, 0.34))
    _sky(canvas[:horizon], rng)
    hue = rng.uniform(34, 62)
    tones = [random_color(rng, (hue - 3, hue + 3), (100, 210), value) for value in ((85, 120), (120, 165))]
    bands = int(rng.integers(5, 11))
    edges = horizon + (_HEIGHT - horizon) * (np.arange(bands + 1) / bands) ** rng.uniform(1.2, 1.8)
    for number in range(bands):
        canvas[int(edges[number]) : int(edges[number + 1]) + 1] = tones[number % 2]
    for x, y in rng.uniform((0, horizon), (_WIDTH, _HEIGHT), (900, 2)):  # blades
        line(canvas, (x, y), (x + rng.uniform(-2, 2), y - rng.uniform(2, 6)), 1, tones[int(rng.integers(2))])
    trees = random_color(rng, (36, 70), (80, 180), (30, 80))
    for x in np.arange(-10, _WIDTH + 10, rng.uniform(12, 24)):
        disc(canvas, (x, horizon - rng.uniform(2, 10)), rng.uniform(8, 15), trees)
    white, x = (238, 240, 236), rng.uniform(0.2, 0.8) * _WIDTH
    half, height = rng.uniform(34, 60), rng.uniform(30, 46)
    top, base = horizon + 6 - height + 16, horizon + 22
    for place in np.linspace(-half, half, 11):  # the net
        line(canvas, (x + place, top), (x + place, base), 1, (190, 195, 190))
    for y in np.linspace(top, base, 6):
        line(canvas, (x - half, y), (x + half, y), 1, (190, 195, 190))
    for start, end in (((-half, base), (-half, top)), ((-half, top), (half, top)), ((half, top), (half, base))):
        line(canvas, (x + start[0], start[1]), (x + end[0], end[1]), 4, white)
    for y, slope in ((base + 2, 0.0), (_HEIGHT * rng.uniform(0.6, 0.9), rng.uniform(-14, 14))):
        line(canvas, (0, y - slope), (_WIDTH, y + slope), rng.uniform(3, 6), white)


def _checkered_hall(canvas: Pixels, rng: np.random.Generator) -> None:
    """A wall with windows or pictures, and a floor of tiles in two colours, in perspective."""
    horizon = int(_HEIGHT * rng.uniform(0.4, 0.55))
    wall = random_color(rng, (0, 180), (10, 90), (130, 230))
    _blend(canvas[:horizon], wall, random_color(rng, (0, 180), (10, 90), (130, 230)))
    for x in np.arange(rng.uniform(5, 40), _WIDTH, rng.uniform(70, 110)):
        width, height, top = rng.uniform(26, 48), horizon * rng.uniform(0.35, 0.6), horizon * rng.uniform(0.1, 0.25)
        _box(canvas, x - 3, top - 3, width + 6, height + 6, random_color(rng, (8, 24), (60, 160), (50, 120)))
        _box(canvas, x, top, width, height, random_color(rng, (0, 180), (20, 140), (120, 250)))
    hue = rng.uniform(0, 180)
    dark, light = (random_color(rng, (hue, hue + 1), (10, 150), value) for value in ((20, 80), (180, 250)))
    rows, columns = np.mgrid[horizon:_HEIGHT, 0:_WIDTH].astype(np.float64)
    depth = rng.uniform(0.5, 0.8) * _HEIGHT / (rows - horizon + 6)
    tiles = rng.uniform(7, 12)
    across = (columns - _WIDTH * rng.uniform(0.3, 0.7)) / _WIDTH * depth * tiles
    odd = (np.floor(across) + np.floor(depth * tiles * rng.uniform(0.5, 0.7))) % 2 > 0
    canvas[horizon:] = np.where(odd[..., None], np.array(dark), np.array(light)).astype(np.uint8)
    line(canvas, (0, horizon), (_WIDTH, horizon), rng.uniform(4, 8), random_color(rng, (8, 24), (40, 140), (50, 200)))


def _night_city(canvas: Pixels, rng: np.random.Generator) -> None:
    """A dark sky with a moon or stars, high buildings with lit windows, and a wet street."""
    _blend(
        canvas, random_color(rng, (105, 150), (80, 200), (8, 35)), random_color(rng, (100, 170), (60, 190), (30, 70))
    )
    for x, y in rng.uniform((0, 0), (_WIDTH, _HEIGHT * 0.4), (40, 2)):
        disc(canvas, (x, y), rng.uniform(0.4, 1.2), (200, 200, 210))
    street = int(_HEIGHT * rng.uniform(0.78, 0.9))
    x = -rng.uniform(0, 30)
    while x < _WIDTH:
        width, top = rng.uniform(34, 74), _HEIGHT * rng.uniform(0.08, 0.5)
        _box(canvas, x, top, width, street - top, random_color(rng, (95, 150), (20, 120), (18, 48)))
        lamp, share = random_color(rng, (16, 32), (60, 200), (190, 255)), rng.uniform(0.35, 0.75)
        step = rng.uniform(9, 14)
        for left in np.arange(x + 5, x + width - 6, step):
            for upper in np.arange(top + 6, street - 8, step * 1.25):
                if rng.uniform() < share:
                    _box(canvas, left, upper, step * 0.5, step * 0.65, lamp)
        x += width + rng.uniform(-4, 8)
    _blend(canvas[street:], random_color(rng, (100, 140), (20, 90), (25, 50)), (12, 12, 18))
    for x in rng.uniform(0, _WIDTH, 14):
        line(
            canvas,
            (x, street + 3),
            (x, street + rng.uniform(10, 40)),
            3,
            random_color(rng, (5, 32), (90, 220), (90, 190)),
        )


def _snow_slope(canvas: Pixels, rng: np.random.Generator) -> None:
    """Sky, white mountains, a slope with tracks, and conifers."""
    _sky(canvas, rng)
    snow, shade = random_color(rng, (95, 125), (2, 22), (225, 252)), random_color(rng, (100, 125), (25, 70), (160, 215))
    for _ in range(int(rng.integers(3, 6))):
        x, half, top = rng.uniform(0, _WIDTH), rng.uniform(60, 140), _HEIGHT * rng.uniform(0.08, 0.3)
        base = _HEIGHT * 0.62
        _polygon(canvas, [(x - half, base), (x, top), (x + half, base)], shade)
        _polygon(canvas, [(x - half, base), (x, top), (x - half * 0.15, base)], snow)
    left, right = (_HEIGHT * rng.uniform(0.38, 0.62) for _ in range(2))
    _polygon(canvas, [(0, left), (_WIDTH, right), (_WIDTH, _HEIGHT), (0, _HEIGHT)], snow)
    for _ in range(int(rng.integers(3, 7))):  # tracks
        x, to = rng.uniform(0, _WIDTH, 2)
        for gap in (0, 5):
            line(canvas, (x + gap, max(left, right)), (to + 2 * gap, _HEIGHT), 2, shade)
    for x in rng.uniform(0, _WIDTH, int(rng.integers(7, 14))):
        base = left + (right - left) * x / _WIDTH + rng.uniform(0, 40)
        height, green = rng.uniform(34, 74), random_color(rng, (50, 80), (60, 160), (35, 85))
        line(canvas, (x, base), (x, base + 5), 4, (70, 50, 35))
        for tier in range(3):
            half, y = height * (0.14 + 0.07 * tier), base - height * (0.62 - 0.31 * tier)
            _polygon(canvas, [(x - half, y), (x, y - height * 0.42), (x + half, y)], green)
            line(canvas, (x - half * 0.8, y - 2), (x - half * 0.1, y - height * 0.3), 2, snow)


def _brick_wall(canvas: Pixels, rng: np.random.Generator) -> None:
    """Bricks of slightly different colours, mortar, and a pavement."""
    canvas[:] = random_color(rng, (8, 24), (5, 50), (120, 220))
    hue, saturation, value = rng.uniform(2, 16), rng.uniform(90, 190), rng.uniform(90, 180)
    height = rng.uniform(11, 18)
    width, gap = height * rng.uniform(2.1, 2.8), rng.uniform(1.5, 3)
    for row, top in enumerate(np.arange(-rng.uniform(0, height), _HEIGHT, height)):
        for left in np.arange(-width * (1 + 0.5 * (row % 2)), _WIDTH, width):
            tone = random_color(
                rng, (max(hue - 3, 0), hue + 3), (saturation - 25, saturation + 25), (value - 25, value + 25)
            )
            _box(canvas, left, top, width - gap, height - gap, tone)
    street = int(_HEIGHT * rng.uniform(0.82, 0.95))
    _blend(canvas[street:], *(random_color(rng, (0, 180), (0, 30), (70, 150)) for _ in range(2)))
    for x in np.arange(rng.uniform(0, 40), _WIDTH, rng.uniform(40, 70)):
        line(canvas, (x, street), (x - 10, _HEIGHT), 1.5, (60, 60, 60))


PLACES: Mapping[str, Callable[[Pixels, np.random.Generator], None]] = MappingProxyType(
    {
        "BrickWall": _brick_wall,
        "CheckeredHall": _checkered_hall,
        "GrassField": _grass_field,
        "NightCity": _night_city,
        "SeaShore": _sea_shore,
        "SnowSlope": _snow_slope,
    }
)


def _sky(canvas: Pixels, rng: np.random.Generator) -> None:
    """A clear, a grey or a red sky with clouds."""
    kind = int(rng.integers(3))
    hue, saturation = (((100, 118), (70, 170)), ((95, 125), (5, 35)), ((4, 20), (60, 140)))[kind]
    _blend(canvas, random_color(rng, hue, saturation, (150, 220)), random_color(rng, hue, saturation, (190, 250)))
    cloud = random_color(rng, (100, 120), (0, 25), (200, 250))
    for _ in range(int(rng.integers(0, 5))):
        x, y = rng.uniform(0, _WIDTH), rng.uniform(0, 60)
        for _ in range(5):
            disc(canvas, (x + rng.uniform(-26, 26), y + rng.uniform(-5, 5)), rng.uniform(5, 12), cloud)


def _blend(canvas: Pixels, top: Color, bottom: Color) -> None:
    """Fills a picture with a gradient from top to bottom."""
    share = np.linspace(0, 1, len(canvas))[:, None, None]
    canvas[:] = np.rint((1 - share) * np.array(top) + share * np.array(bottom)).astype(np.uint8)


def _box(canvas: Pixels, left: float, top: float, width: float, height: float, color: Color) -> None:
    first, last = (round(left), round(top)), (round(left + width), round(top + height))
    cv2.rectangle(canvas, first, last, color, cv2.FILLED)


def _polygon(canvas: Pixels, points: list[tuple[float, float]], color: Color) -> None:
    cv2.fillPoly(canvas, [np.rint(points).astype(np.int32)], color, cv2.LINE_AA)
