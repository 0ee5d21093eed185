"""What an input holds, from its listing and a sample of its videos, and what preprocessing it would take."""

import posixpath
import shutil
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from pipelines import files
from pipelines.core.errors import UserError
from pipelines.core.label_sets import split_labels
from pipelines.core.video_files import describe_ignored
from pipelines.core.wording import some
from pipelines.dataset.config import PreprocessConfig
from pipelines.dataset.listing import read_catalog
from pipelines.dataset.split_choice import note_splits
from pipelines.decoding.messages import DecodeFiltered
from pipelines.diagnosis.finding import Finding, split_remedy
from pipelines.diagnosis.sample import Sample, decode_sample, draw, record_bytes, with_copies, with_parts
from pipelines.diagnosis.system import usable_memory
from pipelines.inputs.catalog import Catalog, VideoRecord
from pipelines.inputs.class_notes import note_classes
from pipelines.inputs.folders import in_usual_order
from pipelines.inputs.label_unions import with_several_labels
from pipelines.inputs.overlaps import remark_overlaps
from pipelines.reports.text import by_count, human_bytes, human_seconds, plural, visible
from pipelines.video.remarks import is_single_picture

SECTION, ESTIMATE = "input", "estimate"
_SHOWN = 3
_WARNING = "WARNING: "


def check_input(config: PreprocessConfig, output: str) -> Iterator[Finding]:
    """Lists an input, decodes a sample of it, and estimates what all of it would take.

    Args:
        config: with the input and the settings of the clips.
        output: a local folder whose disk the dataset would have to fit on.
    """
    try:
        files.check_stores(config.input)
        catalog = read_catalog(config.input, config.class_level, config.video_pattern, config.multi_label)
        catalog = with_several_labels(catalog) if config.multi_label else remark_overlaps(catalog)
        yield from describe_listing(catalog, config.input)
        yield from describe_notes(note_classes(note_splits(catalog)))
        videos = list({video.uri: video for video in reversed(catalog.videos)}.values())  # each once, if it has parts
        drawn = draw(videos)
        sample = decode_sample(with_parts(drawn, catalog.videos), config)
        copies = with_copies(catalog, drawn)
    except (UserError, OSError) as error:
        problem, remedy = split_remedy(str(getattr(error, "strerror", None) or error))
        yield Finding(SECTION, "input", config.input, problem, remedy or "Correct --input")
        return
    yield from describe_sample(sample, catalog.videos, config.max_failure_rate)
    yield describe_copies(copies, len(drawn))
    yield from estimate(sample, len(catalog.videos), output, usable_memory())


def describe_listing(catalog: Catalog, source: str) -> Iterator[Finding]:
    """Classes, groups, files that aren't videos, and what can't be listed."""
    groups = len({video.group for video in catalog.videos})
    num_videos = _count_videos(catalog.videos)
    parts = (
        *([plural(len(catalog.videos), "clip")] if num_videos < len(catalog.videos) else []),
        plural(num_videos, "video"),
        plural(len(catalog.labels), "class", "classes"),
        plural(groups, "group"),
    )
    yield Finding(SECTION, "listed", f"{', '.join(parts)} in {source}")
    if catalog.num_ungrouped:
        count = catalog.num_ungrouped
        yield Finding(
            SECTION, "without group", f"{plural(count, 'video')}, each a group of its own (docs/reference/input.md)"
        )
    if catalog.ignored:
        what = describe_ignored(catalog.ignored, visible)
        yield Finding(SECTION, "not videos", f"{plural(len(catalog.ignored), 'file')}: {what}")
    missing = [*dict.fromkeys(video.uri for video in catalog.videos if video.version == "missing")]
    if missing:
        remedy = "Correct the manifest or the links; without that, each becomes a failure record"
        yield Finding(
            SECTION,
            "missing",
            plural(len(missing), "video"),
            f"not there, or no files: {some(missing, _SHOWN)}",
            remedy,
        )
    rows = [failure for failure in catalog.left_out.failed if failure.label]
    if rows:
        remedy = "Correct the manifest; without that, each becomes a failure record"
        yield Finding(SECTION, "rows", plural(len(rows), "row"), f"can't be used, as in {rows[0].message}", remedy)
    for failure in catalog.left_out.failed:
        if failure.label:
            continue
        remedy = "Give permission to read it, or correct the link"
        yield Finding(SECTION, "unreadable", failure.uri, failure.message, remedy)


def describe_notes(catalog: Catalog) -> Iterator[Finding]:
    """How the input was understood, as preprocessing says it, and which classes its own splits lack."""
    for note in catalog.notes:
        if note.startswith(_WARNING):
            problem, remedy = split_remedy(note.removeprefix(_WARNING))
            yield Finding(SECTION, "warning", "", problem, remedy or "Correct the input, unless it is meant so")
        else:
            yield Finding(SECTION, "note", note)
    of_split: dict[str, set[str]] = {}
    for video in catalog.videos if catalog.splits_from else ():
        of_split.setdefault(video.split, set()).update(
            split_labels(video.label) if catalog.multi_label else [video.label]
        )
    for split in in_usual_order(of_split):
        if missing := sorted({*catalog.labels} - of_split[split]):
            problem = f"no video of {plural(len(missing), 'class', 'classes')}: {some(missing)}"
            yield Finding(SECTION, "split", split, problem, "Give it videos of every class, or other splits")


def describe_sample(sample: Sample, everything: Sequence[VideoRecord], max_failure_rate: float) -> Iterator[Finding]:
    """Codecs, sizes, durations, frame rates, orientation and damage of the videos and parts that were drawn."""
    looked = len(sample.results)
    value = f"{looked} of {plural(len(everything), 'video')}"
    if not all(video.is_whole for video in everything):
        value = f"{looked} of {plural(len(everything), 'clip')}, from {_count_videos(v for v, _ in sample.results)}"
        value += f" of {plural(_count_videos(everything), 'video')}"
    if looked < sample.num_drawn:
        value += f"; {sample.num_drawn - looked} more were drawn, and left out to save time"
    yield Finding(SECTION, "probed", value)
    clips = [clip for _, clip in sample.clips]
    sources = [clip.source for clip in clips if clip.source]
    if sources:
        yield Finding(SECTION, "codecs", _counts(source.codec for source in sources))
        yield Finding(SECTION, "containers", _counts(source.container.partition(",")[0] for source in sources))
        yield Finding(SECTION, "sizes", _counts(f"{source.width}x{source.height}" for source in sources))
        shapes = _counts(_shape(source.width, source.height) for source in sources)
        turned = sum(source.turned for source in sources)
        marks = f"; {turned} turned upright by a mark in the file" * bool(turned)
        yield Finding(SECTION, "orientation", shapes + marks)
        seconds = [clip.duration_s for clip in clips]
        yield Finding(SECTION, "durations", _spread(seconds, human_seconds))
        # If frames are missing, their number says nothing about the frame rate.
        sound = [clip for clip in clips if clip.duration_s > 0 and not clip.damaged]
        rates = _counts(f"{clip.num_source_frames / clip.duration_s:.4g} fps" for clip in sound)
        if rates:
            yield Finding(SECTION, "frame rates", rates)
        frames = _spread([clip.num_source_frames for clip in clips], lambda number: f"{number:.0f}")
        short = sum(clip.num_source_frames < sample.spec.num_frames for clip in clips)
        less = f"; {short} with fewer than {sample.spec.num_frames}, which are repeated" * bool(short)
        yield Finding(SECTION, "frames", frames + less)
    yield from _damage(sample, max_failure_rate)


def _count_videos(videos: Iterable[VideoRecord]) -> int:
    return len({video.uri for video in videos})


def _damage(sample: Sample, max_failure_rate: float) -> Iterator[Finding]:
    failed = sample.failures
    if failed:
        share = len(failed) / len(sample.results)
        reasons = _some(f"{video.video_id} ({failure.message})" for video, failure in failed)
        remedy = "Replace or remove them; a job writes each into failures.jsonl and leaves it out"
        if share > max_failure_rate:
            percent = f"{max_failure_rate * 100:g} %"
            remedy += f", and ends with an error where more than --max-failure-rate ({percent}) fail"
        value = f"{len(failed)} of {len(sample.results)}"
        yield Finding(SECTION, "unusable", value, f"no clip can be made: {reasons}", remedy)
    damaged = [(video, clip) for video, clip in sample.clips if clip.damaged]
    if damaged:
        reasons = _some(f"{video.video_id} ({clip.remark or 'damaged'})" for video, clip in damaged)
        remedy = "Fetch or record them again; a job takes what can be decoded, and lists them in remarks.jsonl"
        yield Finding(SECTION, "damaged", f"{len(damaged)} of {len(sample.results)}", reasons, remedy)
    single = [video.video_id for video, clip in sample.clips if is_single_picture(clip.remark)]
    if single:
        remedy = "Leave them out, for example with --min-frames 2"
        yield Finding(
            SECTION, "single pictures", f"{len(single)} of {len(sample.results)}", some(single, _SHOWN), remedy
        )
    odd = [(v, clip) for v, clip in sample.clips if clip.remark and not clip.damaged and v.video_id not in single]
    if odd:
        yield Finding(SECTION, "remarks", _some(f"{video.video_id} ({clip.remark})" for video, clip in odd))
    if not failed and not damaged:
        yield Finding(SECTION, "damaged", "none")
    short = [video for video, result in sample.results if isinstance(result, DecodeFiltered)]
    if short:
        yield Finding(SECTION, "too short", plural(len(short), "video"))


def describe_copies(copies: Sequence[tuple[VideoRecord, ...]], num_drawn: int) -> Finding:
    """Videos with the content of another one."""
    if not copies:
        return Finding(SECTION, "duplicates", f"none of the {num_drawn} probed")
    number = sum(len(same) - 1 for same in copies)
    labels = sum(len({video.label for video in same}) > 1 for same in copies)
    shown = _some(" = ".join(video.video_id for video in same) for same in copies)
    problem = f"the same content: {shown}" + f"; {labels} with several labels" * bool(labels)
    remedy = "Preprocess with --drop-duplicates, which keeps the first of each, or remove the others"
    return Finding(SECTION, "duplicates", plural(number, "copy", "copies"), problem, remedy)


def estimate(sample: Sample, num_clips: int, output: str, memory_left: int | None) -> Iterator[Finding]:
    """Time, disk and memory for all videos, assuming that they are like those of the sample.

    Args:
        sample: the videos that were decoded.
        num_clips: number of videos of the input, or of parts of them.
        output: a local folder whose disk the dataset would have to fit on.
        memory_left: bytes that may be used; None if unknown.
    """
    spec = sample.spec
    yield Finding(ESTIMATE, "clips", f"{spec.num_frames} frames of {spec.height}x{spec.width}, uncompressed")
    if not sample.clips or sample.seconds_each is None:
        yield Finding(ESTIMATE, "time", "none: no video of the sample could be decoded")
        return
    time = human_seconds(sample.seconds_each * num_clips)
    decoders = plural(sample.workers, "decoder")
    yield Finding(ESTIMATE, "time", f"about {time} with {decoders} on this machine, and some seconds to start")
    mean = statistics.fmean(record_bytes(video, clip) for video, clip in sample.clips)
    size = mean * num_clips * len(sample.clips) / len(sample.results)
    yield _fits(output, size)
    if sample.memory_bytes is not None:
        value = f"about {human_bytes(sample.memory_bytes)} for preprocessing"
        if memory_left is None or sample.memory_bytes < memory_left:
            yield Finding(ESTIMATE, "memory", value)
        else:
            problem = f"{human_bytes(memory_left)} may be used"
            yield Finding(ESTIMATE, "memory", value, problem, "Give fewer --workers, or end other programs")


def _fits(output: str, size_bytes: float) -> Finding:
    folder = output
    while not posixpath.isdir(folder):
        folder = posixpath.dirname(folder)
    free = shutil.disk_usage(folder).free
    value = f"about {human_bytes(size_bytes)}; {human_bytes(free)} free at {folder}"
    if size_bytes < free:
        return Finding(ESTIMATE, "output", value)
    remedy = "Choose an --output elsewhere, a smaller --size or --num-frames, or --encoding jpeg"
    return Finding(ESTIMATE, "output", value, "the dataset would not fit there", remedy)


def _shape(width: int, height: int) -> str:
    return "square" if width == height else "landscape" if width > height else "portrait"


def _counts(values: Iterable[str]) -> str:
    counts = by_count(Counter(values))
    if len(counts) == 1:
        return counts[0][0]
    return some([f"{name} ({number})" for name, number in counts])


def _spread(values: Sequence[float], show: Callable[[float], str]) -> str:
    if min(values) == max(values):
        return show(values[0])
    return f"{show(min(values))} to {show(max(values))}, median {show(statistics.median(values))}"


def _some(texts: Iterable[str]) -> str:
    return some(list(texts), _SHOWN)
