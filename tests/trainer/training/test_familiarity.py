"""Which clips are unlike those of training, measured on a dataset and exported."""

from pathlib import Path

import numpy as np
import pytest

from pipelines.core.model_info import ModelInfo
from pipelines.dataset.example import decode
from pipelines.dataset.tfrecord import read_records
from pipelines.process.tensorflow_start import start_tensorflow
from pipelines.video.images import decode_frames

start_tensorflow()

from pipelines.models.scorer import Scorer  # noqa: E402
from pipelines.models.scores import Scored  # noqa: E402
from trainer.config import TrainConfig  # noqa: E402
from trainer.data.check import open_dataset  # noqa: E402
from trainer.evaluation import familiarity  # noqa: E402
from trainer.export.keras_model import export_model  # noqa: E402
from trainer.networks.build import build_model  # noqa: E402
from trainer.training.devices import make_devices  # noqa: E402
from trainer.training.familiarity import learn  # noqa: E402
from trainer.training.run import Run  # noqa: E402


def test_the_exported_model_tells_what_was_learnt(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(TrainConfig("lrcn", str(dataset), "out"), open_dataset(str(dataset)), make_devices("cpu", "float32"))
    network = build_model("lrcn", "default", run.info.clip_spec.shape, len(run.info.labels))
    few = learn(run, network)
    assert (
        few.metrics["reason"].startswith("the model was validated on 6 clips of 1 group; ")
        and "test" not in few.metrics
    )

    monkeypatch.setattr(familiarity, "MIN_CLIPS", 6)
    monkeypatch.setattr(familiarity, "MIN_GROUPS", 1)
    learnt = learn(run, network)
    info = ModelInfo("lrcn", "default", run.info.clip_spec, run.info.labels, unfamiliar=learnt.familiarity)
    clips = {side: read(dataset, run, side) for side in ("val", "test")}
    info = export_model(network, str(tmp_path), info, clips["val"][:2], learnt.gaussian)
    scorer = Scorer(str(tmp_path), info)

    def told(frames: np.ndarray) -> list[float]:
        scored = scorer.score([clip.tobytes() for clip in frames])
        return [item.unfamiliar for item in scored if isinstance(item, Scored) and item.unfamiliar is not None]

    # Of six clips the farthest gives the threshold.
    assert max(told(clips["val"])) == pytest.approx(1, abs=1e-3) and len(told(clips["val"])) == 6
    assert learnt.metrics["test"]["clips"] == sum(far > 1 for far in told(clips["test"]))
    noise = np.random.default_rng(0).integers(0, 256, (2, *info.clip_spec.shape), np.uint8)
    assert min(told(noise)) > 2
    # The ledger of labels tells models apart by their fingerprint: one that can't tell is another model.
    plain = export_model(
        network, str(tmp_path), ModelInfo("lrcn", "default", run.info.clip_spec, run.info.labels), noise
    )
    assert plain.fingerprint != info.fingerprint


def read(dataset: Path, run: Run, side: str) -> np.ndarray:
    found = []
    for shard in run.info.splits[side].shards:
        with open(dataset / shard.name, "rb") as file:
            examples = [decode(record) for record in read_records(file)]
        found += [decode_frames(e.frames, run.info.clip_spec, run.info.encoding) for e in examples]
    return np.stack(found)
