"""The sample dataset of short clips: what is in it, and how a video of it is made; `making` makes them all."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pipelines.core.settings.fields import Name, SettingError, check_settings, setting
from pipelines.samples.avi import CLIPS_OF_PLACES, encode_avi
from pipelines.samples.motion import ACTIVITIES, render_clip
from pipelines.samples.placed import BOTH, SCENE, Look, render_placed_clip

VERSION = 1  # of the videos: raise it whenever the same configuration gives different bytes
TELLS = ("motion", "scene", "both")
_LOOKS: Mapping[str, Sequence[Look]] = {"scene": SCENE, "both": BOTH}


@dataclass(frozen=True)
class SampleDataConfig:
    """What to make and where. The number of workers never changes what is written.

    Raises:
        UsageError: a value is of the wrong type or out of range; the message gives the setting and the value.
    """

    output: str = setting(metavar="FOLDER", help="folder to write the videos to, created if it does not exist")
    groups: int = setting(
        25, metavar="N", low=1, high=99, automatic="10 with --long",
        help="number of groups of each class; each group has its own actor, background and camera",
    )  # fmt: skip
    clips_per_group: int = setting(3, metavar="N", low=1, high=99, help="number of clips of each class in each group")
    tells: str = setting(
        "motion", choices=TELLS,
        help="what classes differ in: `motion` alone; `scene` alone, the kind of place, with the same motions in each; "
        "or `both`, two motions in each of two kinds of places",
    )  # fmt: skip
    seed: int = setting(0, metavar="N", help="random seed; another seed gives different videos")
    workers: int = setting(0, metavar="N", low=0, automatic="one per core", help="number of processes")

    def __post_init__(self) -> None:
        check_settings(self)
        check_output(self.output)

    def marker(self) -> dict[str, Any]:
        """What determines the bytes of the dataset, as it is written beside the videos."""
        return {
            "generator": "pipelines.sample_data" + (f" --tells {self.tells}" if self.tells != "motion" else ""),
            "version": VERSION,
            "seed": self.seed,
            "groups": self.groups,
            "clips_per_group": self.clips_per_group,
            "videos": len(self.classes) * self.groups * self.clips_per_group,
        }

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes."""
        return tuple(look.label for look in _LOOKS[self.tells]) if self.tells in _LOOKS else ACTIVITIES

    def list_videos(self) -> "list[Video | PlacedVideo]":
        """Every video of the dataset; neighbours share their group, so that a process draws its scene once."""
        makers: Sequence[Callable[[int, int], Video | PlacedVideo]] = (
            [partial(PlacedVideo, self.seed, look) for look in _LOOKS[self.tells]]
            if self.tells in _LOOKS
            else [partial(Video, self.seed, activity) for activity in ACTIVITIES]
        )
        return [
            make(group, clip)
            for group in range(1, self.groups + 1)
            for clip in range(1, self.clips_per_group + 1)
            for make in makers
        ]

    def tables(self) -> Mapping[str, bytes]:
        """The files beside the videos: none, as the folders are the classes."""
        return {}


def check_output(output: str) -> None:
    """Checks the folder to write to.

    Raises:
        SettingError: it isn't a local one.
    """
    if not output or "://" in output:
        raise SettingError("{} must be a local folder, not {!r}", Name("output"), output)


@dataclass(frozen=True)
class Video:
    """One video to make; group and clip count from 1."""

    seed: int
    activity: str
    group: int
    clip: int

    @property
    def path(self) -> str:
        """The path of the file, relative to the output folder."""
        return _path(self.activity, self.group, self.clip)

    def content(self) -> bytes:
        """The bytes of the file."""
        frames = render_clip(self.seed, self.activity, self.group, self.clip)
        # As in UCF50, some groups have B-frames and others do not.
        return encode_avi(frames, b_frames=2 if self.group % 2 == 0 else 0)


@dataclass(frozen=True)
class PlacedVideo:
    """One video of an actor in a place to make; group and clip count from 1."""

    seed: int
    look: Look
    group: int
    clip: int

    @property
    def path(self) -> str:
        """The path of the file, relative to the output folder."""
        return _path(self.look.label, self.group, self.clip)

    def content(self) -> bytes:
        """The bytes of the file."""
        frames = render_placed_clip(self.seed, self.look, self.group, self.clip)
        return encode_avi(frames, 2 if self.group % 2 == 0 else 0, CLIPS_OF_PLACES)


def _path(label: str, group: int, clip: int) -> str:
    return os.path.join(label, f"v_{label}_g{group:02d}_c{clip:02d}.avi")
