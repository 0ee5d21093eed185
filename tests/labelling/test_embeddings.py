"""`--embeddings`: the features of every window, in their order, beside labels that are the same without them."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from pipelines.core.model_info import MODEL_INFO
from pipelines.labelling.embeddings import table
from pipelines.labelling.embeddings.table import VideoWindows, write_embeddings
from pipelines.video.windows import Window
from tests import ROOT
from tests.conftest import contents, run_here
from tests.support.document_runs import run_blocks
from tests.support.documents import read_blocks
from tests.support.label_model import DURATIONS, LABELS, level_of, make_model, write_grey

FILE = "embeddings/embeddings-{:05d}-of-00002.parquet"
COLUMNS = ["video", "uri", "start_s", "end_s", "model", "embedding"]


@st.composite
def found(draw: st.DrawFn) -> list[VideoWindows]:
    sizes = draw(st.lists(st.integers(1, 9), max_size=6))
    values = np.random.default_rng(draw(st.integers(0, 99)))
    return [
        VideoWindows(
            f"v{number}\udce9", f"gs://b/v{number}", [Window(i, i / 3, i / 3 + 1) for i in range(size)],
            values.normal(0, 100, (size, 3)).astype(np.float16),
        )
        for number, size in enumerate(sizes)
    ]  # fmt: skip


@given(found(), st.integers(1, 7))
def test_every_window_has_a_row_whatever_the_size_of_groups(parts: list[VideoWindows], at_once: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "ROW_GROUP", at_once)
        file = io.BytesIO()
        count = write_embeddings(file, iter(parts), "f1")
    rows = parquet.read_table(io.BytesIO(file.getvalue())).to_pylist()
    expected = [
        (part, window, row) for part in parts for window, row in zip(part.windows, part.embeddings, strict=True)
    ]
    assert count == len(rows) == len(expected)
    for row, (part, window, values) in zip(rows, expected, strict=True):
        assert list(row) == COLUMNS
        assert (row["video"], row["uri"], row["model"]) == (f"{part.video[:-1]}\\udce9", part.uri, "f1")
        assert (row["start_s"], row["end_s"]) == (round(window.start_s, 3), round(window.end_s, 3))
        assert np.array_equal(np.array(row["embedding"], np.float16), values)


def test_the_search_of_the_page_finds_what_is_near_among_a_hundred_thousand(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    vectors = chance.normal(3, 1, (100_000, 64)).astype(np.float16)
    near = [0, *chance.choice(np.arange(1, len(vectors)), 9, replace=False).tolist()]
    for distance, number in enumerate(near):
        vectors[number] = vectors[0] + np.float16(0.02 * distance) * chance.normal(0, 1, 64).astype(np.float16)
    (tmp_path / "labels" / "embeddings").mkdir(parents=True)
    with open(tmp_path / "labels" / FILE.format(0), "wb") as file:
        windows = [Window(number, float(number), number + 1.0) for number in range(len(vectors))]
        write_embeddings(file, [VideoWindows("v.mp4", "v.mp4", windows, vectors)], "f1")
    blocks = [block for block in read_blocks(ROOT / "docs/how-to/embeddings.md") if block.language == "python"]
    (printed,) = run_blocks(blocks, tmp_path)
    assert [int(float(line.split()[2])) for line in printed.splitlines()] == near


@pytest.mark.process
def test_embeddings_of_all_windows_beside_the_same_labels(tmp_path: Path) -> None:
    model, videos, output = tmp_path / "model", tmp_path / "videos", tmp_path / "out"
    make_model(model, durations_s=DURATIONS, embedding=True)
    write_grey(videos / "a" / "long.mp4", np.repeat([level_of(name) for name in LABELS], 40).tolist())
    for name in LABELS:
        write_grey(videos / f"{name}.mp4", [level_of(name)] * 20)
    (videos / "broken.mp4").write_bytes(b"no video")
    words = ("--model", model, "--input", videos, "--max-failure-rate", 1, "--shards", 2)

    def label(folder: Path, *more: str, code: int = 0) -> str:
        return run_here("pipelines.label", *words, "--output", folder, *more, code=code).stderr

    label(tmp_path / "plain")
    label(output, "--embeddings")
    plain, embedded = contents(tmp_path / "plain"), contents(output)
    summaries = [json.loads(found.pop("summary.json")) for found in (plain, embedded)]
    names = [FILE.format(number) for number in range(2)]
    tables = {name: embedded.pop(name) for name in names}
    assert plain == embedded and summaries[1]["files"] == {**summaries[0]["files"], "embeddings": names}

    rows = [row for data in tables.values() for row in parquet.read_table(io.BytesIO(data)).to_pylist()]
    assert len(rows) == summaries[1]["counts"]["windows"] and len({row["model"] for row in rows}) == 1
    assert "element: halffloat" in str(parquet.read_schema(output / names[0]))
    of = {row["video"]: row for row in rows}
    for name in LABELS:  # the mean of each frame and colour, of clips of one grey
        assert of[f"{name}.mp4"]["embedding"] == pytest.approx([level_of(name)] * 12, abs=2)
        assert (of[f"{name}.mp4"]["start_s"], of[f"{name}.mp4"]["end_s"]) == (0.0, 0.8)
    long = [row for row in rows if row["video"] == "a/long.mp4"]
    assert [row["start_s"] for row in long] == [*np.arange(0, 4, 0.5), 3.8] and long[-1]["end_s"] == 4.8
    assert long[0]["embedding"] == pytest.approx([level_of(LABELS[0])] * 12, abs=2)
    assert long[-1]["embedding"] == pytest.approx([level_of(LABELS[2])] * 12, abs=2)

    (output / names[0]).write_bytes(b"")
    assert names[0] in label(output, "--embeddings")  # has changed since, and is made again
    assert {name: (output / name).read_bytes() for name in names} == tables

    refused = label(tmp_path / "plain", "--embeddings", code=2)
    assert "holds labels without embeddings, and only scoring gives these. Choose another --output" in refused
    assert "holds labels with embeddings. Add --embeddings to the same command, choose another" in label(output, code=2)

    info = json.loads((model / MODEL_INFO).read_text())
    (model / MODEL_INFO).write_text(json.dumps({**info, "embedding": 0}))
    assert f"error: {model} gives no embeddings: it was imported, or exported by an" in label(
        tmp_path / "never", "--embeddings", code=2
    )
    del info["embedding"]  # as earlier versions wrote it
    (model / MODEL_INFO).write_text(json.dumps(info))
    label(tmp_path / "plain")  # the labels are still this model's
