"""Whether clips of damaged files say so: `python -m tests.support.mutated_frames --count 2000 [FOLDER ...]`.

A clip may be reported as undamaged only if plain decoding, of all packets in order, finds no damage in the pictures
that it shows or in those on which they depend. Dependence is taken broadly: on all reference pictures that are stored
before a picture, back to the last key frame. Small sources in many codecs and containers are generated for it.
"""

import argparse
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
from av.video.frame import PictureType

from pipelines.core.spec import ClipSpec
from pipelines.video.clip import Clip, read_clip
from pipelines.video.errors import VideoError, VideoTooShort
from pipelines.video.frames import demux, open_video
from tests.support.films import write_film
from tests.support.long_videos import x264
from tests.support.mutation import mutate

KINDS = ("bits", "zeros", "noise", "truncated", "removed", "bits", "bits")
SPECS = tuple(ClipSpec(count, 32, 32) for count in (1, 3, 8))
NUM_FRAMES = 60
_B_ALONE = ("mpeg4", "mpeg1video", "mpeg2video")
"""Codecs in which nothing refers to B-pictures."""
_QUICK = {"deadline": "realtime", "cpu-used": "8", "g": "12"}
_GROUPS = {"g": "12", "sc_threshold": "1000000000"}
SOURCES: dict[str, tuple[str, dict[str, str]]] = {
    "slices.mp4": ("libx264", x264("keyint=250:bframes=3:slices=8")),
    "pyramid.mkv": ("libx264", x264("keyint=24:bframes=4:b-pyramid=normal:ref=4")),
    "weighted.mov": ("libx264", x264("keyint=250:bframes=3:ref=2:weightp=2")),
    "open.ts": ("libx264", x264("keyint=12:bframes=2:open-gop=1")),
    "plain.avi": ("libx264", x264("keyint=12:bframes=0")),
    "b.avi": ("mpeg4", {"bf": "2", **_GROUPS}),
    "long.avi": ("mpeg4", {"bf": "0", "g": "300"}),
    "b.mp4": ("mpeg4", {"bf": "2", **_GROUPS}),
    "p.mkv": ("mpeg4", {"bf": "0", **_GROUPS}),
    "hevc.mp4": ("libx265", {"x265-params": "keyint=12:bframes=3:log-level=none:pools=1", "preset": "ultrafast"}),
    "v.webm": ("libvpx-vp9", _QUICK),
    "v8.webm": ("libvpx", _QUICK),
    "m2.ts": ("mpeg2video", {"bf": "2", **_GROUPS}),
    "m2.mpg": ("mpeg2video", {"bf": "2", **_GROUPS}),
    "j.mov": ("mjpeg", {}),
    "j.avi": ("mjpeg", {}),
    "w.wmv": ("wmv2", {"g": "12"}),
    "f.flv": ("flv", {"g": "12"}),
}


def make_sources(folder: Path, names: Sequence[str] = tuple(SOURCES)) -> list[Path]:
    """Writes the sources: a moving texture, so that pictures depend on each other."""
    texture = np.random.default_rng(0).integers(0, 256, (96, 400, 3), np.uint8)
    texture = texture.repeat(2, 0).repeat(2, 1)[:96]
    pictures = [np.ascontiguousarray(texture[:, 5 * i : 5 * i + 128]) for i in range(NUM_FRAMES)]
    return [write_film(folder / name, pictures, *SOURCES[name]) for name in names]


def damaged_parts(path: Path) -> tuple[list[int], list[tuple[int, int]]] | None:
    """What plain decoding finds: for each frame in display order its position in stored order, and of each damaged
    picture its position and that of the next key frame or, where nothing refers to it, its own next one. None where
    the file can't be opened, or frames can't be told apart.
    """
    frames: list[tuple[int | None, bool, bool]] = []
    keys: list[int] = []
    try:
        with open_video(str(path)) as (container, stream):
            context = stream.codec_context
            for position, packet in enumerate(demux(container, stream)):
                if packet.is_keyframe:
                    keys.append(position)
                packet.pts = position
                try:
                    frames += [_seen(frame, context.name) for frame in context.decode(packet)]
                except av.FFmpegError:
                    frames.append((position, True, False))
            frames += [_seen(frame, context.name) for frame in context.decode(None)]
    except (VideoError, av.FFmpegError):
        return None
    order = [position for position, _, _ in frames if position is not None]
    if len(order) < len(frames):
        return None
    spans = []
    for position, (_, is_corrupt, is_alone) in zip(order, frames, strict=True):
        if is_corrupt:
            behind = position + 1 if is_alone else next((key for key in keys if key > position), 1 << 60)
            spans.append((position, behind))
    return order, spans


def _seen(frame: "av.VideoFrame", codec: str) -> tuple[int | None, bool, bool]:
    """A picture's position in stored order, whether the decoder found damage, and whether no other refers to it."""
    is_alone = codec in _B_ALONE and frame.pict_type == PictureType.B
    return frame.pts, frame.is_corrupt, is_alone


def silently_damaged(path: Path, clip: Clip) -> list[int]:
    """The frames of a clip that depend on damage although the clip is reported as undamaged."""
    found = None if clip.damaged else damaged_parts(path)
    if found is None:
        return []
    order, spans = found
    return [
        index
        for index in sorted(set(clip.frame_indices))
        if index < len(order) and any(first <= order[index] < behind for first, behind in spans)
    ]


def check(sources: Sequence[Path], folder: Path, count: int, seed: int = 0) -> Iterator[tuple[str, str]]:
    """What becomes of damaged copies: `failed`, `damaged`, `undamaged`, or `wrong`, each with the file's name."""
    contents = [(path, path.read_bytes()) for path in sources]
    for number in range(count):
        draw = random.Random(f"{seed}/{number}")
        source, data = contents[number % len(contents)]
        kind = KINDS[number // len(contents) % len(KINDS)]
        path = folder / f"{number:05d}-{kind}-{source.name}"
        path.write_bytes(mutate(data, data, kind, draw))
        try:
            clip = read_clip(str(path), SPECS[number % len(SPECS)])
        except (VideoError, VideoTooShort, MemoryError):  # a damaged size may need more memory than there is
            yield "failed", path.name
        else:
            wrong = silently_damaged(path, clip)
            outcome = "wrong" if wrong else "damaged" if clip.damaged else "undamaged"
            yield outcome, f"{path.name} {wrong}" if wrong else path.name
            if wrong:
                continue
        path.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100, help="damaged copies in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("folders", nargs="*", type=Path, help="folders with more videos, at any depth")
    arguments = parser.parse_args()
    av.logging.set_level(None)
    outcomes = Counter[str]()
    with tempfile.TemporaryDirectory() as temporary:
        sources = make_sources(Path(temporary, "sources"))
        for folder in arguments.folders:
            sources += [path for path in sorted(folder.rglob("*")) if path.suffix in (".avi", ".mp4", ".mov")]
        for outcome, name in check(sources, Path(temporary), arguments.count, arguments.seed):
            outcomes[outcome] += 1
            if outcome == "wrong":
                print(name)
    print(dict(outcomes))
    sys.exit(1 if outcomes["wrong"] else 0)


if __name__ == "__main__":
    main()
