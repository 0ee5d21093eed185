"""Folders of labels as `pipelines.label` leaves them, without a model."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from pipelines.labelling.rows import rows, write_rows
from pipelines.labelling.types import LabelledVideo, Segment


def labelled(video: str, uri: object, label: str = "Run", duration_s: float = 1.0) -> LabelledVideo:
    segment = Segment(0.0, duration_s, label, 0.75, ((label, 0.75),))
    return LabelledVideo(video, str(uri), duration_s, False, (segment,))


def write_labels(
    folder: Path, videos: Iterable[LabelledVideo], format: str = "jsonl", embeddings: Mapping[str, Sequence[float]] = {}
) -> Path:
    """What `pipelines.label` leaves, without `_state/`: addresses are those in the rows."""
    folder.mkdir(parents=True)
    name = f"labels-00000-of-00001.{format}"
    with open(folder / name, "wb") as file:
        write_rows(file, (row for video in videos for row in rows(video, "00ff")), format)
    (folder / "failures.jsonl").touch()
    names = {"labels": [name]}
    if embeddings:
        import pyarrow as pa
        from pyarrow import parquet

        names["embeddings"] = ["embeddings/embeddings-00000-of-00001.parquet"]
        (folder / "embeddings").mkdir()
        table = {
            "video": [*embeddings], "model": ["00ff"] * len(embeddings),
            "embedding": pa.array([np.array(row, np.float16) for row in embeddings.values()], pa.list_(pa.float16())),
        }  # fmt: skip
        parquet.write_table(pa.table(table), folder / names["embeddings"][0])
    settings = {"window_s": 0.5, "stride_s": 0.25, "whole_up_to_s": 2.0}
    (folder / "summary.json").write_text(json.dumps({"files": names, "settings": settings}))
    return folder
