"""The loop where training goes wrong."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from pipelines.core.errors import DivergedError, UsageError
from trainer import checkpoint
from trainer.config import TrainConfig
from trainer.data import Clips, Reading
from trainer.dataset import OpenDataset, open_dataset
from trainer.learner import Learner, Learning
from trainer.loop import Loop
from trainer.models import build_model
from trainer.parts import Index, Part, cut_parts
from trainer.schedule import Plan
from trainer.storage import join
from trainer.strategy import make_devices


def no_index(part: Part) -> Index:
    raise AssertionError(f"the stored splits need no index of {part}")


def make_loop(dataset: OpenDataset, folder: Path, weights: tuple[float, ...], epochs: int = 2) -> Loop:
    info, devices = dataset.info, make_devices("cpu", "float32")
    sides = cut_parts(info, partial(join, dataset.uri), TrainConfig("lrcn", "", ""), no_index).sides
    clips = {name: Clips(info, part, Reading(8)) for name, part in sides.items()}
    build = partial(build_model, "lrcn", "reference", info.clip_spec.shape, len(info.labels))
    learner = Learner(devices, build, Learning(0.05, 0.1, 1.0, 0.99, weights), 0)
    plan = Plan("test", str(folder), epochs, 1e-3, 1.0, 5, 0.0, {"epochs": epochs})
    return Loop(devices, learner, clips["train"], clips["val"], clips["val"].index().labels, plan)


def test_a_loss_that_is_no_number_leaves_the_last_good_checkpoint(dataset: Path, tmp_path: Path) -> None:
    opened = open_dataset(str(dataset))
    make_loop(opened, tmp_path, (1.0, 1.0, 1.0)).run()
    found = checkpoint.load(str(tmp_path / "last.npz"))
    assert found is not None
    arrays, state, identity = found
    state.stopped = ""
    checkpoint.save(str(tmp_path / "last.npz"), arrays, state, {**identity, "epochs": 4})
    good = (tmp_path / "last.npz").read_bytes()
    bad = make_loop(opened, tmp_path, (float("inf"), 1.0, 1.0), epochs=4)
    with pytest.raises(DivergedError, match=r"the loss is no number in epoch 3, step .*--learning-rate"):
        bad.run()
    assert (tmp_path / "last.npz").read_bytes() == good
    assert all(np.isfinite(array).all() for array in arrays)
    assert DivergedError.exit_code == 5


def test_a_checkpoint_of_other_settings_is_refused(dataset: Path, tmp_path: Path) -> None:
    opened = open_dataset(str(dataset))
    make_loop(opened, tmp_path, (1.0, 1.0, 1.0), epochs=1).run()
    with pytest.raises(UsageError, match="epochs was 1, now 2"):
        make_loop(opened, tmp_path, (1.0, 1.0, 1.0), epochs=2).run()


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    from pipelines.core.errors import UserError

    uri = str(tmp_path / "last.npz")
    checkpoint.save(uri, [np.arange(1000.0)], checkpoint.State(epoch=3), {"a": 1})
    found = checkpoint.load(uri)
    assert found is not None
    assert found[0][0].tolist() == list(range(1000))
    assert (found[1].epoch, found[2]) == (3, {"a": 1})
    content = bytearray(Path(uri).read_bytes())
    content[len(content) // 2] ^= 1
    Path(uri).write_bytes(content)
    with pytest.raises(UserError, match=r"last\.npz is damaged"):
        checkpoint.load(uri)
    Path(uri).write_bytes(content[:500])
    with pytest.raises(UserError, match=r"last\.npz is damaged"):
        checkpoint.load(uri)
    assert checkpoint.load(str(tmp_path / "none.npz")) is None
