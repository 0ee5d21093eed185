"""Compares ways of making a small RGB picture from a decoded frame: cost, and distance from the exact area average.

The exact picture is computed in float64 without any of the contestants: the area average of each plane, then BT.601
with limited range. Errors are in grey levels, over all channels of all pixels.
"""

import argparse
import gc
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from benchmarks import common
from pipelines.video.resize import AREA

_RGB_FROM_FULL_RANGE_YUV = np.array([[1, 0, 1.402], [1, -0.344136, -0.714136], [1, 1.772, 0]])
_FULL_FROM_LIMITED_RANGE = np.array([255 / 219, 255 / 224, 255 / 224])
_LIMITED_RANGE = (0, 1)  # FFmpeg's numbers: unspecified, limited
_BT601 = (2, 5, 6)  # unspecified, PAL, NTSC

Resize = Callable[[av.VideoFrame], np.ndarray]


def _methods(size: int) -> dict[str, Resize]:
    reformatter = VideoReformatter()
    full_size = VideoReformatter()

    def pyav(flags: int) -> Resize:
        return lambda f: reformatter.reformat(f, size, size, "rgb24", interpolation=flags, threads=1).to_ndarray()

    def of_rgb(frame: av.VideoFrame) -> np.ndarray:
        rgb = full_size.reformat(frame, format="rgb24", threads=1).to_ndarray()
        return cv2.resize(rgb, (size, size), interpolation=cv2.INTER_AREA)

    def of_bgr(interpolation: int) -> Resize:
        def run(frame: av.VideoFrame) -> np.ndarray:
            # What VideoCapture does within `retrieve`, FFmpeg's conversion with the same flag.
            bgr = full_size.reformat(frame, format="bgr24", interpolation=Interpolation.BICUBIC, threads=1).to_ndarray()
            return cv2.cvtColor(cv2.resize(bgr, (size, size), interpolation=interpolation), cv2.COLOR_BGR2RGB)

        return run

    return {
        "ours: PyAV, AREA and full colour": pyav(AREA),
        "PyAV, AREA": pyav(Interpolation.AREA),
        "OpenCV, INTER_AREA of full RGB": of_rgb,
        "OpenCV, INTER_AREA of full BGR": of_bgr(cv2.INTER_AREA),
        "OpenCV, default of full BGR (notebooks)": of_bgr(cv2.INTER_LINEAR),
    }


def _area_weights(source: int, target: int) -> np.ndarray:
    """float64 [target, source]: the share of each source pixel in each target pixel."""
    edges = np.arange(target + 1) * (source / target)
    pixels = np.arange(source)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.clip(overlap, 0, None) * (target / source)


def _planes(frame: av.VideoFrame) -> list[np.ndarray]:
    return [np.frombuffer(bytes(p), np.uint8).reshape(p.height, p.line_size)[:, : p.width] for p in frame.planes]


def exact(frame: av.VideoFrame, size: int) -> np.ndarray:
    """float64 [size, size, 3] RGB of a yuv420p frame with BT.601 colours in limited range."""
    planes = [
        _area_weights(plane.shape[0], size) @ plane.astype(np.float64) @ _area_weights(plane.shape[1], size).T
        for plane in _planes(frame)
    ]
    yuv = (np.stack(planes, axis=-1) - [16, 128, 128]) * _FULL_FROM_LIMITED_RANGE
    return np.clip(yuv @ _RGB_FROM_FULL_RANGE_YUV.T, 0, 255)


def _frames(videos: Sequence[str], per_video: int, size: int) -> list[av.VideoFrame]:
    """Frames from the whole of each video; only those for which the reference holds."""
    chosen: list[av.VideoFrame] = []
    for path in videos:
        try:
            with av.open(path) as container:
                found = list(container.decode(video=0))
        except av.FFmpegError:
            continue
        for frame in common.spread(found, per_video):
            fits = min(frame.width, frame.height) // 2 >= size
            usual = frame.color_range in _LIMITED_RANGE and frame.colorspace in _BT601
            if frame.format.name == "yuv420p" and fits and usual:
                chosen.append(frame)
    return chosen


def measure(frames: Sequence[av.VideoFrame], size: int, rounds: int) -> dict[str, dict[str, Any]]:
    """Seconds of each method in each round, interleaved, and its errors."""
    methods = _methods(size)
    reference = np.stack([exact(frame, size) for frame in frames])
    results: dict[str, dict[str, Any]] = {}
    for name, resize in methods.items():
        error = np.stack([resize(frame) for frame in frames]) - reference
        results[name] = {
            "cpu_s": [],
            "mean": float(np.abs(error).mean()),
            "p99_9": float(np.quantile(np.abs(error), 0.999)),
            "max": float(np.abs(error).max()),
            "bias": float(error.mean()),
        }
    names = list(methods)
    for number in range(rounds):
        for name in common.rotated(names, number):
            gc.collect()
            resize, start_s = methods[name], time.process_time()
            for frame in frames:
                resize(frame)
            results[name]["cpu_s"].append(time.process_time() - start_s)
    return results


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = common.rounds_parser("resize", __doc__, rounds=15)
    add = parser.add_argument
    limit_help = "at most N videos of each folder (0: all; default %(default)s)"
    add("--limit", type=int, default=20, metavar="N", help=limit_help)
    frames_help = "at most N frames of each video, spread over it; all are held in memory (default %(default)s)"
    add("--frames", type=common.positive, default=6, metavar="N", help=frames_help)
    add("--size", type=common.positive, default=64, metavar="N", help="pixels of a side (default %(default)s)")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Prints a table for each folder."""
    args = _parse(argv)
    cv2.setNumThreads(1)
    facts = common.machine()
    common.print_machine(facts)
    headers = ["method", "us per frame", "median", "mean error", "99.9 %", "max", "bias"]
    everything: dict[str, Any] = {}
    with common.video_sets(args.videos, args.limit) as sets:
        for folder, videos in sets.items():
            frames = _frames(videos, args.frames, args.size)
            if not frames:
                common.log(f"{folder}: no frames in yuv420p with BT.601 colours of at least twice the size")
                continue
            results = measure(frames, args.size, args.rounds)
            sizes = sorted({(frame.width, frame.height) for frame in frames})
            shown = ", ".join(f"{w}x{h}" for w, h in sizes[:4]) + (" ..." if len(sizes) > 4 else "")
            print(f"\n{folder}: {len(frames)} frames of {shown} to {args.size}x{args.size}, {args.rounds} rounds\n")
            rows = []
            for name, result in results.items():
                best_us = min(result["cpu_s"]) / len(frames) * 1e6
                median_us = statistics.median(result["cpu_s"]) / len(frames) * 1e6
                numbers = [(result["mean"], ".2f"), (result["p99_9"], ".1f"), (result["max"], ".1f")]
                numbers = [(best_us, ".0f"), (median_us, ".0f"), *numbers, (result["bias"], "+.2f")]
                rows.append([name, *(format(number, form) for number, form in numbers)])
            common.print_table(headers, rows, args.markdown)
            everything[folder] = {"frames": len(frames), "size": args.size, "methods": results}
    common.write_json(args.json, facts, everything)
    return 0 if everything else 1


if __name__ == "__main__":
    sys.exit(main())
