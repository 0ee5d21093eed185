"""Reads the embeddings that a labelling run may have written: a mean for each video."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from pipelines import files
from pipelines.core.errors import UsageError
from pipelines.labelling.rows import encodable

_BATCH_ROWS = 10_000


def read_embeddings(uris: Sequence[str], videos: Sequence[str]) -> tuple[str, Mapping[str, npt.NDArray[np.float32]]]:
    """The fingerprint of the model, and the mean embedding of the windows of each video that has any, float32 [d].

    Args:
        uris: the Parquet files.
        videos: ids of the videos.

    Raises:
        UsageError: a file is missing or damaged, or the files are of several models.
        OSError: a file can't be read.
    """
    codes = {encodable(video): code for code, video in enumerate(videos)}
    counts, total = np.zeros(len(videos), np.int64), np.zeros((len(videos), 0))
    models: set[str] = set()
    for uri in uris:
        for names, made_by, vectors in _batches(uri):
            models |= made_by
            found = np.array([codes.get(name, -1) for name in names])
            known = found >= 0
            if not total.size:
                total = np.zeros((len(videos), vectors.shape[1]))
            np.add.at(total, found[known], vectors[known])
            np.add.at(counts, found[known], 1)
    if len(models) > 1:
        raise UsageError(f"{uris[0]}: embeddings of several models ({', '.join(sorted(models))}); label again")
    means = {video: (total[i] / counts[i]).astype(np.float32) for i, video in enumerate(videos) if counts[i]}
    return next(iter(models), ""), means


def _batches(uri: str) -> Iterator[tuple[list[str], set[str], npt.NDArray[np.float64]]]:
    """Ids of videos, models, and embeddings [n, d] of a batch of windows after another."""
    from pyarrow import ArrowInvalid, ArrowKeyError, parquet

    remedy = "run the same har label command again: it makes it again"
    try:
        with files.local_copy(uri) as path, parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(_BATCH_ROWS, columns=["video", "model", "embedding"]):
                if batch.num_rows:
                    flat = batch.column("embedding").flatten().to_numpy(zero_copy_only=False)
                    vectors = flat.astype(np.float64).reshape(batch.num_rows, -1)
                    names, models = (batch.column(name).to_pylist() for name in ("video", "model"))
                    yield names, {*models}, vectors
    except FileNotFoundError as error:
        raise UsageError(f"{uri} is missing; {remedy}") from error
    except (ArrowInvalid, ArrowKeyError, ValueError) as error:
        raise UsageError(f"{uri} is damaged ({error}); {remedy}") from error
