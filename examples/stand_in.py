"""Stands in for the people of docs/loop.md: it knows, from truth.csv, what happens in the long sample videos.

python examples/stand_in.py start TRUTH MANIFEST COLLECTION    annotates one video and those held out; lists the others
python examples/stand_in.py correct TABLE TRUTH OUTPUT         corrects the segments of a table of har select
python examples/stand_in.py random LABELS NUMBER OUTPUT        such a table of segments drawn at random, to compare
"""

import csv
import json
import os
import random
import sys
from collections import defaultdict
from pathlib import Path

BACKGROUND = "Background"
SHORTEST_S = 1.0
"""What is shorter stays out: nobody can say where it begins and ends."""


def annotations(truth: Path) -> dict[Path, list[tuple[float, float, str, str]]]:
    """Start, end, label and group of all that happens in each video up to its last activity, background too."""
    found: dict[Path, list[tuple[float, float, str, str]]] = defaultdict(list)
    for row in csv.DictReader(truth.open()):
        rows = found[(truth.parent / row["path"]).resolve()]
        start, end = float(row["start"]), float(row["end"])
        before = rows[-1][1] if rows else 0.0
        if start - before >= SHORTEST_S:
            rows.append((before, start, BACKGROUND, row["group"]))
        rows.append((start, end, row["label"], row["group"]))
    return dict(found)


def write(output: Path, head: list[str], rows: list[list]) -> None:
    with output.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *rows])


def start(truth: Path, manifest: Path, collection: Path) -> None:
    known = annotations(truth)
    groups = sorted({rows[0][3] for rows in known.values()})
    third = len(groups) // 3
    split_of = dict.fromkeys(groups[-third:], "test") | dict.fromkeys(groups[-2 * third : -third], "val")
    first, *others = [path for path, rows in sorted(known.items()) if rows[0][3] not in split_of]
    rows = [
        [os.path.relpath(path, manifest.parent), label, group, split_of.get(group, "train"), begin, end]
        for path, found in sorted(known.items())
        for begin, end, label, group in found
        if path == first or group in split_of
    ]
    write(manifest, ["path", "label", "group", "split", "start", "end"], rows)
    collection.write_text("".join(f"{os.path.relpath(path, collection.parent)}\n" for path in others))


def correct(table: Path, truth: Path, output: Path) -> None:
    known, rows = annotations(truth), []
    for row in csv.DictReader(table.open()):
        path = (table.parent / row["path"]).resolve()
        for begin, end, label, group in known[path]:
            begin, end = max(begin, float(row["start"])), min(end, float(row["end"]))
            if end - begin >= SHORTEST_S:
                shown = os.path.relpath(path, output.parent)
                rows.append([shown, label, group, round(begin, 3), round(end, 3)])
    write(output, ["path", "label", "group", "start", "end"], rows)


def draw(labels: Path, number: int, output: Path) -> None:
    files = json.loads((labels / "summary.json").read_text())["files"]["labels"]
    found = [json.loads(line) for name in files for line in (labels / name).open()]
    chosen: list[dict] = []
    for row in random.Random(0).sample(found, len(found)):
        near = [other for other in chosen if other["video"] == row["video"]]
        if len(chosen) < number and all(row["start_s"] > o["end_s"] or o["start_s"] > row["end_s"] for o in near):
            chosen.append(row)
    rows = [[row["uri"], row["label"], row["start_s"], row["end_s"], row["score"], "random"] for row in chosen]
    write(output, ["path", "label", "start", "end", "score", "reason"], rows)


if __name__ == "__main__":
    command, *words = sys.argv[1:]
    if command == "random":
        draw(Path(words[0]), int(words[1]), Path(words[2]))
    else:
        {"start": start, "correct": correct}[command](*map(Path, words))
