"""What the jobs and the reports write for fixed inputs: its bytes only change on purpose.

After an intended change, `python -m tests.test_same_bytes` writes `tests/golden/bytes.json` again; shards and labels
then also need a new version of the code that determines them.
"""

import hashlib
import json
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.conftest import preprocess
from tests.support.label_model import make_model
from tests.support.metrics import HISTORY, make_metrics
from tests.support.store_tools import run_label
from trainer.evaluation import report

pytestmark = pytest.mark.process

FIELD = Path(__file__).parent / "data" / "field"
GOLDEN = Path(__file__).parent / "golden" / "bytes.json"
KINDS = ("*.tfrecord", "*.jsonl", "*.csv", "*.vtt", "*.html")


def make_all(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a dataset, labels and a report."""
    for number, video in enumerate(sorted(FIELD.iterdir())):
        place = folder / "videos" / ("Jump", "Run")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(video, place / f"v_{place.name}_g{number // 2 % 4:02d}_c{number:02d}{video.suffix}")
    make_model(folder / "model", rule="golden")
    words = ("--num-frames", 8, "--size", 32, "--shards", 3, "--max-failure-rate", 1)
    done = preprocess("--input", folder / "videos", "--output", folder / "dataset", *words)
    assert done.returncode == 0, done.stderr
    words = ("--max-failure-rate", 1, "--webvtt", "--format", "csv")
    run_label(folder / "model", folder / "videos", folder / "labels", *words)
    page = report.render_report(make_metrics(), HISTORY, {}, "golden")
    (folder / "labels" / "of_training.html").write_text(page)
    paths = [path for name in ("dataset", "labels") for kind in KINDS for path in (folder / name).glob(kind)]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(paths)}


def test_the_same_bytes_as_before(tmp_path: Path) -> None:
    assert make_all(tmp_path) == json.loads(GOLDEN.read_text())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        GOLDEN.write_text(json.dumps(make_all(Path(scratch)), indent=2) + "\n")
