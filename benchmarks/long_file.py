"""What 20 frames of a long file cost: seconds of CPU and wall time, and megabytes read.

  python -m benchmarks.long_file

Files of two hours, 1280x720, of more than a gigabyte each, are made by writing the packets of a short video over and
over. A clip is read twice from each: as `read_clip` does it, by the file's tables, and as it does with files that have
no such tables, by reading all packets. Both clips must be the same. Bytes are those that the process reads through the
operating system, cached or not: what would have to come from a store.
"""

import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from unittest import mock

import av
import numpy as np
import psutil

from benchmarks import common
from benchmarks.decoding_methods import SPEC
from pipelines.video import clip as clips
from tests.support.long_files import repeat

_WIDTH, _HEIGHT, _RATE, _BASE_S = 1280, 720, 25, 61
_HEADERS = ["file", "MB", "key frames every", "read", "CPU s", "wall s", "MB read"]
_X265 = "scenecut=0:bframes=3:log-level=none:pools=1"
ENCODINGS: dict[str, tuple[str, Mapping[str, str]]] = {
    "H.264": ("libx264", {"preset": "ultrafast", "sc_threshold": "0", "bf": "3"}),
    "HEVC": ("libx265", {"preset": "ultrafast", "x265-params": _X265}),
}
INTERVALS = (30, 250)


@dataclass(frozen=True)
class Cost:
    """What a clip of a file cost; times in seconds."""

    codec: str
    interval: int
    file_bytes: int
    way: str
    cpu_s: float
    wall_s: float
    read_bytes: int


def pictures(count: int) -> Iterator[np.ndarray]:
    """A texture that moves, uint8 [H, W, 3], with noise."""
    draw = np.random.default_rng(0)
    texture = draw.integers(0, 256, (_HEIGHT // 8 + 20, _WIDTH // 4, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    for index in range(count):
        down, right = index // 4 % 100, index % 400
        picture = texture[down : down + _HEIGHT, right : right + _WIDTH].copy()
        picture[::16, ::16] = draw.integers(0, 256, picture[::16, ::16].shape, np.uint8)
        yield picture


def write_short(path: Path, encoder: str, options: Mapping[str, str]) -> None:
    """Writes the video that is repeated."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(encoder, rate=_RATE, options=dict(options))
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = _WIDTH, _HEIGHT, "yuv420p", 1_300_000
        for picture in pictures(_BASE_S * _RATE):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def read(path: Path, is_sparse: bool) -> tuple[clips.Clip, float, float, int]:
    """A clip, CPU and wall time in seconds, and bytes that were read."""
    process, whole = psutil.Process(), mock.patch.object(clips, "list_frames", lambda *_: None)
    before, cpu_s, wall_s = process.io_counters().read_chars, time.process_time(), time.perf_counter()
    if is_sparse:
        clip = clips.read_clip(str(path), SPEC)
    else:
        with whole:
            clip = clips.read_clip(str(path), SPEC)
    cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
    return clip, cpu_s, wall_s, process.io_counters().read_chars - before


def measure(folder: Path, hours: float, words: Sequence[str]) -> Iterator[Cost]:
    """The costs of all files, one after the other, which are removed after use."""
    for codec, (encoder, options) in ENCODINGS.items():
        for interval in INTERVALS:
            if words and f"{codec}, {interval}" not in words:
                continue
            common.log(f"making {codec}, {interval}")
            options = {**options, "g": str(interval), "keyint_min": str(interval)}
            write_short(folder / "short.mp4", encoder, options)
            path = repeat(folder / "short.mp4", folder / "long.mp4", max(1, round(hours * 3600 / _BASE_S)))
            read(path, is_sparse=True)  # to have the code loaded
            found = []
            for way, is_sparse in (("what is needed", True), ("all packets", False)):
                clip, cpu_s, wall_s, read_bytes = read(path, is_sparse)
                found.append(clip)
                yield Cost(codec, interval, path.stat().st_size, way, cpu_s, wall_s, read_bytes)
            if not np.array_equal(found[0].frames, found[1].frames) or found[0].timestamps_s != found[1].timestamps_s:
                sys.exit(f"error: {codec}, {interval}: the clips differ")
            path.unlink()


def main(argv: Sequence[str] | None = None) -> int:
    """Prints a table of costs."""
    parser = common.make_parser("long_file", __doc__)
    add = parser.add_argument
    add("--hours", type=float, default=2.0, metavar="H", help="length of the files (default %(default)s)")
    common.add_scratch(parser, "the files, of 1.5 GB each")
    add("--only", nargs="*", default=[], metavar="NAME", help='only these, such as "HEVC, 30"')
    args = parser.parse_args(argv)
    facts = common.machine()
    common.print_machine(facts)
    costs: list[Cost] = []
    with tempfile.TemporaryDirectory(prefix="long-file-", dir=args.scratch) as scratch:
        for cost in measure(Path(scratch), args.hours, args.only):
            costs.append(cost)
            common.log(f"{cost.codec}, {cost.interval}, {cost.way}: {cost.cpu_s:.2f} CPU s, {cost.wall_s:.2f} s")
    rows = [
        [
            cost.codec, f"{cost.file_bytes / 1e6:,.0f}", f"{cost.interval} frames", cost.way, f"{cost.cpu_s:.2f}",
            f"{cost.wall_s:.2f}", f"{cost.read_bytes / 1e6:,.1f}",
        ]
        for cost in costs
    ]  # fmt: skip
    common.print_table(_HEADERS, rows, args.markdown)
    common.write_json(args.json, facts, [asdict(cost) for cost in costs])
    return 0


if __name__ == "__main__":
    sys.exit(main())
