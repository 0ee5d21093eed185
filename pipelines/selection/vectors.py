"""What segments are like, as vectors: the mean embedding of their windows, or else the scores of their best classes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipelines import files
from pipelines.core.errors import UsageError
from pipelines.labelling.rows import encodable
from pipelines.selection.segments import Segments

_BATCH_ROWS = 10_000


def of_scores(segments: Segments, wanted: np.ndarray) -> np.ndarray:
    """The scores of their best classes, float32 [M, C]; other classes have 0.

    Args:
        segments: all segments.
        wanted: int64 [M], numbers of those to describe.
    """
    found = np.zeros((len(wanted), len(segments.labels)), np.float32)
    rows, columns = np.nonzero(segments.top[wanted] >= 0)
    found[rows, segments.top[wanted][rows, columns]] = segments.top_scores[wanted][rows, columns]
    return found


def of_embeddings(segments: Segments, wanted: np.ndarray, uris: Sequence[str]) -> np.ndarray:
    """The mean embeddings of the windows whose middle lies in them, float32 [M, D].

    Besides these, one batch of rows is in memory.

    Args:
        segments: all segments.
        wanted: int64 [M], numbers of those to describe, ascending.
        uris: the files of embeddings.

    Raises:
        UsageError: a file is missing, damaged, or has no window of a segment.
        OSError: a file can't be read.
    """
    total: np.ndarray | None = None
    count = np.zeros(len(wanted), np.int64)
    codes = {encodable(name): code for code, name in enumerate(segments.videos)}
    # Places in all videos as whole numbers, in which a video is longer than any.
    span = _ms(segments.end_s.max(initial=0.0)) * 2 + 2
    first = segments.video[wanted] * span
    starts, ends = first + _ms(segments.start_s[wanted]), first + _ms(segments.end_s[wanted])
    ends = np.maximum(ends, starts + 1)  # a video of no duration has its window in the middle of nothing
    for batch in _batches(uris):
        middles, vectors = _windows(batch, codes, span)
        if total is None:
            total = np.zeros((len(wanted), vectors.shape[1]))
        low, high = np.searchsorted(middles, starts), np.searchsorted(middles, ends)
        for number in np.flatnonzero(high > low).tolist():
            total[number] += vectors[low[number] : high[number]].sum(axis=0, dtype=np.float64)
        count += high - low
    if total is None or not count.all():
        missing = segments.videos[int(segments.video[wanted[int(np.argmin(count))]])] if len(wanted) else ""
        raise UsageError(
            f"the embeddings have no window of a segment of {missing}; run the same har label command again: it makes "
            "them again"
        )
    return np.asarray(total / count[:, None], np.float32)


def _ms(seconds: Any) -> Any:
    return np.round(np.asarray(seconds) * 1000).astype(np.int64)


def _batches(uris: Sequence[str]) -> Any:
    import pyarrow as pa
    from pyarrow import parquet

    for uri in uris:
        try:
            with files.local_copy(uri) as path, parquet.ParquetFile(path) as file:
                yield from file.iter_batches(_BATCH_ROWS, columns=["video", "start_s", "end_s", "embedding"])
        except FileNotFoundError as error:
            raise UsageError(f"{uri} is missing; run the same har label command again: it makes it again") from error
        except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
            raise UsageError(
                f"{uri} is damaged ({error}); run the same har label command again: it makes it again"
            ) from error


def _windows(batch: Any, codes: dict[str, int], span: int) -> tuple[np.ndarray, np.ndarray]:
    """The middles of a batch's windows int64 [N], ascending, and their embeddings float16 [N, D]. Those of videos that
    are not known are below 0."""
    video = batch.column("video").dictionary_encode()
    known = np.array([codes.get(name, -1) for name in video.dictionary.to_pylist()], np.int64)
    numbers = known[video.indices.to_numpy()]
    middles = _ms((batch.column("start_s").to_numpy() + batch.column("end_s").to_numpy()) / 2)
    vectors = batch.column("embedding").flatten().to_numpy().reshape(batch.num_rows, -1)
    places = numbers * span + middles
    order = np.argsort(places, kind="stable")
    return places[order], vectors[order]
