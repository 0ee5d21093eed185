"""The loop where training goes wrong."""

import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from pipelines.core.errors import DivergedError, UsageError, UserError
from tests.damage import damages
from trainer import checkpoint
from trainer.config import TrainConfig
from trainer.data import Clips, Reading
from trainer.dataset import OpenDataset, open_dataset
from trainer.learner import Learner, Learning
from trainer.loop import Loop, Plan
from trainer.models import build_model
from trainer.parts import Index, Part, cut_parts
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
    """Any bit of it, also of what zip has no checksum for; one of an earlier version has only those of zip."""
    uri = tmp_path / "last.npz"
    checkpoint.save(str(uri), [np.arange(100.0), np.ones((2, 3))], checkpoint.State(epoch=3), {"a": 1})
    found = checkpoint.load(str(uri))
    assert found is not None
    assert found[0][0].tolist() == list(range(100))
    assert (found[1].epoch, found[2]) == (3, {"a": 1})
    whole = uri.read_bytes()
    with np.load(uri) as archive:
        assert sorted(archive.files) == ["state", "v00000", "v00001"]
    for kind, content in damages(whole, 0, flips=500):
        uri.write_bytes(content)
        with pytest.raises(UserError, match=r"last\.npz is damaged .*; delete the folder "):
            raise AssertionError(f"{kind}: {checkpoint.load(str(uri))}")
    mark = len(b"crc32:") + 8
    uri.write_bytes(whole[: -mark - 2] + b"\0\0")
    assert checkpoint.load(str(uri)) is not None
    assert checkpoint.load(str(tmp_path / "none.npz")) is None


def test_damaged_best_weights_are_found_at_the_start_and_the_remedy_works(dataset: Path, tmp_path: Path) -> None:
    opened, folder = open_dataset(str(dataset)), tmp_path / "checkpoints"
    make_loop(opened, folder, (1.0, 1.0, 1.0), epochs=1).run()
    best = folder / "best.npz"
    whole = best.read_bytes()
    best.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=f"best.npz is damaged .*; delete the folder {folder} to train from the begin"):
        make_loop(opened, folder, (1.0, 1.0, 1.0), epochs=1).run()
    shutil.rmtree(folder)
    make_loop(opened, folder, (1.0, 1.0, 1.0), epochs=1).run()
    assert checkpoint.load(str(best)) is not None
