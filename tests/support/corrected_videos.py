"""Two labelled videos whose labels people correct in other programs, and what they make of them."""

import csv
import json
from fractions import Fraction
from pathlib import Path

from pipelines.core.stored.sealed import seal
from pipelines.labelling.rows import rows, write_rows
from pipelines.labelling.types import LabelledVideo, Segment
from tests.conftest import write_video


def segment(start_s: float, end_s: float, label: str, score: float = 0.875, far: float | None = None) -> Segment:
    return Segment(start_s, end_s, label, score, ((label, score), ("Swim", 0.0625)), far)


CLIP = LabelledVideo(
    "gym/clip 07.mp4", "gym/clip 07.mp4", 4.0, False,
    (segment(0, 1.48, "Run"), segment(1.48, 2, "unknown"), segment(2, 3, "Jump, high", 0.5, 1.7), segment(3, 4, "Run")),
)  # fmt: skip
FILM = LabelledVideo(
    "b.mp4", "b.mp4", 2.002, False, (segment(0, 1.001, "Run & <go>"), segment(1.001, 2.002, "Run")), "a remark"
)
CORRECTED = [
    ("videos/gym/clip 07.mp4", "Run", "0", "1.48"),
    ("videos/gym/clip 07.mp4", "Swim", "1.56", "1.8"),
    ("videos/gym/clip 07.mp4", "Jump, high", "2", "2.8"),
    ("videos/gym/clip 07.mp4", "Swim", "3", "4"),
]
"""What people made of the first video: one segment is as it was, one ends earlier, one is of another class, one new."""
COUNTED = "1 corrected video: 1 confirmed, 2 changed, 1 new, 0 removed (against predictions)\n"


def make_labels(root: Path, listed: bool = True) -> Path:
    """Makes `videos/`, and `labels/` as `pipelines.label` leaves them; `listed` tells where the videos are."""
    write_video(root / "videos/gym/clip 07.mp4", 100)
    write_video(root / "videos/b.mp4", 60, rate=Fraction(30000, 1001))
    labels = root / "labels"
    labels.mkdir()
    name = "labels-00000-of-00001.jsonl"
    with open(labels / name, "wb") as file:
        write_rows(file, (row for video in (CLIP, FILM) for row in rows(video, "00ff")), "jsonl")
    (labels / "failures.jsonl").touch()
    (labels / "summary.json").write_text(json.dumps({"files": {"labels": [name]}, "unfamiliar": {"videos": 1}}))
    if listed:
        (labels / "_state/listing").mkdir(parents=True)
        found = [[v.video, str(root / "videos" / v.video), "1", 1] for v in (CLIP, FILM)]
        text = "".join(json.dumps(row) + "\n" for row in found)
        (labels / "_state/listing/00000.jsonl").write_text(seal(text))
    return labels


def rows_of(path: Path) -> list[tuple[str, ...]]:
    """The rows of a manifest, without its first line."""
    with open(path, newline="") as file:
        return [tuple(row) for row in csv.reader(file)][1:]
