"""The parts of a dataset's preview that show clips: all with film strips, and the most alike ones."""

from collections.abc import Mapping, Sequence

from pipelines.dataset.info import WrittenVideo
from pipelines.dataset.pages.alike import MAX_COMPARED, Pair, most_alike
from pipelines.dataset.pages.strips import Shown
from pipelines.reports.choices import Item, choices
from pipelines.reports.film import how_to_play
from pipelines.reports.parts import color_key, share_bar, soft, text
from pipelines.reports.text import plural

Counts = Mapping[str, Mapping[str, int]]
"""Class or group to split to number of clips."""
_ORDERS = ("class", "group", "duration, shortest first", "duration, longest first")
_FILTERS = ("Class", "Group", "Split")


def clips(
    shown: Sequence[Shown],
    by_class: Counts,
    splits: Sequence[str],
    num_frames: int,
    max_classes: int,
    num_clips: int | None = None,
) -> tuple[str, str]:
    """A list of clips with menus to sort and filter it, and its style rules.

    Args:
        shown: the clips with film strips.
        by_class: class to split to number of clips, in the order of the classes.
        splits: names of the splits.
        num_frames: of a clip.
        max_classes: number of classes that are shown.
        num_clips: number of clips; None if each has one class, so that they add up.
    """
    labels = {label: number for number, label in enumerate(list(by_class)[:max_classes])}
    items = [Item(_heading(label, by_class[label], splits), (_place(number),) + ((),) * 3, (label, "", ""), True)
             for label, number in labels.items()]  # fmt: skip
    for number, clip in enumerate(shown):
        video = clip.video
        by_group = (video.group, video.label, number)
        label = clip.label or video.label
        keys = (_place(labels[label], number), by_group, (video.duration_s, number), (-video.duration_s, number))
        items.append(Item(_figure(clip, num_frames), keys, (label, video.group, clip.split)))
    content, rules = choices("clips-list", "clip", _ORDERS, _FILTERS, items, "strips panel")
    total = sum(sum(counts.values()) for counts in by_class.values()) if num_clips is None else num_clips
    said = f"Film strips of {len(shown):,} of {plural(total, 'clip')}, some of every class."
    more = len(by_class) - len(labels)
    left_out = f'<p class="more">{more:,} more classes not shown here.</p>' if more else ""
    return f"{soft(said)}{how_to_play()}{content}{left_out}", rules


def _place(label: int, clip: int = -1) -> tuple[int, int]:
    """The place in the order of classes, in which the heading of a class comes before its clips."""
    return label, clip


def _heading(label: str, by_split: Mapping[str, int], splits: Sequence[str]) -> str:
    counts = [by_split[split] for split in splits]
    keys = "".join(color_key(i, f"{split} {counts[i]:,}") for i, split in enumerate(splits))
    return (
        f'<article class="class"><header><h3>{text(label)}</h3><span>{plural(sum(counts), "clip")}</span>'
        f'<span class="legend soft">{keys}</span></header>{share_bar(counts)}</article>'
    )


def _figure(clip: Shown, num_frames: int, *, again: bool = False) -> str:
    video = clip.video
    tag = '<span class="tag">damaged</span> ' if video.damaged else ""
    remark = f" {tag}{text(video.remark)}" if video.remark or tag else ""
    facts = " · ".join(f'<span class="fact">{text(fact)}</span>' for fact in _facts(clip.split, video))
    return (
        f"<figure>{clip.film(num_frames, again=again)}<figcaption><b>{text(video.video_id)}</b>"
        f"{facts}{remark}</figcaption></figure>"
    )


def _facts(split: str, video: WrittenVideo) -> tuple[str, ...]:
    frames = plural(video.num_source_frames, "frame")
    return video.label, split, f"group {video.group}", frames, f"{video.duration_s:.2f} s"


def alike(shown: Sequence[Shown], num_frames: int) -> str:
    """The pairs of clips of different groups that look most alike."""
    pairs, usual = most_alike(shown, num_frames)
    if not pairs:
        return soft("No two clips with film strips are in different groups.")
    compared = min(len(shown), MAX_COMPARED)
    intro = (
        "Clips of one source belong in one group; otherwise a model is tested on what it was trained on. These are the "
        f"pairs of clips of different groups that look most alike, among {compared:,} with film strips here; a clip is "
        "in one pair at most. Check whether they are of one source. The difference is that of small grey pictures of "
        f"their frames, from 0 (the same) to 255; half of all such pairs differ by more than {usual:.1f}."
    )
    return f'{soft(intro)}<div class="pairs">{"".join(_pair(pair, num_frames) for pair in pairs)}</div>'


def _pair(pair: Pair, num_frames: int) -> str:
    first, second = pair.first, pair.second
    same = first.split == second.split
    where = f"both in {first.split}" if same else f"in {first.split} and {second.split}"
    tag = text(where) if same else f'<span class="tag">{text(where)}</span>'
    figures = "".join(_figure(clip, num_frames, again=True) for clip in (first, second))
    return (
        f'<article class="panel"><header class="pair"><h3>difference {pair.difference:.1f}</h3>{tag}</header>'
        f'<div class="strips">{figures}</div></article>'
    )
