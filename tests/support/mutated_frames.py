"""Whether clips of damaged files say so: `python -m tests.support.mutated_frames --count 5000 [FOLDER ...]`.

A clip may be reported as undamaged only if plain decoding, of all packets in order, finds no damage in the pictures
that it shows or in those on which they depend. A picture may depend on all reference pictures that are stored before
it, back to the last key frame; but where one shows the same pixels although the damaged packet was left out, it does
not. And where plain decoding finds no damage anywhere, clips and windows must show its frames, with the numbers and
times that they have when no packet is left out.

Some decoders show what happens to be in memory where a damaged picture refers to one that isn't there, and don't say
so. Such frames differ from one plain decoding to the next; the outcome is then `undetermined`.

Sources in many codecs and containers are generated for it. What differs is printed, and kept with `--keep`.
"""

import argparse
import contextlib
import multiprocessing
import random
import shutil
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import av
import numpy as np

from pipelines.core.spec import ClipSpec
from pipelines.video.clip import Clip, read_clip
from pipelines.video.errors import VideoError, VideoTooShort
from pipelines.video.frames import open_video
from pipelines.video.long_video import read_windows
from pipelines.video.skipping import drop_plan
from pipelines.video.survey import survey
from pipelines.video.windows import WindowSpec
from tests.support import packet_mutation
from tests.support.av1_frames import decode_one_by_one
from tests.support.mutated_sources import SOURCES, make_sources
from tests.support.mutation import mutate
from tests.support.plain_decoding import Plain, decode_plainly, is_determined

KINDS = ("bits", "zeros", "noise", "truncated", "removed", "bits", *packet_mutation.KINDS, "head bits", "head bytes")
SPECS = tuple(ClipSpec(count, 32, 32) for count in (1, 3, 8))
WINDOWS = WindowSpec(0.8, 0.8, 0.8, 0.8)
_BATCH = 50
_FAILURES = (VideoError, VideoTooShort, MemoryError)  # a damaged size may need more memory than there is


@contextlib.contextmanager
def _all_packets() -> Iterator[None]:
    """Nothing is left out within this context."""
    real = drop_plan.plan
    drop_plan.plan = lambda *_: None
    try:
        yield
    finally:
        drop_plan.plan = real


def _read(path: Path, spec: ClipSpec) -> Clip | None:
    try:
        return read_clip(str(path), spec)
    except _FAILURES:
        return None


def judge(path: Path, spec: ClipSpec) -> tuple[str, str]:
    """What becomes of a file: `failed`, `damaged`, `undamaged`, or `undetermined` or `wrong`, and why."""
    clip = _read(path, spec)
    outcome = "failed" if clip is None else "damaged" if clip.damaged else "undamaged"
    if outcome == "damaged":
        return outcome, ""
    plain = decode_plainly(path, spec)
    if plain is None or (clip is None and plain.spans):
        return outcome, ""
    if plain.spans:
        assert clip is not None
        found = _silent_damage(clip, plain)
    else:
        with _all_packets():
            whole = _read(path, spec)
        found = _difference(clip, whole, plain) or _difference_of_windows(path, spec, plain)
    if found and plain.spans and clip is not None and _shows_what_frames_show(path, spec, clip):
        found = ""
    if found and not is_determined(path, spec, plain):
        return "undetermined", found
    return ("wrong", found) if found else (outcome, "")


def _shows_what_frames_show(path: Path, spec: ClipSpec, clip: Clip) -> bool:
    """Whether a clip of an AV1 video shows its frames as they are decoded one by one: plain decoding may go astray."""
    if _codec(path) != "av1":
        return False
    pictures = decode_one_by_one(path, spec)
    return all(
        index in pictures and np.array_equal(picture, pictures[index])
        for picture, index in zip(clip.frames, clip.frame_indices, strict=True)
    )


def _silent_damage(clip: Clip, plain: Plain) -> str:
    """The frames of an undamaged clip that are damaged in plain decoding or depend on what is."""
    silent = []
    for picture, index, (position, same) in zip(clip.frames, clip.frame_indices, plain.frames_of(clip), strict=True):
        is_reached = any(first <= position < behind for first, behind in plain.spans)
        if position in plain.damaged or (is_reached and (same is None or not np.array_equal(picture, same))):
            silent.append(index)
    return f"damage in frames {silent}" if silent else ""


def _difference(clip: Clip | None, whole: Clip | None, plain: Plain) -> str:
    """How a clip differs from one for which no packet is left out, and from plain decoding, which found no damage.

    Decoders may drop a damaged picture without a word, or show one whose packet is seen to be damaged. If nothing that
    the clip shows depends on it, the clip is that of the undamaged video, and only its pictures are compared.
    """
    if clip is None or whole is None:
        return "" if clip is whole else "a failure only with or only without all packets"
    if not clip.damaged and (whole.damaged or clip.num_source_frames > len(plain.order)):
        return _difference_of_pictures(clip, plain)
    for name in ("frame_indices", "timestamps_s", "num_source_frames", "duration_s", "damaged", "remarks"):
        if getattr(clip, name) != getattr(whole, name):
            return f"{name}: {getattr(clip, name)}, not {getattr(whole, name)}"
    if clip.frames.tobytes() != whole.frames.tobytes():
        return "other pixels"
    return "" if clip.damaged else _difference_of_pictures(clip, plain)


def _difference_of_pictures(clip: Clip, plain: Plain) -> str:
    for picture, index, (_, same) in zip(clip.frames, clip.frame_indices, plain.frames_of(clip), strict=True):
        if same is None or not np.array_equal(picture, same):
            return f"frame {index} is another"
    return ""


def _difference_of_windows(path: Path, spec: ClipSpec, plain: Plain) -> str:
    """Which window that is undamaged differs from plain decoding, which found no damage."""
    try:
        video = survey(str(path))
        # Otherwise frames are lost or come out twice, and there is more than one way to number them.
        if not video.num_frames == len(set(plain.order)) == len(plain.pictures) == len(plain.times):
            return ""
        # Windows take frames by their times, clips as they come out; these orders may disagree in damaged files.
        for piece in video.pieces(WINDOWS):
            for planned, result in zip(piece.windows, read_windows(str(path), spec, piece), strict=True):
                indices = [planned.first + index for index in spec.sample(planned.end - planned.first)]
                if result.failure or result.damaged:
                    continue
                if not any(
                    all(map(np.array_equal, result.frames, (pictures[index] for index in indices)))
                    for pictures in (plain.pictures, plain.in_time)
                ):
                    return f"window {planned.window.index}"
    except _FAILURES:
        pass
    return ""


def check(
    sources: Sequence[Path], folder: Path, numbers: Sequence[int], seed: int = 0, keep: Path | None = None
) -> Iterator[tuple[str, str, str]]:
    """What becomes of damaged copies: `failed`, `damaged`, `undamaged`, `undetermined`, `wrong`, or `none` where there
    is no such copy; the codec; and the file's name with what is wrong.

    Args:
        sources: videos.
        folder: where copies are written, and removed again.
        numbers: of the copies; each stands for a source, a kind of damage and a place.
        seed: other copies.
        keep: where copies with a wrong outcome are kept.
    """
    codecs = {path: _codec(path) for path in sources}
    for number in numbers:
        draw = random.Random(f"{seed}/{number}")
        source = sources[number % len(sources)]
        kind = KINDS[number // len(sources) % len(KINDS)]
        path = folder / f"{number:05d}-{kind.replace(' ', '-')}-{source.name}"
        same = [p for p in sources if codecs[p] == codecs[source] and p != source] or [source]
        try:
            if kind in packet_mutation.KINDS:
                packet_mutation.write(source, draw.choice(same), path, kind, draw)
            else:
                data = source.read_bytes()
                path.write_bytes(mutate(data, data, kind, draw))
        except packet_mutation.CannotMutate as error:
            yield "none", codecs[source], f"{path.name}: {error}"
        else:
            try:
                outcome, why = judge(path, SPECS[number % len(SPECS)])
            except Exception as error:  # none is foreseen
                outcome, why = "wrong", f"raises {error!r}"
            if outcome == "wrong" and keep:
                shutil.copy(path, keep)
            yield outcome, codecs[source], f"{path.name}: {why}"
        path.unlink(missing_ok=True)


def _codec(path: Path) -> str:
    with open_video(str(path)) as (_, stream):
        name: str = stream.codec_context.codec.canonical_name
        return name


def _check_batch(
    sources: Sequence[Path], folder: Path, numbers: Sequence[int], seed: int, keep: Path | None
) -> list[tuple[str, str, str]]:
    av.logging.set_level(None)
    return list(check(sources, folder, numbers, seed, keep))


def check_in_processes(
    sources: Sequence[Path], folder: Path, count: int, seed: int, jobs: int, keep: Path | None
) -> Iterator[tuple[str, str, str]]:
    """The same for copies 0 to `count`, in several processes. One that crashes is an outcome, too."""
    batches = [range(first, min(first + _BATCH, count)) for first in range(0, count, _BATCH)]
    for first in range(0, len(batches), jobs):
        # A pool each time: one that crashes takes all that is submitted with it.
        with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
            some = batches[first : first + jobs]
            waiting = [pool.submit(_check_batch, sources, folder, batch, seed, keep) for batch in some]
            for batch, future in zip(some, waiting, strict=True):
                try:
                    yield from future.result()
                except BrokenProcessPool:
                    yield "wrong", "?", f"a process crashed at {batch.start} to {batch.stop - 1}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--count", type=int, default=100, help="damaged copies in all")
    add("--seed", type=int, default=0, help="other seeds give other copies")
    add("--jobs", type=int, default=2, help="number of processes")
    add("--only", nargs="+", metavar="WORD", default=[], help="only sources whose names contain one of these words")
    add("--keep", type=Path, metavar="DIR", help="keep the copies whose outcome is wrong in this folder")
    add("folders", nargs="*", type=Path, help="folders with more videos, at any depth")
    arguments = parser.parse_args()
    av.logging.set_level(None)
    if arguments.keep:
        arguments.keep.mkdir(parents=True, exist_ok=True)
    outcomes = defaultdict[str, Counter[str]](Counter)
    with tempfile.TemporaryDirectory() as temporary:
        names = [name for name in SOURCES if not arguments.only or any(word in name for word in arguments.only)]
        sources = make_sources(Path(temporary, "sources"), names)
        for folder in arguments.folders:
            sources += [path for path in sorted(folder.rglob("*")) if path.suffix in (".avi", ".mp4", ".mov")]
        checked = check_in_processes(
            sources, Path(temporary), arguments.count, arguments.seed, arguments.jobs, arguments.keep
        )
        for outcome, codec, name in checked:
            outcomes[codec][outcome] += 1
            if outcome == "wrong":
                print(f"{codec}: {name}", flush=True)
    for codec, counts in sorted(outcomes.items()):
        print(f"{codec:12} {counts['wrong']:5} wrong, {dict(counts)}")
    sys.exit(1 if any(counts["wrong"] for counts in outcomes.values()) else 0)


if __name__ == "__main__":
    main()
