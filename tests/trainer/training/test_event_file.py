"""Event files: TensorFlow reads them back, and they don't contain the name of the machine."""

import platform
from pathlib import Path

import numpy as np

from pipelines.process.tensorflow_start import start_tensorflow

start_tensorflow()

import tensorflow as tf  # noqa: E402

from trainer.training.event_file import EventFile  # noqa: E402


def test_event_files_are_read_back(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)
    writer = EventFile(str(tmp_path / "logs"))
    writer.scalars(3, {"train/loss": 0.5, "val/loss": float("nan")})
    (path,) = (tmp_path / "logs").iterdir()
    assert path.name.startswith("events.out.tfevents.") and platform.node() not in path.name.split(".")
    assert sum(1 for _ in tf.compat.v1.train.summary_iterator(str(path))) == 2, "visible before the file is closed"
    writer.picture(4, "test/confusion", pixels)
    writer.close()
    version, scalars, picture = tf.compat.v1.train.summary_iterator(str(path))
    assert version.file_version == "brain.Event:2" and (scalars.step, picture.step) == (3, 4)
    loss, other = scalars.summary.value
    assert (loss.tag, loss.metadata.plugin_data.plugin_name) == ("train/loss", "scalars")
    assert float(tf.make_ndarray(loss.tensor)) == 0.5 and np.isnan(tf.make_ndarray(other.tensor))
    (shown,) = picture.summary.value
    width, height, png = tf.make_ndarray(shown.tensor)
    assert (int(width), int(height), shown.metadata.plugin_data.plugin_name) == (12, 8, "images")
    np.testing.assert_array_equal(tf.io.decode_png(png), pixels)


def test_two_files_of_one_process_have_two_names(tmp_path: Path) -> None:
    for _ in range(2):
        EventFile(str(tmp_path)).close()
    assert len(list(tmp_path.iterdir())) == 2


def test_tensorboard_reads_them(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing import event_accumulator

    writer = EventFile(str(tmp_path))
    writer.scalars(1, {"train/loss": 2.0})
    writer.picture(1, "test/confusion", np.zeros((4, 4, 3), np.uint8))
    writer.close()
    read = event_accumulator.EventAccumulator(str(tmp_path))
    read.Reload()
    assert read.Tags()["tensors"] == ["train/loss", "test/confusion"]
    assert read.SummaryMetadata("train/loss").plugin_data.plugin_name == "scalars"
