"""Bytes, requests and time that decoding videos in stores takes: by fetching each file, or by reading blocks of it.

The stores are moto (S3) and gcp-storage-emulator (Google) on this machine. A proxy before them delays each answer and
sends it slowly, on each connection by itself, as stores do.

  python -m benchmarks.stores --delay-ms 20 --mb-per-s 1
"""

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import av
import numpy as np

from benchmarks import common
from pipelines import files
from pipelines.core.spec import ClipSpec, FrameEncoding
from pipelines.decoding.lent_file import Opened
from pipelines.decoding.messages import CutVideo, DecodedClip, DecodeJob, DecodeLimits, WindowJob
from pipelines.decoding.pool import DecoderPool
from pipelines.video.windows import WindowSpec
from tests.support.fault_proxy import Fault, FaultProxy, fault_proxy
from tests.support.gcs_server import gcs_server, google_environment
from tests.support.s3_server import s3_server

_SPEC = ClipSpec(num_frames=20, height=64, width=64)
_FILM_S, _RATE = 20, 25
_WINDOWS = WindowSpec(window_s=4.0, stride_s=4.0, whole_up_to_s=8.0)
_HEADERS = ["", "store", "way", "files MB", "read MB", "requests", "for each video", "seconds"]
_LIMITS = DecodeLimits()
Open = Callable[[str], Opened]
WAYS: dict[str, Open] = {
    "whole files": files.local_copy,
    "blocks": lambda uri: files.borrowed(uri, _LIMITS.disk_mb),
}


@dataclass(frozen=True)
class Cost:
    """What a way of reading some videos takes: bytes and requests of the store, and seconds."""

    case: str
    store: str
    way: str
    num_videos: int
    file_bytes: int
    read_bytes: int
    requests: int
    seconds: float


def write_long(path: Path, seconds: int, bit_rate: int) -> None:
    """Writes an H.264 video of moving noise: some seconds of it, again and again. Its index is at the end."""
    noise = np.random.default_rng(1).integers(0, 256, (360, 1280, 3), np.uint8)
    with av.open(str(path), "w") as container:
        options = {"preset": "ultrafast", "g": str(2 * _RATE), "x264-params": "scenecut=0:nal-hrd=cbr:force-cfr=1"}
        stream: Any = container.add_stream("libx264", rate=_RATE, options=options)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 640, 360, "yuv420p", bit_rate
        packets: list[av.Packet] = []
        for index in range(_FILM_S * _RATE):
            shift = 2 * index % 640
            packets += stream.encode(av.VideoFrame.from_ndarray(noise[:, shift : shift + 640].copy(), format="rgb24"))
        packets += stream.encode()
        facts = [(bytes(packet), packet.pts or 0, packet.dts or 0, packet.is_keyframe) for packet in packets]
        unit = round(1 / _RATE / float(packets[0].time_base))
        for start in range(0, seconds * _RATE, _FILM_S * _RATE):
            for data, pts, dts, is_key in facts:
                packet = av.Packet(data)
                packet.stream, packet.time_base, packet.is_keyframe = stream, packets[0].time_base, is_key
                packet.pts, packet.dts = pts + start * unit, dts + start * unit
                container.mux(packet)


def clips(pool: DecoderPool, uris: Sequence[str], open_file: Open) -> None:
    """Makes a clip of each video, as preprocessing does."""
    for uri, result in pool.map(uris, DecodeJob(_SPEC, FrameEncoding(), limits=_LIMITS), open_file):
        if not isinstance(result, DecodedClip):
            sys.exit(f"error: {uri}: {result}")


def windows(pool: DecoderPool, uris: Sequence[str], open_file: Open, range_s: float) -> None:
    """Decodes the windows of a long video, range by range, as labelling does."""
    job = WindowJob(_SPEC, replace(_WINDOWS, range_s=range_s), _LIMITS)
    ((_, cut, _),) = pool.stream(uris, job, open_file)
    if not isinstance(cut, CutVideo):
        sys.exit(f"error: not cut: {cut}")
    for _, result, last in pool.stream(cut.ranges, job, lambda _: open_file(uris[0]), lambda part: part, 4):
        if last and result is not None:
            sys.exit(f"error: {result}")


@contextlib.contextmanager
def stores(delay_s: float, bytes_per_s: float) -> Iterator[dict[str, tuple[FaultProxy, Callable[[str, bytes], None]]]]:
    """For the address of each store's bucket, its proxy and how to put a file there without the proxy."""
    slow = Fault(delay_s=delay_s, bytes_per_s=bytes_per_s)
    with contextlib.ExitStack() as stack:
        enter = stack.enter_context
        google, amazon = enter(gcs_server()), enter(s3_server())
        proxies = enter(fault_proxy(google.url)), enter(fault_proxy(amazon.url))
        for proxy in proxies:
            proxy.decide = lambda method, path: slow
        bucket = amazon.make_bucket("bucket")
        nowhere = Path(enter(tempfile.TemporaryDirectory()))
        environment = {
            **amazon.environment(AWS_ENDPOINT_URL=proxies[1].url),
            **google_environment(nowhere, STORAGE_EMULATOR_HOST=proxies[0].url),
        }
        enter(mock.patch.dict(os.environ, environment))
        yield {"gs://bucket": (proxies[0], google.put), bucket: (proxies[1], amazon.put)}


def measure(args: argparse.Namespace, short: Sequence[str], scratch: Path) -> Iterator[Cost]:
    """The costs of all cases, stores and ways."""
    for name, seconds in (("long", args.long_s), ("longer", args.clip_s)):
        write_long(scratch / f"{name}.mp4", seconds, args.bit_rate)
    cases: dict[str, tuple[list[str], Callable[[DecoderPool, Sequence[str], Open], None]]] = {
        f"clips of {len(short)} short videos": (list(short), clips),
        f"windows of {args.long_s} s, ranges of {args.range_s} s": (
            [str(scratch / "long.mp4")],
            lambda pool, uris, open_file: windows(pool, uris, open_file, args.range_s),
        ),
        f"one clip of {args.clip_s} s": ([str(scratch / "longer.mp4")], clips),
    }
    with stores(args.delay_ms / 1000, args.mb_per_s * 1e6) as found:
        for case, (paths, run) in cases.items():
            for root, (proxy, put) in found.items():
                uris = [f"{root}/{number}{Path(path).suffix}" for number, path in enumerate(paths)]
                for uri, path in zip(uris, paths, strict=True):
                    put(uri, Path(path).read_bytes())
                for way, open_file in WAYS.items():
                    pool = DecoderPool(len(os.sched_getaffinity(0)), _LIMITS)
                    with contextlib.closing(pool):
                        list(pool.map(paths, DecodeJob(_SPEC, FrameEncoding(), limits=_LIMITS), contextlib.nullcontext))
                        proxy.requests.clear()
                        proxy.num_bytes, start_s = 0, time.perf_counter()
                        run(pool, uris, open_file)
                        passed_s = time.perf_counter() - start_s
                    size = sum(os.path.getsize(path) for path in paths)
                    yield Cost(case, root, way, len(paths), size, proxy.num_bytes, len(proxy.requests), passed_s)


def main(argv: Sequence[str] | None = None) -> int:
    """Prints a table of costs."""
    parser = common.make_parser("stores", __doc__, videos=1)
    add = parser.add_argument
    add("--delay-ms", type=float, default=20.0, metavar="MS", help="before each answer (default %(default)s)")
    add("--mb-per-s", type=float, default=1.0, metavar="N", help="speed of each connection (default %(default)s)")
    add("--limit", type=common.positive, default=24, metavar="N", help="short videos (default %(default)s)")
    add("--long-s", type=common.positive, default=120, metavar="N", help="length of the long one (default %(default)s)")
    add("--range-s", type=common.positive, default=10, metavar="N", help="length of its ranges (default %(default)s)")
    add("--clip-s", type=common.positive, default=600, metavar="N", help="length for one clip (default %(default)s)")
    add("--bit-rate", type=common.positive, default=1_000_000, metavar="N", help="of long videos (%(default)s)")
    args = parser.parse_args(argv)
    facts = common.machine()
    common.print_machine(facts)
    costs, rows = [], []
    with common.video_sets(args.videos, args.limit) as sets, tempfile.TemporaryDirectory(prefix="stores-") as scratch:
        ((_, short),) = sets.items()
        for cost in measure(args, short, Path(scratch)):
            costs.append(asdict(cost))
            rows.append([
                cost.case, cost.store.partition(":")[0], cost.way, f"{cost.file_bytes / 1e6:.1f}",
                f"{cost.read_bytes / 1e6:.1f}", str(cost.requests), f"{cost.requests / cost.num_videos:.1f}",
                f"{cost.seconds:.1f}",
            ])  # fmt: skip
            common.log(", ".join(rows[-1]))
    common.print_table(_HEADERS, rows, args.markdown)
    common.write_json(args.json, facts, costs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
