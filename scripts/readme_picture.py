"""Draws the picture of README.md: sample videos, one of each activity, with the labels that a model gave to them.

    scripts/demo                                        # makes the videos and their labels
    .venv/bin/python scripts/readme_picture.py          # reads data/new-videos and data/new-labels

A video whose label is wrong is drawn like any other. The picture is an animated WebP file, docs/labels.webp.
"""

import argparse
import json
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

import pipelines

COLUMNS, WIDTH, HEIGHT = 4, 200, 150
CAPTION, GAP, FRAMES, FRAME_MS = 24, 6, 30, 110
PAPER, INK = (255, 255, 255), (36, 41, 47)
ROOT = Path(__file__).parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=Path, default=ROOT / "data/new-videos", help="folder of class folders")
    parser.add_argument("--labels", type=Path, default=ROOT / "data/new-labels", help="their labels, as JSON Lines")
    parser.add_argument("--output", type=Path, default=ROOT / "docs/labels.webp", help="the picture")
    parser.add_argument("--quality", type=int, default=60, help="of WebP, from 0 to 100")
    options = parser.parse_args()
    shown = choose(read_labels(options.labels))
    strips = [read_strip(options.videos / row["uri"]) for row in shown]
    pages = [draw([(strip[number], row) for strip, row in zip(strips, shown, strict=True)]) for number in range(FRAMES)]
    pages[0].save(
        options.output, save_all=True, append_images=pages[1:], duration=FRAME_MS, loop=0, quality=options.quality,
        method=6, minimize_size=True,
    )  # fmt: skip
    print(f"{options.output}: {len(shown)} videos, {options.output.stat().st_size / 1000:.0f} kB")


def read_labels(folder: Path) -> list[dict]:
    """The rows of all labels, in order of the videos."""
    files = sorted(folder.glob("labels-*.jsonl"))
    return sorted((json.loads(line) for file in files for line in file.open()), key=lambda row: row["video"])


def choose(rows: list[dict]) -> list[dict]:
    """One video from each class folder, from as many groups as there are: other people in other places."""
    by_class: dict[str, list[dict]] = {}
    for row in rows:
        by_class.setdefault(Path(row["video"]).parts[0], []).append(row)
    return [found[number * len(found) // len(by_class)] for number, found in enumerate(by_class.values())]


def read_strip(video: Path) -> list[Image.Image]:
    """Frames spread over a whole video."""
    clip = pipelines.read_clip(str(video), pipelines.ClipSpec(num_frames=FRAMES, height=HEIGHT, width=WIDTH))
    return [Image.fromarray(frame) for frame in clip.frames]


def draw(shown: list[tuple[Image.Image, dict]]) -> Image.Image:
    """One picture of the animation: a frame of each video above its label and score."""
    rows = -(-len(shown) // COLUMNS)
    size = (COLUMNS * (WIDTH + GAP) - GAP, rows * (HEIGHT + CAPTION + GAP) - GAP)
    page = Image.new("RGB", size, PAPER)
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(12)
    for number, (frame, row) in enumerate(shown):
        left, top = number % COLUMNS * (WIDTH + GAP), number // COLUMNS * (HEIGHT + CAPTION + GAP)
        page.paste(frame, (left, top))
        pen.text((left + 1, top + HEIGHT + 4), f"{row['label']}  {row['score']:.0%}", INK, font)
    return page


if __name__ == "__main__":
    main()
