"""Files of weights for networks of `keras.applications`: every form that Keras writes is read, or refused by name."""

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from pipelines.appearance.eyes import build_eye, eye_fingerprint
from pipelines.appearance.of_keras import OF_KERAS
from pipelines.core.errors import UsageError
from pipelines.process.tensorflow_start import start_tensorflow

pytest.importorskip("tensorflow")
start_tensorflow()

import keras  # noqa: E402

from tests.support.networks_of_keras import network_of_keras  # noqa: E402

pytestmark = pytest.mark.training
NAME = "mobilenetv3-small"
BARE = {"include_top": False, "input_shape": (64, 64, 3), "pooling": "avg"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of the same weights in all forms, with and without the classifier."""
    folder = tmp_path_factory.mktemp("weights")
    whole = network_of_keras(NAME)
    bare = network_of_keras(NAME, **BARE)
    for layer, other in zip(
        [x for x in bare.layers if x.weights], [x for x in whole.layers if x.weights], strict=False
    ):
        layer.set_weights(other.get_weights())
    whole.save_weights(folder / "whole.weights.h5")
    bare.save(folder / "bare.keras")
    for network, name in ((whole, "whole"), (bare, "bare")):
        network.save(folder / f"{name}.h5")
    # The form of Keras' own files: weights alone, in the layout of Keras 2.
    for name in ("whole", "bare"):
        with h5py.File(folder / f"{name}.h5") as saved, h5py.File(folder / f"{name}_only.h5", "w") as only:
            for key in saved["model_weights"]:
                saved.copy(f"model_weights/{key}", only)
            only.attrs.update(saved["model_weights"].attrs)
    return folder


def test_all_forms_give_the_same_eye(folder: Path) -> None:
    forms = ("whole.weights.h5", "whole_only.h5", "bare.keras", "bare_only.h5")
    found = {form: eye_fingerprint(build_eye(NAME, 64, 64, str(folder / form))) for form in forms}
    assert len(set(found.values())) == 1, found


def test_files_of_other_things_are_refused(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.weights.h5"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]).save_weights(other)
    cut = tmp_path / "cut.keras"
    cut.write_bytes((folder / "bare.keras").read_bytes()[:100_000])
    for path in (other, cut):
        with pytest.raises(
            UsageError, match=f"{path} is damaged or has no weights of {NAME}: .* own file is weights_mob"
        ):
            build_eye(NAME, 64, 64, str(path))
    with pytest.raises(UsageError, match=r"there is no file .*absent.h5 with the weights of mobilenetv3-small"):
        build_eye(NAME, 64, 64, str(tmp_path / "absent.h5"))
    with pytest.raises(UsageError, match="ends neither in .h5 nor in .keras"):
        build_eye(NAME, 64, 64, str(tmp_path / "x.pth"))
    with pytest.raises(UsageError, match="can't have the weights of efficientnet-lite0, which are a .pth file"):
        build_eye("efficientnet-lite0", 64, 64, str(other))


def test_weights_that_are_not_finite_are_refused(folder: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(folder / "bare_only.h5", tmp_path / "nan.h5"))
    with h5py.File(path, "r+") as file:
        found: list[h5py.Dataset] = []
        file["conv_1"].visititems(lambda _, item: found.append(item) if isinstance(item, h5py.Dataset) else None)
        found[0][...] = np.nan
    with pytest.raises(UsageError, match="weights are missing or not finite, such as those of .*conv_1"):
        build_eye(NAME, 64, 64, str(path))


def test_a_download_that_fails_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from keras.src.backend import config  # Keras reads KERAS_HOME during its import only

    monkeypatch.setattr(config, "_KERAS_DIR", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nothing listens there
    for name in (NAME, "efficientnetv2-b0"):
        with pytest.raises(
            UsageError, match=f"can't download .* of {name}: URL fetch .*--appearance-weights"
        ) as caught:
            build_eye(name, 64, 64)
        assert OF_KERAS[name].file in str(caught.value)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
