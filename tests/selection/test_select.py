"""`pipelines.select`: from folders of labels to tables that read back, and to exports of the same segments."""

import csv
import json
import random
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.annotations.reading import read_annotations
from pipelines.labelling.exports.reading import VideoLabels
from pipelines.selection.known import joined
from pipelines.selection.segments import gather
from pipelines.selection.vectors import of_embeddings
from tests.conftest import run_here, write_video
from tests.support.label_folders import segment, video_labels, write_labels
from tests.support.ledger_entries import failed

REMARK = "390 of 720 frames are there"
Vectors = dict[tuple[str, float], Sequence[float]]


@pytest.fixture
def videos() -> list[VideoLabels]:
    """Six videos of three segments, of which the middle one is uncertain, and two that aren't to be chosen from."""
    found = [
        video_labels(
            f"gym/{number}.avi",
            [
                segment(0, 4, {"Jump": 0.9, "Run": 0.1}, 0.5),
                segment(4, 8, {"Run": 0.4 + number / 100, "Jump": 0.38}, 0.5, label="unknown" if number == 0 else ""),
                segment(8, 12, {"Run": 0.97, "Jump": 0.03}, 0.5 + number / 4),
            ],
        )
        for number in range(6)
    ]
    found.append(video_labels("gym/damaged.avi", [segment(0, 4, {"Jump": 0.5, "Run": 0.5})], REMARK))
    return [*found, video_labels("gym/broken.avi", [], failures=[failed("gym/broken.avi")])]


@pytest.fixture
def vectors(videos: list[VideoLabels]) -> Vectors:
    chance = random.Random(0)
    return {(v.video, s.start_s): [chance.uniform(-1, 1) for _ in range(8)] for v in videos for s in v.segments}


def select(labels: Path, output: Path, *more: object, code: int = 0) -> tuple[str, str]:
    done = run_here("pipelines.select", "--labels", labels, "--output", output, *more, code=code)
    return done.stdout, done.stderr


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_a_table_reads_back_as_annotations(videos: list[VideoLabels], vectors: Vectors, tmp_path: Path) -> None:
    labels = write_labels(tmp_path / "labels", videos, tmp_path / "videos", vectors)
    output = tmp_path / "to_review.csv"
    out, err = select(labels, output, "--budget", 8)
    rows = rows_of(output)
    assert list(rows[0]) == ["path", "label", "start", "end", "score", "reason"]
    reasons = [row["reason"] for row in rows]
    assert [reasons.count(reason) for reason in ("uncertain", "unlike training", "spread")] == [4, 2, 2]
    assert all(float(row["start"]) == 4 for row in rows if row["reason"] == "uncertain")
    assert {row["path"] for row in rows if row["reason"] == "unlike training"} <= {
        f"videos/gym/{n}.avi" for n in (3, 4, 5)
    }
    assert "8 segments of 6 videos and 2 classes in " in out and "4 uncertain, 2 unlike training, 2 spread" in out
    assert [line.removeprefix("note: ") for line in err.splitlines()] == [
        "1 video failed: nothing is chosen from what has no labels",
        "1 video passed over, being damaged or having another remark",
    ]
    found = list(read_annotations(str(output)))
    assert [(a.video, *a.labels, a.start_s, a.end_s, a.score) for a in found] == [
        (row["path"], row["label"], *(float(row[name]) for name in ("start", "end", "score"))) for row in rows
    ]
    first = next(row for row in rows if row["path"] == "videos/gym/0.avi" and row["start"] == "4.0")
    assert (first["label"], first["score"]) == ("Run", "0.4")  # which was unknown

    select(labels, output, "--budget", 8)
    assert "with other content. Choose another --output" in select(labels, output, "--budget", 7, code=2)[1]
    assert rows_of(output) == rows


@pytest.mark.parametrize(("format", "num_shards"), [("jsonl", 3), ("csv", 1), ("parquet", 2)])
def test_the_same_choice_from_any_files(
    videos: list[VideoLabels], vectors: Vectors, tmp_path: Path, format: str, num_shards: int
) -> None:
    root = tmp_path / "videos"
    write_labels(tmp_path / "one", videos, root, vectors)
    write_labels(tmp_path / "other", videos, root, vectors, num_shards, format)
    select(tmp_path / "one", tmp_path / "one.csv", "--budget", 9)
    select(tmp_path / "other", tmp_path / "other.csv", "--budget", 9)
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "other.csv").read_bytes()


def test_what_is_not_known_is_said(videos: list[VideoLabels], tmp_path: Path) -> None:
    labels = write_labels(tmp_path / "labels", videos, reason="it was imported")  # without embeddings and state
    err = select(labels, tmp_path / "a.csv", "--budget", 90)[1]
    for text in (
        "what is unlike the training data is not known: it was imported",
        "these labels have no embeddings, so segments are alike if their scores are; har label --embeddings writes",
        "doesn't say where its videos are, so paths are relative to the folder that was labelled. Give it with",
        "only 9 of 90 are chosen: all others are of the same moments as these",
    ):
        assert text in err
    assert {row["path"] for row in rows_of(tmp_path / "a.csv")} == {f"gym/{number}.avi" for number in range(6)}
    (tmp_path / "moved").mkdir()
    select(labels, tmp_path / "b.csv", "--budget", 1, "--videos", tmp_path / "moved")
    assert [row["path"] for row in rows_of(tmp_path / "b.csv")] == ["moved/gym/0.avi"]
    few = write_labels(tmp_path / "few", [video_labels("a.avi", [segment(0, 4, {"Jump": 0.9, "Run": 0.1})])])
    assert "only 1 of 2 are chosen: there are no others" in select(few, tmp_path / "c.csv", "--budget", 2)[1]


def test_an_export_has_the_chosen_segments_alone(videos: list[VideoLabels], tmp_path: Path) -> None:
    for number in range(6):
        write_video(tmp_path / "videos" / "gym" / f"{number}.avi", 2)
    labels = write_labels(tmp_path / "labels", videos, tmp_path / "videos")
    words = (labels, tmp_path / "to_review.csv", "--budget", 4, "--export")
    assert "2 files in " in select(*words, "label-studio")[0]
    rows = rows_of(tmp_path / "to_review.csv")
    tasks = json.loads((tmp_path / "to_review-label-studio" / "tasks-00000.json").read_text())
    found = [
        (str(Path(task["data"]["uri"]).relative_to(tmp_path)), *region["value"]["timelinelabels"], str(region["score"]))
        for task in tasks
        for region in task["predictions"][0]["result"]
    ]
    assert sorted(found) == sorted((row["path"], row["label"], row["score"]) for row in rows)
    assert "gym/0.avi" in found[0][0] and found[0][1] == "Run"  # which was unknown
    select(*words, "csv")
    exported = rows_of(tmp_path / "to_review-csv" / "segments.csv")
    assert [(row["label"], row["score"]) for row in exported] == [(row["label"], row["score"]) for row in rows]


def test_mistakes(videos: list[VideoLabels], vectors: Vectors, tmp_path: Path) -> None:
    labels = write_labels(tmp_path / "labels", videos, tmp_path, vectors)
    output = tmp_path / "a.csv"
    for more, text in (
        (("--budget", 0), "--budget must be at least 1, not 0"),
        (("--budget", 5, "--export", "avi"), "must be one of label-studio"),
    ):
        assert text in select(labels, output, *more, code=2)[1]
    assert "no complete labels in" in select(tmp_path / "nowhere", output, "--budget", 5, code=2)[1]
    (file,) = (labels / "embeddings").iterdir()
    file.write_bytes(file.read_bytes()[:-9])
    assert f"{file} is damaged" in select(labels, output, "--budget", 5, code=2)[1]
    file.unlink()
    assert f"{file} is missing; run the same har label" in select(labels, output, "--budget", 5, code=2)[1]
    fewer = write_labels(tmp_path / "fewer", videos[1:], None, vectors)
    (fewer / "embeddings" / file.name).rename(file)
    assert "have no window of a segment of gym/0.avi; run" in select(labels, output, "--budget", 5, code=2)[1]
    (labels / "summary.json").write_text("{}")
    assert "summary.json is damaged" in select(labels, output, "--budget", 5, code=2)[1]
    assert not output.exists()


def test_the_embedding_of_a_segment_is_the_mean_of_its_windows(
    videos: list[VideoLabels], vectors: Vectors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.selection.vectors._BATCH_ROWS", 5)  # so that windows of a segment are in two batches
    labels = write_labels(tmp_path / "labels", videos, None, vectors, num_shards=2)
    segments = gather(videos)
    files = [str(path) for path in sorted((labels / "embeddings").iterdir())]
    wanted = np.arange(0, len(segments), 2)
    found = of_embeddings(segments, wanted, files)
    expected = [vectors[segments.videos[segments.video[n]], float(segments.start_s[n])] for n in wanted]
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_what_is_annotated_already_is_not_chosen(videos: list[VideoLabels], tmp_path: Path) -> None:
    labels = write_labels(tmp_path / "labels", videos, tmp_path / "videos")
    lines = ["path,label,start,end", "videos/gym/0.avi,Run,,"]  # all of one video, and of others by quarters
    lines += [f"videos/gym/{number}.avi,Jump,{start},{start + 1}" for number in range(1, 6) for start in (0, 1, 5, 9)]
    (tmp_path / "known.csv").write_text("\n".join(lines) + "\n")
    words = (labels, tmp_path / "out.csv", "--budget", 90, "--manifest", tmp_path / "known.csv")
    assert "8 segments passed over, being annotated already" in select(*words)[1]  # half of 1 to 5, and all of 0
    rows = rows_of(tmp_path / "out.csv")
    assert {row["path"] for row in rows} == {f"videos/gym/{number}.avi" for number in range(1, 6)}
    assert not [row for row in rows if row["start"] == "0.0"]
    missing = select(labels, tmp_path / "b.csv", "--budget", 9, "--manifest", tmp_path / "no.csv", code=2)[1]
    assert "no such file" in missing


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5)), max_size=6))
def test_joined_ranges_hold_the_same_time(drawn: list[tuple[int, int]]) -> None:
    parts = joined([(start, start + length) for start, length in drawn])
    assert {second for start, end in parts for second in range(int(start), int(end))} == {
        second for start, length in drawn for second in range(start, start + length)
    }
    assert all(end < start for (_, end), (start, _) in pairwise(parts))
