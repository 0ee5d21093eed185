"""Small videos of every codec in many containers, to be damaged."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.support.films import write_film
from tests.support.long_videos import x264

NUM_FRAMES = 60
_QUICK = {"deadline": "realtime", "cpu-used": "8", "g": "12"}
_ALT_REF = {"cpu-used": "8", "auto-alt-ref": "1", "lag-in-frames": "16", "g": "30"}
_GROUPS = {"g": "12", "sc_threshold": "1000000000"}


def _x265(params: str) -> dict[str, str]:
    return {
        "x265-params": f"log-level=none:pools=1:frame-threads=1:rc-lookahead=20:ctu=16:{params}",
        "preset": "ultrafast",
    }


def _svt(params: str) -> dict[str, str]:
    return {"preset": "12", "svtav1-params": f"lp=1:{params}"}


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
    "hevc.mp4": ("libx265", _x265("keyint=12:bframes=3")),
    "v.webm": ("libvpx-vp9", _QUICK),
    "v8.webm": ("libvpx", _QUICK),
    "m2.ts": ("mpeg2video", {"bf": "2", **_GROUPS}),
    "m2.mpg": ("mpeg2video", {"bf": "2", **_GROUPS}),
    "j.mov": ("mjpeg", {}),
    "j.avi": ("mjpeg", {}),
    "w.wmv": ("wmv2", {"g": "12"}),
    "f.flv": ("flv", {"g": "12"}),
    "one.mpg": ("mpeg1video", {"bf": "2", **_GROUPS}),
    "a.mp4": ("libsvtav1", _svt("keyint=16")),
    # The same codecs with other options and in other containers.
    "closed.mp4": ("libx264", x264("keyint=20:bframes=3:b-pyramid=normal")),
    "hevc-open.mkv": ("libx265", _x265("keyint=12:bframes=4:open-gop=1:b-adapt=0")),
    "hevc-pyramid.mp4": ("libx265", _x265("keyint=30:bframes=7:b-adapt=0:temporal-layers=3")),
    "hevc-open.ts": ("libx265", _x265("keyint=16:bframes=3:open-gop=1")),
    "v-alt.webm": ("libvpx-vp9", _ALT_REF),
    "v-alt.mp4": ("libvpx-vp9", _ALT_REF),
    "v8-alt.mkv": ("libvpx", _ALT_REF),
    "m2-closed.mkv": ("mpeg2video", {"bf": "3", "g": "12", "flags": "+cgop", "sc_threshold": "1000000000"}),
    "m2-fields.mp4": ("mpeg2video", {"bf": "2", "flags": "+ildct+ilme", **_GROUPS}),
    "m2.avi": ("mpeg2video", {"bf": "0", **_GROUPS}),
    "one.avi": ("mpeg1video", {"bf": "1", **_GROUPS}),
    "a-open.mkv": ("libsvtav1", _svt("irefresh-type=1:keyint=16")),
    "a-long.webm": ("libsvtav1", _svt("hierarchical-levels=4:keyint=250")),
    "h.avi": ("huffyuv", {}),
    "p.mov": ("prores_ks", {}),
    "ff.mkv": ("ffv1", {"g": "6"}),
    "n.mov": ("png", {}),
}
FEW = (
    *("slices.mp4", "pyramid.mkv", "b.avi", "p.mkv", "hevc.mp4", "v.webm", "v8.webm"),
    *("m2.ts", "one.mpg", "a.mp4", "j.avi"),
)
"""One or two of each codec whose headers are read."""


def make_sources(folder: Path, names: Sequence[str] = tuple(SOURCES)) -> list[Path]:
    """Writes the sources: a moving texture, so that pictures depend on each other."""
    os.environ.setdefault("SVT_LOG", "1")  # errors only
    texture = np.random.default_rng(0).integers(0, 256, (96, 400, 3), np.uint8)
    texture = texture.repeat(2, 0).repeat(2, 1)[:96]
    pictures = [np.ascontiguousarray(texture[:, 5 * i : 5 * i + 128]) for i in range(NUM_FRAMES)]
    formats = {"huffyuv": "yuv422p", "prores_ks": "yuv422p10le", "png": "rgb24"}
    return [
        write_film(folder / name, pictures, *SOURCES[name], pix_fmt=formats.get(SOURCES[name][0], "")) for name in names
    ]
