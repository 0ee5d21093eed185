"""CVAT's XML as FiftyOne reads it, where `HAR_FIFTYONE` names an environment that has it."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import run_here
from tests.support.corrected_videos import make_labels

ENVIRONMENT = os.environ.get("HAR_FIFTYONE", "")
READ = """
import json, sys
from fiftyone.utils.cvat import load_cvat_video_annotations
_, _, tracks = load_cvat_video_annotations(sys.argv[1])
print(json.dumps([[track.label, [[box.frame, box.outside] for box in track.boxes.values()]] for track in tracks]))
"""


@pytest.mark.process
@pytest.mark.skipif(not ENVIRONMENT, reason="HAR_FIFTYONE doesn't name an environment that has fiftyone")
def test_fiftyone_reads_the_tracks(tmp_path: Path) -> None:
    labels = make_labels(tmp_path)
    run_here("pipelines.export", "--labels", labels, "--format", "cvat", "--output", tmp_path / "cvat", code=0)
    command = [f"{ENVIRONMENT}/bin/python", "-c", READ, str(tmp_path / "cvat/gym/clip 07.mp4.xml")]
    alone = {"HOME": str(tmp_path), "FIFTYONE_DATABASE_DIR": str(tmp_path / "data"), "FIFTYONE_DO_NOT_TRACK": "true"}
    done = subprocess.run(
        command, capture_output=True, text=True, env={**alone, "PATH": os.environ["PATH"]}, check=True
    )
    assert json.loads(done.stdout.splitlines()[-1]) == [
        ["Run", [[0, False], [37, True]]], ["Jump, high", [[50, False], [75, True]]], ["Run", [[75, False]]]
    ]  # fmt: skip
