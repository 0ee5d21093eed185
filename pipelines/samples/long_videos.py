"""The sample collection of long videos, in which activities begin and end: what is in it, and the table of the truth.

An actor moves one arm for minutes. Stretches of the activities alternate with background: the same actor stands still,
lets the arm drift, or fidgets with it. The arm goes on from where it is, so that no single frame tells an activity, nor
where one begins.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import cv2
import numpy as np

from pipelines.core.settings.fields import Name, SettingError, check_settings, setting, setting_like
from pipelines.samples.avi import VideoForm, encode_avi
from pipelines.samples.drawing import HEIGHT_PX, WIDTH_PX, Pixels, draw_frame
from pipelines.samples.motion import (
    TRAJECTORIES,
    Floats,
    Trajectory,
    noise_bank,
    rng_for,
    scene_of,
    shake_px,
    with_noise,
)
from pipelines.samples.videos import SampleDataConfig, check_output

VERSION = 1  # of the videos: raise it whenever the same configuration gives different bytes
TRUTH = "truth.csv"
FORM = VideoForm(WIDTH_PX // 2, HEIGHT_PX // 2, Fraction(25, 2), 64_000)
"""At 12.5 frames a second, each frame begins at a whole number of milliseconds."""
ACTIVITIES = ("ArmCircleClockwise", "ArmCircleCounterClockwise", "ArmSwing", "PointAround", "TickClockwise")
VIDEO_S = (120.0, 296.0)  # rounding stretches up to whole frames adds less than 4 s
SEGMENT_S = (3.0, 20.0)
SEGMENTS = (6, 20)
_GAP_S = 2.0
"""The shortest background between two activities."""
_MOOD_S = (3.0, 10.0)
"""How long a background motion lasts before the actor chooses another one."""
_CLIP_S = 2.5
"""Activities are as fast as in a clip of this length: windows of 2 to 4 seconds show what it is."""
_MOST = 0.6
"""The largest share of a video that activities fill."""


def _drift(times: Floats, rng: np.random.Generator) -> Floats:
    """Less than an eighth of a turn in the time of a clip."""
    return float(rng.choice([-1.0, 1.0])) * rng.uniform(0.05, 0.12) * times


def _fidget(times: Floats, rng: np.random.Generator) -> Floats:
    """Trembles around the same place."""
    cycles = rng.uniform(2.0, 4.0) * times + rng.uniform()
    trembled: Floats = rng.uniform(0.03, 0.06) * np.sin(2 * math.pi * cycles)
    return trembled


_BACKGROUND: Mapping[str, Trajectory] = {
    "stand": TRAJECTORIES["HoldStill"],
    "drift": _drift,
    "fidget": _fidget,
}


@dataclass(frozen=True)
class LongDataConfig:
    """What to make and where. The number of workers never changes what is written.

    Raises:
        UsageError: a value is of the wrong type or out of range; the message gives the setting and the value.
    """

    output: str = setting_like(SampleDataConfig, "output")
    groups: int = setting_like(SampleDataConfig, "groups", default=10)
    videos: int = setting(
        40, metavar="N", low=1, high=9999, help="with --long: number of videos, spread evenly over the groups"
    )
    seed: int = setting_like(SampleDataConfig, "seed")
    workers: int = setting_like(SampleDataConfig, "workers")

    def __post_init__(self) -> None:
        check_settings(self)
        check_output(self.output)
        if self.videos < self.groups:
            raise SettingError(
                "{} is {}, more than {}, {}: a group has a video or more",
                Name("groups"), self.groups, Name("videos"), self.videos,
            )  # fmt: skip

    def marker(self) -> dict[str, Any]:
        """What determines the bytes of the collection, as it is written beside the videos."""
        return {
            "generator": "pipelines.sample_data --long",
            "version": VERSION,
            "seed": self.seed,
            "groups": self.groups,
            "videos": self.videos,
        }

    def list_videos(self) -> "list[LongVideo]":
        """Every video; neighbours share their group, so that a process draws its scene once."""
        return [
            LongVideo(self.seed, group, number)
            for group in range(1, self.groups + 1)
            for number in range(1, 1 + len(range(group, self.videos + 1, self.groups)))
        ]

    def tables(self) -> Mapping[str, bytes]:
        """The truth: a line for each stretch of an activity."""
        lines = ["path,label,group,start,end"]
        for video in self.list_videos():
            for stretch in script(video):
                if stretch.label:
                    times = f"{_seconds(stretch.start):.2f},{_seconds(stretch.end):.2f}"
                    lines.append(f"{video.path},{stretch.label},g{video.group:02d},{times}")
        return {TRUTH: "".join(f"{line}\n" for line in lines).encode()}


@dataclass(frozen=True)
class LongVideo:
    """One video to make; group and number within the group count from 1."""

    seed: int
    group: int
    number: int

    @property
    def path(self) -> str:
        """The path of the file, relative to the output folder."""
        return f"g{self.group:02d}_v{self.number:02d}.avi"

    def content(self) -> bytes:
        """The bytes of the file."""
        return encode_avi(render(self), 2 if self.group % 2 == 0 else 0, FORM)


@dataclass(frozen=True)
class Stretch:
    """What the actor does in the frames from `start` to before `end`; without a label it is background."""

    start: int
    end: int
    motion: str
    label: str = ""


def script(video: LongVideo) -> tuple[Stretch, ...]:
    """What happens in a video, one stretch after another from its first frame to its last.

    Each activity comes about equally often, at least once, in random order.
    """
    rng = rng_for(video.seed, "script", video.group, video.number)
    total, count = rng.uniform(*VIDEO_S), int(rng.integers(SEGMENTS[0], SEGMENTS[1] + 1))
    longest = np.exp(rng.uniform(math.log(SEGMENT_S[0]), math.log(SEGMENT_S[1]), size=count))
    least = SEGMENT_S[0] * count
    shrink = min(1.0, (_MOST * total - least) / (longest.sum() - least))
    lengths_s = SEGMENT_S[0] + shrink * (longest - SEGMENT_S[0])
    spare_s = total - lengths_s.sum() - _GAP_S * (count + 1)
    gaps_s = _GAP_S + spare_s * rng.dirichlet(np.full(count + 1, 2.0))
    order = [str(name) for _ in range(0, count, len(ACTIVITIES)) for name in rng.permutation(ACTIVITIES)]
    stretches: list[Stretch] = []
    place = 0
    for gap_s, length_s, activity in zip(gaps_s, [*lengths_s, 0.0], [*order[:count], ""], strict=True):
        stretches += _gap(place, place + _frames(gap_s), rng)
        place = stretches[-1].end
        if activity:
            stretches.append(Stretch(place, place + _frames(length_s), activity, activity))
            place = stretches[-1].end
    return tuple(stretches)


def _gap(start: int, end: int, rng: np.random.Generator) -> Iterator[Stretch]:
    shortest = _frames(_MOOD_S[0])
    while start < end:
        until = start + _frames(rng.uniform(*_MOOD_S))
        until = end if end - until < shortest else until
        yield Stretch(start, until, str(rng.choice(list(_BACKGROUND))))
        start = until


def _frames(seconds: float) -> int:
    """A duration in whole frames, rounded up, so that nothing becomes shorter than it may be."""
    return math.ceil(seconds * FORM.frames_per_second)


def _seconds(frame: int) -> float:
    return float(frame / FORM.frames_per_second)


def arm_angles_turns(video: LongVideo, stretches: tuple[Stretch, ...]) -> Floats:
    """The arm's angle in each frame, float64 [frames] in turns; each stretch goes on from the angle that it finds."""
    rng = rng_for(video.seed, "long motion", video.group, video.number)
    angle, parts = rng.uniform(), []
    for stretch in stretches:
        count = stretch.end - stretch.start
        times = np.array([0.0, *(np.arange(count) + 0.5), count]) / float(_CLIP_S * FORM.frames_per_second)
        moved = {**TRAJECTORIES, **_BACKGROUND}[stretch.motion](times, rng)
        moved = angle + moved - moved[0]
        parts.append(moved[1:-1])
        angle = float(moved[-1])
    return np.concatenate(parts)


def render(video: LongVideo) -> Iterator[Pixels]:
    """The frames of a video as uint8 [FORM.height_px * 3 / 2, FORM.width_px], planar YUV 4:2:0 with noise in its luma.

    Only the arm's angles depend on the script. The camera shakes as that of each video, the scene is that of the group.
    """
    stretches = script(video)
    angles = arm_angles_turns(video, stretches)
    take = rng_for(video.seed, "long take", video.group, video.number)
    shake = shake_px(len(angles), take, _seconds(len(angles)) / 10)
    strength = take.uniform(1.5, 2.5)
    corners = take.integers(0, (HEIGHT_PX, WIDTH_PX), size=(len(angles), 2))
    scene, bank, size = scene_of(video.seed, video.group), noise_bank(video.seed), (FORM.width_px, FORM.height_px)
    for angle, (x, y), corner in zip(angles.tolist(), shake.tolist(), corners.tolist(), strict=True):
        frame = cv2.resize(draw_frame(scene, angle, x, y), size, interpolation=cv2.INTER_AREA)
        yield with_noise(np.asarray(frame, dtype=np.uint8), bank, corner, strength)
