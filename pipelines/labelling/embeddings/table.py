"""The table of embeddings: a row for each window, as Parquet."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from pipelines.labelling.rows import encodable, write_only
from pipelines.video.windows import Window

ROW_GROUP = 10_000
"""Number of rows of a file that are in memory at a time, besides those that it is made from."""


@dataclass(frozen=True, eq=False)
class VideoWindows:
    """Windows of a video, in order, with their embeddings.

    Attributes:
        video: id of the video.
        uri: where it was read from, as in the labels.
        windows: the windows that were scored.
        embeddings: float16 [len(windows), D].
    """

    video: str
    uri: str
    windows: Sequence[Window]
    embeddings: np.ndarray


def write_embeddings(file: BinaryIO, found: Iterable[VideoWindows], model: str) -> int:
    """Writes a file of embeddings, with bounded memory; the same rows give the same bytes.

    Args:
        file: written from its present position; it need not be seekable and stays open.
        found: in the order of the rows.
        model: fingerprint of the model.

    Returns:
        The number of rows.

    Raises:
        OSError: the file can't be written.
    """
    import pyarrow as pa
    from pyarrow import parquet

    texts, times = ("video", "uri", "model"), ("start_s", "end_s")
    kinds = [*((name, pa.string()) for name in texts[:2]), *((name, pa.float64()) for name in times)]
    kinds += [("model", pa.string()), ("embedding", pa.list_(pa.field("element", pa.float16(), nullable=False)))]
    schema = pa.schema([pa.field(name, kind, nullable=False) for name, kind in kinds])
    # Embeddings hardly repeat: a dictionary of their values would only take time.
    options: dict[str, Any] = {"compression": "zstd", "use_dictionary": [*texts]}
    count = 0
    with parquet.ParquetWriter(write_only(file), schema, **options) as writer:
        for group in _groups(found):
            sizes = [len(part.windows) for part in group]
            vectors = np.concatenate([part.embeddings for part in group])
            offsets = np.arange(0, vectors.size + 1, vectors.shape[1], dtype=np.int32)
            windows = [window for part in group for window in part.windows]
            columns = [
                pa.array([encodable(part.video) for part in group], pa.string()).take(_repeated(sizes)),
                pa.array([encodable(part.uri) for part in group], pa.string()).take(_repeated(sizes)),
                pa.array([round(window.start_s, 3) for window in windows], pa.float64()),
                pa.array([round(window.end_s, 3) for window in windows], pa.float64()),
                pa.array([model] * len(windows), pa.string()),
                pa.ListArray.from_arrays(offsets, pa.array(vectors.ravel()), type=schema.field("embedding").type),
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema), row_group_size=ROW_GROUP)
            count += len(windows)
    return count


def _repeated(sizes: Sequence[int]) -> Any:
    import pyarrow as pa

    return pa.array(np.repeat(np.arange(len(sizes)), sizes))


def _groups(found: Iterable[VideoWindows]) -> Iterator[list[VideoWindows]]:
    """Lists of `ROW_GROUP` windows each, but for the last one; a long video is in several."""
    group: list[VideoWindows] = []
    room = ROW_GROUP
    for part in found:
        start = 0
        while start < len(part.windows):
            end = start + room
            piece = VideoWindows(part.video, part.uri, part.windows[start:end], part.embeddings[start:end])
            group.append(piece)
            room -= len(piece.windows)
            start = end
            if not room:
                yield group
                group, room = [], ROW_GROUP
    if group:
        yield group
