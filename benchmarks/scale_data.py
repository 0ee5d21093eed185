"""Simulated collections of any size: names, manifests, empty files, ledgers, and shards of tiny clips."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from pipelines import files
from pipelines.core.failure import Failure
from pipelines.dataset import folder
from pipelines.dataset.plan import ShardTask
from pipelines.dataset.shard_writer import ShardSettings, write_shard
from pipelines.decoding.messages import ClipResult, DecodedClip, DecodeJob
from pipelines.files.output_folder import temporary_folder
from pipelines.inputs.catalog import VideoRecord
from pipelines.labelling import folder as label_store
from pipelines.labelling.ledger import MAX_STRIPS, Entry
from pipelines.labelling.plan import ShardListing
from pipelines.video.windows import Window

NUM_CLASSES = 50
_GROUPS = 25
_PORTION = 256
"""Entries in a file of the ledger: the job flushes after 512 entries, which belong to two or three shards."""
_STRIP = "x" * 4000
"""As long as a film strip of 64x64 pixels in base64."""
_FAILED_EVERY = 100
"""One in this many videos can't be decoded."""


def class_name(number: int) -> str:
    """Name of a class."""
    return f"Activity{number % NUM_CLASSES:02d}"


def names(count: int) -> Iterator[tuple[str, str]]:
    """Class and file name of `count` videos in UCF50's layout."""
    for i in range(count):
        label, group, clip = class_name(i), i // NUM_CLASSES % _GROUPS + 1, i // NUM_CLASSES // _GROUPS
        yield label, f"v_{label}_g{group:02d}_c{clip:06d}.avi"


def make_tree(root: str, count: int) -> None:
    """A tree of empty files."""
    for number in range(NUM_CLASSES):
        os.makedirs(os.path.join(root, class_name(number)))
    for label, name in names(count):
        os.close(os.open(f"{root}/{label}/{name}", os.O_CREAT | os.O_WRONLY, 0o644))


def make_manifest(path: str, count: int) -> None:
    """A manifest of `count` videos without groups: each is a group of its own. The files don't exist."""
    with open(path, "w") as file:
        file.write("path,label\n")
        file.writelines(f"clips/{label}/{name.replace('_g', '_take')},{label}\n" for label, name in names(count))


def fill_ledger(output: str, shards: Sequence[ShardListing], key: str) -> None:
    """A ledger with all videos, one window each, written in portions as large as the job's."""
    random = np.random.default_rng(0)
    for shard, listing in enumerate(shards):
        videos = listing.videos()
        for first in range(0, len(videos), _PORTION):
            portion = videos[first : first + _PORTION]
            rows = random.dirichlet(np.full(NUM_CLASSES, 0.2), len(portion)).astype(np.float32)
            least = set(np.argsort(rows.max(1))[:MAX_STRIPS].tolist())
            strips: list[dict[int, str]] = [{0: _STRIP} if i in least else {} for i in range(len(portion))]
            window = (Window(0, 0.0, 7.2),)
            entries = [
                Entry(v.video_id, v.version, key, "", (), 1, 7.2, False, window, row[None], (), strips=strip)
                for v, row, strip in zip(portion, rows, strips, strict=True)
            ]
            label_store.add_to_ledger(output, shard, entries)


class InstantPool:
    """Takes the place of the decoders: tiny clips at once, and a failure now and then."""

    def map(
        self, videos: Iterable[VideoRecord], job: DecodeJob, _: Any, wants_strip: Callable[[VideoRecord], bool]
    ) -> Iterator[tuple[VideoRecord, ClipResult]]:
        """As `DecoderPool.map`."""
        frames = [bytes(job.spec.num_bytes)]
        sample = list(job.spec.sample(200))
        times = [0.1] * len(sample)
        for number, video in enumerate(videos, 1):
            if number % _FAILED_EVERY == 0:
                yield video, Failure("decode", "VideoOpenError", "Invalid data found when processing input")
                continue
            strip = bytes(3000) if wants_strip(video) else None
            yield video, DecodedClip(frames, sample, times, 200, 7.0 + number % 10 / 10, False, strip)


def write_shards(output: str, tasks: Iterable[ShardTask], settings: ShardSettings) -> None:
    """Shards and their reports as the job writes them, except for the pixels."""
    pool: Any = InstantPool()
    for task in tasks:
        with files.write_atomically(files.join(output, task.name), temporary_folder(output)) as file:
            report = write_shard(task, settings, pool, lambda video: files.local_copy(video.uri), file)
        folder.write_report(output, report)
