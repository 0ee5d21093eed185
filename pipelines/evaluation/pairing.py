"""Which video of the labels a video of the truth is: files name them by id, by path, or by name without extension."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from pipelines.core.errors import UsageError
from pipelines.core.video_files import is_video
from pipelines.core.wording import some


def pair_videos(truth: Sequence[str], labels: Sequence[tuple[str, str]]) -> dict[str, int]:
    """The index in `labels` of each video of the truth that is there.

    A name is that of a video if both are equal, or one is the end of the other's path, as `a/b.mp4` is of
    `videos/a/b.mp4`, or if that is so without the extensions of videos. The first of these that holds for any video
    decides.

    Args:
        truth: names of different videos.
        labels: id and address of each video.

    Raises:
        UsageError: a name fits several videos, or several names fit one; the message has all of them.
    """
    by_stem: dict[str, set[int]] = defaultdict(set)
    for number, names in enumerate(labels):
        for name in names:
            by_stem[_stems(name)[-1]].add(number)
    found: dict[str, int] = {}
    for name in truth:
        ranks = {number: _rank(name, labels[number]) for number in by_stem.get(_stems(name)[-1], ())}
        best = min(ranks.values(), default=_NONE)
        fitting = sorted(number for number, rank in ranks.items() if rank == best)
        if best < _NONE and len(fitting) > 1:
            raise UsageError(
                f"{name} of the truth could be {some([labels[number][0] for number in fitting])} of the labels. Name "
                "it in the truth as the labels do"
            )
        if best < _NONE:
            found[name] = fitting[0]
    _refuse_doubles(found, labels)
    return found


_NONE = 3


def _rank(name: str, video: tuple[str, str]) -> int:
    """0 for equal names, 1 for the end of a path, 2 for that without extensions, `_NONE` for other videos."""
    if name in video:
        return 0
    if any(_is_end(_parts(name), _parts(other)) for other in video):
        return 1
    return 2 if any(_is_end(_stems(name), _stems(other)) for other in video) else _NONE


def _is_end(one: list[str], other: list[str]) -> bool:
    shorter, longer = sorted((one, other), key=len)
    return longer[-len(shorter) :] == shorter


def _parts(name: str) -> list[str]:
    """The parts of a path or an address; never empty."""
    return [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")] or [""]


def _stems(name: str) -> list[str]:
    """The same without the extension of a video."""
    *folders, last = _parts(name)
    return [*folders, last.rpartition(".")[0] if is_video(last) else last]


def _refuse_doubles(found: Mapping[str, int], labels: Sequence[tuple[str, str]]) -> None:
    names: dict[int, list[str]] = defaultdict(list)
    for name, number in found.items():
        names[number].append(name)
    for number, several in names.items():
        if len(several) > 1:
            raise UsageError(
                f"{labels[number][0]} of the labels could be {some(several)} of the truth. Name each video in the "
                "truth as the labels do, or label the folder that has all of them"
            )
