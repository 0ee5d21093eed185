"""Measures what the windows of a long video take, compared with decoding all of its frames: CPU seconds, one thread.

Films of each codec are made first, 640x360, 25 frames a second, with a key frame every 30 and every 250 frames. Windows
have 10 s and begin every 5 s; 20 frames of each are taken and made small. Each way runs in a process of its own, whose
peak memory is that of the table.

  python -m benchmarks.windows
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import av.logging
import numpy as np

from benchmarks import common
from pipelines.core.spec import ClipSpec
from pipelines.video.long_video import read_windows
from pipelines.video.survey import survey
from pipelines.video.windows import WindowSpec

_SPEC = ClipSpec(num_frames=20, height=64, width=64)
_WINDOWS = WindowSpec(window_s=10, stride_s=5, whole_up_to_s=10, range_s=600)
_RATE, _WIDTH, _HEIGHT = 25, 640, 360
_GROUPS = (30, 250)
_LOOP_S = 60
"""Films repeat after this time, so that only this much is encoded. AVI counts time on, so that all of it is."""


def _quick(group: int) -> dict[str, str]:
    return {"g": str(group), "b": "1M", "deadline": "realtime", "cpu-used": "8", "lag-in-frames": "16"}


def _x265(group: int) -> dict[str, str]:
    return {"preset": "ultrafast", "x265-params": f"keyint={group}:min-keyint={group}:bframes=3:log-level=none"}


FILMS: dict[str, tuple[str, str, Callable[[int], dict[str, str]]]] = {
    # name, suffix and encoder of each kind of film, and its options for a distance of key frames
    "H.264": (".mp4", "libx264", lambda group: {"preset": "veryfast", "g": str(group)}),
    "H.264 without B-frames": (".mp4", "libx264", lambda group: {"preset": "veryfast", "g": str(group), "bf": "0"}),
    "HEVC": (".mp4", "libx265", _x265),
    "MPEG-4 (MP4)": (".mp4", "mpeg4", lambda group: {"g": str(group), "bf": "2", "b": "1200k"}),
    "MPEG-4 (AVI)": (".avi", "mpeg4", lambda group: {"g": str(group), "bf": "2", "b": "1200k"}),
    "VP9": (".webm", "libvpx-vp9", _quick),
    "AV1": (".mp4", "libsvtav1", lambda group: {"preset": "10", "crf": "40", "g": str(group)}),
}


def write_film(path: str, encoder: str, options: dict[str, str], minutes: int) -> None:
    """Writes a film of a moving texture with noise, and an object that moves on its own."""
    noise = np.random.default_rng(0).integers(0, 256, (_HEIGHT // 8, _WIDTH // 4, 3), np.uint8)
    texture = noise.repeat(8, 0).repeat(8, 1) // 2 + 64
    grain = np.random.default_rng(1).integers(0, 12, (8, _HEIGHT, _WIDTH, 3), np.uint8)
    loop_s = 60 * minutes if path.endswith(".avi") else _LOOP_S
    with av.open(path, "w") as container:
        stream: Any = container.add_stream(encoder, rate=_RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = _WIDTH, _HEIGHT, "yuv420p"
        packets = []
        for index in range(loop_s * _RATE):
            x, y = int(_WIDTH / 2 * (1 + np.sin(index / 40))), 3 * index % (_HEIGHT - 80)
            picture = texture[:, x : x + _WIDTH] + grain[index % 8]
            picture[y : y + 80, 100:260] = 255 - picture[y : y + 80, 100:260]
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, _RATE)
            packets += stream.encode(frame)
        packets += stream.encode()
        ticks = round(loop_s / packets[0].time_base)
        for number in range(60 * minutes // loop_s):
            for packet in packets:
                again = av.Packet(bytes(packet))
                again.stream, again.time_base, again.is_keyframe = stream, packet.time_base, packet.is_keyframe
                again.pts, again.dts = packet.pts + number * ticks, packet.dts + number * ticks
                again.duration = packet.duration
                container.mux(again)


def windows_of(path: str) -> int:
    """Surveys a video and reads all its windows; how many there are."""
    return sum(
        not (clip.damaged or clip.failure)
        for piece in survey(path).pieces(_WINDOWS)
        for clip in read_windows(path, _SPEC, piece)
    )


def all_frames_of(path: str) -> int:
    """Decodes all frames of a video in one thread, and converts none; how many there are."""
    with av.open(path) as container:
        container.streams.video[0].codec_context.thread_count = 1
        return sum(1 for _ in container.decode(video=0))


_WAYS = {"windows": windows_of, "all frames": all_frames_of}


def _alone(way: str, path: str) -> dict[str, float]:
    """What a way of reading takes, measured in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.windows", "--alone", way, path]
    done = subprocess.run(command, cwd=common.REPOSITORY, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _report(way: str, path: str) -> None:
    av.logging.set_level(None)
    start_s = time.process_time()
    count = _WAYS[way](path)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"count": count, "cpu_s": time.process_time() - start_s, "peak_mb": peak_mb}))


def main(argv: Sequence[str] | None = None) -> int:
    """Prints a table of CPU seconds."""
    parser = common.make_parser("windows", __doc__, rounds=3)
    add = parser.add_argument
    add("--minutes", type=common.positive, default=20, metavar="N", help="length of the films (default %(default)s)")
    add("--codecs", metavar="NAME,NAME", default=",".join(FILMS),
        help="codecs of the films (default %(default)s)")  # fmt: skip
    add("--alone", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.alone:
        _report(*args.alone)
        return 0
    names = args.codecs.split(",")
    if unknown := [name for name in names if name not in FILMS]:
        parser.error(f"no such codec: {', '.join(unknown)}; there are {', '.join(FILMS)}")
    facts = common.machine()
    common.print_machine(facts)
    os.environ.setdefault("SVT_LOG", "1")  # errors only
    av.logging.set_level(None)
    rows, results = [], {}
    for name in names:
        suffix, encoder, options = FILMS[name]
        for group in _GROUPS:
            with tempfile.TemporaryDirectory(prefix="windows-") as scratch:
                path = str(Path(scratch, f"film{suffix}"))
                write_film(path, encoder, options(group), args.minutes)
                found = common.interleaved({way: partial(_alone, way, path) for way in _WAYS}, args.rounds)
            results[f"{name}, {group}"] = found
            sparing, whole = found["windows"], found["all frames"]
            ratios = [one["cpu_s"] / other["cpu_s"] for one, other in zip(sparing, whole, strict=True)]
            best = [min(run["cpu_s"] for run in runs) for runs in (sparing, whole)]
            rows.append(
                [name, str(group), f"{sparing[0]['count']:,.0f}", *(f"{seconds:.1f}" for seconds in best),
                 f"{statistics.median(ratios):.0%}", f"{max(run['peak_mb'] for run in sparing):.0f}"]
            )  # fmt: skip
    headers = ["codec", "key frame every", "windows", "CPU s", "all frames, CPU s", "of it, median", "peak MB"]
    common.print_table(headers, rows, args.markdown)
    common.write_json(args.json, facts, results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
