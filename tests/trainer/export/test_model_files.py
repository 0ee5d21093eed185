"""Files and folders that are given as a model are named for what they are, before TensorFlow is loaded."""

import io
import zipfile
from pathlib import Path

import pytest

from pipelines.core.errors import UsageError
from trainer.export.model_files import HDF5, KERAS, check_source, keras_form


def archive(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name in names:
            made.writestr(name, "{}")
    return file.getvalue()


@pytest.mark.parametrize("name", ["m.keras", "m.h5", "m.hdf5", "m", "m.bin"])
def test_the_form_of_a_file_is_that_of_its_content(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(archive("metadata.json", "config.json", "model.weights.h5"))
    assert keras_form(tmp_path / name) == KERAS
    (tmp_path / name).write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    assert keras_form(tmp_path / name) == HDF5
    check_source(tmp_path / name, is_keras=True)
    with pytest.raises(UsageError, match="is a file, not the folder of a SavedModel; if Keras wrote it, use --keras"):
        check_source(tmp_path / name, is_keras=False)


@pytest.mark.parametrize("is_keras", [True, False])
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.h5", b"", "is empty. Copy or download it again"),
        ("m.h5", bytes(5000), "is empty but for zero bytes"),
        ("m.h5", b"version https://git-lfs.github.com/spec/v1\noid", "Run: git lfs pull"),
        ("m.h5", b"<!DOCTYPE html><html>", "is a web page"),
        ("m.keras", archive("metadata.json", "config.json")[:-30], "without its end, such as a .keras file"),
        ("m.zip", archive("a/lrcn.h5"), "is an archive with a/lrcn.h5: unpack it"),
        ("m.zip", archive("m/saved_model.pb"), "is an archive with m/saved_model.pb: unpack it"),
        ("m.zip", archive("a.txt"), "is an archive, not a .keras file"),
        ("m.pt", archive("archive/data.pkl", "archive/version"), "is a PyTorch file. .* convert it"),
        ("m.bin", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "is a PyTorch file. .* convert it"),
        ("m.pth", b"\x10", "by its name a PyTorch one. .* convert it"),
        ("m.tflite", b"\x1c\0\0\0TFL3" + bytes(9), "is a TensorFlow Lite model. .* convert it"),
        ("m.ONNX", b"\x08\x08\x12\x07pytorch", "is an ONNX model. .* convert it"),
        ("frozen.pb", b"\n\x0c", "is a graph of TensorFlow without a signature. .*--saved-model DIR"),
        ("model.ckpt.index", b"\0\1", "part of a checkpoint: weights without the layers .*--saved-model DIR"),
        ("m.json", b' {"class_name": "Sequential"}', "is JSON, such as layers without their weights"),
        ("m.pkl", b"\x80\x04\x95", "is a pickle of Python. .*--saved-model DIR"),
        ("labels.txt", b"Run\n", "is neither a Keras file .*--saved-model DIR"),
        ("m/unpacked/config.json", b"{}", "unpacked is the content of an unpacked .keras file: give that file"),
        ("m/ck/model.ckpt-5.index", b"x", "ck holds checkpoints: weights without the layers"),
        ("m/sm/saved_model.pb", b"x", "give its folder, --saved-model .*/sm$|neither a Keras|without a signature"),
        ("m/ours/model_info.json", b"x", "is of a model that this program made or imported"),
        ("m/parent/saved_model.pb", b"x", "m is not a SavedModel; did you mean .*m/parent"),
    ],
)
def test_what_is_not_a_model_is_named(name: str, content: bytes, message: str, is_keras: bool, tmp_path: Path) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    if path.name == "config.json":
        (path.parent / "metadata.json").touch()
    if "parent" in name:
        path = path.parent.parent
    elif name.startswith("m/") and "/sm/" not in name:
        path = path.parent
    with pytest.raises(UsageError, match=message):
        check_source(path, is_keras)
