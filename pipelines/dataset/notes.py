"""What a person should know about a dataset before using it, shown at the end of a run and in the preview."""

from collections.abc import Iterable, Sequence

from pipelines.core.clip_ids import range_of
from pipelines.core.label_sets import split_labels
from pipelines.core.video_files import IGNORED, IgnoredFile, describe_ignored
from pipelines.core.wording import some
from pipelines.dataset.duplicates import DUPLICATES, Copies, are_other_parts, have_several_labels, in_several_splits
from pipelines.dataset.info import REMARKS, DatasetInfo, Note, ShardReport, WrittenVideo
from pipelines.inputs.overlaps import without_overlaps
from pipelines.reports.text import plural
from pipelines.video.remarks import is_at_an_angle, is_recoloured, is_single_picture

_SHOWN = 3
_DAMAGED = ("is damaged", "are damaged")
_CORRECTED = ("has corrected times", "have corrected times")
_TURNED = ("isn't turned as it asks for", "aren't turned as they ask for")
_RECOLOURED = ("has colours that are read as others", "have colours that are read as others")
_SINGLE = ("is a single picture", "are single pictures")
_SINGLE_PARTS = ("shows a single picture", "show a single picture")


def notes_on(
    info: DatasetInfo, reports: Sequence[ShardReport], found: Sequence[Copies], ignored: Sequence[IgnoredFile] = ()
) -> list[Note]:
    """The notes on a dataset, in addition to those from its listing.

    Args:
        info: its description.
        reports: the reports of its shards.
        found: its videos with the same content, from `duplicates.find_copies`.
        ignored: files that were ignored.
    """
    notes = [*_on_remarks(reports), *_on_short_videos(info, reports), *_on_copies(found), *_on_labels(info, reports)]
    if ignored:
        notes.append(Note(f"ignored files are in {IGNORED}: {describe_ignored(ignored)}", is_warning=False))
    return notes


def _kind_of(video: WrittenVideo) -> tuple[str, str]:
    if video.damaged:
        return _DAMAGED
    if is_single_picture(video.remark):
        return _SINGLE
    if is_at_an_angle(video.remark):
        return _TURNED
    return _RECOLOURED if is_recoloured(video.remark) else _CORRECTED


def _on_remarks(reports: Sequence[ShardReport]) -> list[Note]:
    """How many videos have each kind of remark, with a few names; all are in a file. Overlaps have a note already."""
    kinds = (_DAMAGED, _CORRECTED, _TURNED, _RECOLOURED, _SINGLE)
    found: dict[tuple[str, str], list[WrittenVideo]] = {kind: [] for kind in kinds}
    said = (v for report in reports for v in report.written if v.remark and without_overlaps(v.remark))
    for video in sorted(said, key=lambda v: v.video_id):
        found[_kind_of(video)].append(video)
    notes = []
    for kind, videos in found.items():
        if videos:
            names = some([f"{video.video_id} ({video.remark})" for video in videos], _SHOWN, "; ")
            are_parts = any(range_of(video.video_id) for video in videos)
            are = (_SINGLE_PARTS if are_parts and kind == _SINGLE else kind)[len(videos) > 1]
            what = plural(len(videos), "clip" if are_parts else "video")
            text = f"{what} {are}: {names}; all remarks are in {REMARKS}"
            most = 2 * len(videos) > sum(len(report.written) for report in reports)
            notes.append(Note(text, is_warning=kind == _SINGLE or (kind == _DAMAGED and most)))
    return notes


def _on_short_videos(info: DatasetInfo, reports: Sequence[ShardReport]) -> list[Note]:
    wanted = info.clip_spec.num_frames
    lengths = [video.num_source_frames for report in reports for video in report.written]
    short = sum(length < wanted for length in lengths)
    if not short:
        return []
    most = 2 * short > len(lengths)
    are_parts = any(range_of(video.video_id) for report in reports for video in report.written)
    sources = "parts of videos" if are_parts else "videos"
    text = (
        f"frames repeat in {short:,} of {len(lengths):,} clips, whose {sources} have fewer than the {wanted:,} frames "
        "of --num-frames"
    )
    if most:
        text += f": choose fewer, half of the {sources} have {sorted(lengths)[len(lengths) // 2]:,} at most"
    return [Note(text, most)]


def _on_labels(info: DatasetInfo, reports: Iterable[ShardReport]) -> list[Note]:
    """How many clips have several labels, and what that does to the counts by class."""
    if not info.multi_label:
        return []
    numbers = [len(split_labels(video.label)) for report in reports for video in report.written]
    several = sum(number > 1 for number in numbers)
    text = (
        f"{several:,} of {plural(len(numbers), 'clip')} have several labels ({sum(numbers) / max(len(numbers), 1):.2f} "
        "a clip on average): a clip counts under each of its classes, which may add up to more than the clips"
    )
    return [Note(text, is_warning=False)]


def _on_copies(found: Sequence[Copies]) -> list[Note]:
    notes = []
    split = [copies for copies in found if in_several_splits(copies)]
    too_good, drop = "Scores will be too good", "--drop-duplicates leaves the later ones out"
    for text, chosen, part, remedy in (
        ("videos of the same content in different splits", [c for c in split if not are_other_parts(c)], 0,
         f"{too_good}; {drop}"),
        ("parts of videos of the same content in different splits", [c for c in split if are_other_parts(c)], 0,
         f"{too_good}; give such videos one group and one split"),
        ("videos of the same content with different labels", [c for c in found if have_several_labels(c)], 1,
         f"One of them is wrong; {drop}"),
    ):  # fmt: skip
        if chosen:
            names = some([_names(copies, part) for copies in chosen], _SHOWN, "; ", f"more, all in {DUPLICATES}")
            notes.append(Note(f"{text}: {names}. {remedy}"))
    others = sum(len(copies) - 1 for copies in found if not in_several_splits(copies))
    if others:
        what = "1 video has" if others == 1 else f"{others:,} videos have"
        text = f"{what} the same content as another one of the same split; all are in {DUPLICATES}"
        notes.append(Note(text, is_warning=False))
    return notes


def _names(copies: Copies, part: int) -> str:
    """Some of the videos: one of each split first (`part` 0), or one of each label (1)."""
    seen: set[str] = set()
    first: list[str] = []
    others: list[str] = []
    for split, video in copies:
        key = (split, video.label)[part]
        (others if key in seen else first).append(f"{video.video_id} ({split}, {video.label})")
        seen.add(key)
    names = [*first, *others]
    return " = ".join(names[:_SHOWN]) + (f" = {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else "")
