"""What a file or folder that is given as a model is, by its content, before TensorFlow is loaded."""

import zipfile
from pathlib import Path

from pipelines.core.errors import UsageError
from pipelines.core.model_info import MODEL_INFO
from pipelines.core.text_decoding import kind_of, stand_in_of
from pipelines.files.nearest import nearest

KERAS, HDF5 = ".keras", ".h5"
BETTER_FORM = (
    "Where the model was made, write it as a SavedModel, model.export(DIR) with Keras 3 or model.save(DIR) with "
    "Keras 2, and import that with --saved-model DIR"
)
_CONVERT = "Only Keras files and SavedModels can be imported: convert it to one of these"
AGAIN = "Copy or download it again"
_SAVED_MODEL = ("saved_model.pb", "saved_model.pbtxt")
_OF_KERAS = {"config.json", "metadata.json"}
_MARKS = (
    (0, b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19", "a PyTorch file"),
    (4, b"TFL3", "a TensorFlow Lite model"),
)
_NAMES = (
    (".onnx", "an ONNX model", _CONVERT),
    ((".pt", ".pth", ".ckpt", ".safetensors"), "not a Keras file, by its name a PyTorch one", _CONVERT),
    (".pb", "a graph of TensorFlow without a signature", BETTER_FORM),
    ((".index", ".data-00000-of-00001"), "part of a checkpoint: weights without the layers that use them", BETTER_FORM),
)
_HEAD_BYTES = 4096


def check_source(source: Path, is_keras: bool) -> None:
    """Refuses a model that doesn't exist, is of the other kind, or is none that can be imported.

    Raises:
        UsageError: it is so; the message says what it is, and what to give instead.
    """
    if not source.exists():
        what = "Keras file" if is_keras else "SavedModel"
        raise UsageError(f"no such {what}: {source}{nearest(str(source.absolute()))}")
    if any((place / MODEL_INFO).is_file() for place in (source, source.parent)):
        raise UsageError(f"{source} is of a model that this program made or imported: use its folder as it is")
    if source.is_dir():
        _check_folder(source, is_keras)
    elif not is_keras:
        if source.name in _SAVED_MODEL:
            raise UsageError(f"{source} is a file of a SavedModel: give its folder, --saved-model {source.parent}")
        keras_form(source)
        raise UsageError(f"{source} is a file, not the folder of a SavedModel; if Keras wrote it, use --keras {source}")
    elif not source.is_file():
        raise UsageError(f"no such Keras file: {source} is not a regular file")
    else:
        keras_form(source)


def _check_folder(source: Path, is_keras: bool) -> None:
    if all((source / name).is_file() for name in _OF_KERAS):
        raise UsageError(f"{source} is the content of an unpacked .keras file: give that file, --keras FILE.keras")
    if any((source / name).is_file() for name in _SAVED_MODEL):
        if is_keras:
            raise UsageError(f"{source} is a folder; if it is a SavedModel, use --saved-model {source}")
        return
    if inner := next((path.parent for path in sorted(source.glob("*/saved_model.pb"))), None):
        raise UsageError(f"{source} is not a SavedModel; did you mean {inner}?")
    if any(source.glob("*.index")):
        raise UsageError(f"{source} holds checkpoints: weights without the layers that use them. {BETTER_FORM}")
    if is_keras:
        raise UsageError(f"{source} is a folder; if it is a SavedModel, use --saved-model {source}")
    raise UsageError(f"{source} is not a SavedModel; give the folder that holds saved_model.pb")


def keras_form(path: Path) -> str:
    """Whether a file is a `.keras` or an `.h5` file, by its content, whatever it is called.

    Raises:
        UsageError: it is neither; the message says what it is.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD_BYTES)
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return _form_of_archive(path, archive.namelist())
    except (OSError, zipfile.BadZipFile) as error:
        raise UsageError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return HDF5
    if stand_in := stand_in_of(head):
        raise UsageError(f"{path} is {stand_in}")
    if not head.strip(b"\0"):
        raise UsageError(f"{path} is empty{' but for zero bytes' * bool(head)}. {AGAIN}")
    if head.startswith(b"PK\x03\x04"):
        raise UsageError(f"{path} is an archive without its end, such as a .keras file that was cut off. {AGAIN}")
    for start, mark, what in _MARKS:
        if head[start:].startswith(mark):
            raise UsageError(f"{path} is {what}. {_CONVERT}")
    for ending, what, remedy in _NAMES:
        if path.name.lower().endswith(ending):
            raise UsageError(f"{path} is {what}. {remedy}")
    if head.lstrip().startswith(b"{"):
        raise UsageError(f"{path} is JSON, such as layers without their weights. {BETTER_FORM}")
    what = kind_of(head) or "neither a Keras file (.keras, .h5) nor the folder of a SavedModel"
    raise UsageError(f"{path} is {what}. {BETTER_FORM}")


def _form_of_archive(path: Path, names: list[str]) -> str:
    if set(names) >= _OF_KERAS:
        return KERAS
    if any(name.endswith("/data.pkl") for name in names):
        raise UsageError(f"{path} is a PyTorch file. {_CONVERT}")
    inside = next((name for name in names if name.endswith((KERAS, HDF5, ".hdf5", *_SAVED_MODEL))), "")
    raise UsageError(f"{path} is an archive{f' with {inside}: unpack it' if inside else ', not a .keras file'}")
