"""The clips of a preview that look most alike although they are in different groups.

Groups keep clips that share a source in one split. Two clips of different groups that look alike may be from one source
after all; then a model could be tested on what it was trained on.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pipelines.core.spec import STRIP_FRAMES
from pipelines.dataset.pages.strips import Shown

MAX_PAIRS = 12
MAX_COMPARED = 1000
"""Most clips that are compared, each with each: a second's work, however large the dataset."""
_SIDE = 8


@dataclass(frozen=True)
class Pair:
    """Two clips of different groups, and by how much their grey values differ on average, from 0 to 255."""

    first: Shown
    second: Shown
    difference: float


def most_alike(clips: Sequence[Shown], num_frames: int) -> tuple[list[Pair], float]:
    """The pairs of clips of different groups that differ least, each clip in one pair at most.

    The difference is the root mean square of that of thumbnails of 8 x 8 grey values, one for each frame of the film
    strips, at the same place of the clip. The sums are of whole numbers, so that the result is the same everywhere.

    Args:
        clips: the clips, of which the first `MAX_COMPARED` are compared.
        num_frames: number of frames of a clip.

    Returns:
        at most `MAX_PAIRS` pairs, the most alike first, and the median difference of all pairs of different groups.
    """
    count = min(num_frames, STRIP_FRAMES)
    read = [
        (clip, thumbnail) for clip in clips[:MAX_COMPARED] if (thumbnail := _thumbnail(clip.strip, count)) is not None
    ]
    clips = [clip for clip, _ in read]
    groups = np.unique([clip.video.group for clip in clips], return_inverse=True)[1]
    rows, columns = np.triu_indices(len(clips), 1)
    apart = groups[rows] != groups[columns]
    rows, columns = rows[apart], columns[apart]
    if not len(rows):
        return [], 0.0
    values = np.stack([thumbnail for _, thumbnail in read]).astype(np.float64)
    squares = (values**2).sum(axis=1)
    differences = (squares[:, None] + squares - 2 * values @ values.T)[rows, columns]
    pairs: list[Pair] = []
    seen: set[int] = set()
    for position in np.argsort(differences, kind="stable"):
        i, j = int(rows[position]), int(columns[position])
        if not seen & {i, j}:
            seen |= {i, j}
            pairs.append(Pair(clips[i], clips[j], _root_mean(differences[position], values.shape[1])))
            if len(pairs) == MAX_PAIRS:
                break
    return pairs, _root_mean(float(np.median(differences)), values.shape[1])


def _root_mean(square: float, number: int) -> float:
    return float(np.sqrt(square / number))


def _thumbnail(strip: str, count: int) -> np.ndarray | None:
    """Grey values of all frames of a film strip, uint8 [N]; None if it can't be read."""
    try:
        data = np.frombuffer(base64.b64decode(strip, validate=True), np.uint8)
    except ValueError:
        return None
    picture = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if len(data) else None
    if picture is None:
        return None
    return cv2.resize(picture, (count * _SIDE, _SIDE), interpolation=cv2.INTER_AREA).ravel()
