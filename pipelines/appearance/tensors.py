"""Tensors in files that `torch.save` wrote before its version 1.6, read without torch and without running anything.

Such a file is four pickles (a magic number, a version, facts about the machine, and tensors by their names), a fifth
with the keys of the storages, and then each storage: its length as int64, and its values, always little-endian.
"""

import io
import math
from pathlib import Path

import numpy as np

from pipelines.appearance.pickles import Storage, Tensor, read_pickle
from pipelines.core.errors import UsageError

_MAGIC, _VERSION = 0x1950A86A20F9469CFC6C, 1001
_ZIP = b"PK\x03\x04"
_MOST_DIMENSIONS = 8


def read_tensors(path: str | Path) -> dict[str, np.ndarray]:
    """Reads all tensors of a file in torch's old format.

    Args:
        path: the file, on this machine.

    Returns:
        By name: float32 or int64 of any shape. The arrays are read-only views into the file's bytes, with the strides
        that the file states, which needn't be contiguous.

    Raises:
        UsageError: the file can't be read, is cut off, damaged or of another format, or asks for anything but float32
            and int64 tensors.
    """
    try:
        return _tensors(Path(path).read_bytes())
    except OSError as error:
        raise UsageError(f"can't read the weights {path}: {error.strerror or error}") from error
    except (ValueError, IndexError, KeyError) as error:
        said = str(error) if isinstance(error, ValueError) else "its instructions don't fit each other"
        raise UsageError(f"{path} can't be read as weights: {said}. Get the file again from its source") from error


def _tensors(data: bytes) -> dict[str, np.ndarray]:
    if data.startswith(_ZIP):
        raise ValueError(
            "it is a zip file, torch's newer format; save it in the old one, with "
            "torch.save(..., _use_new_zipfile_serialization=False)"
        )
    stream = io.BytesIO(data)
    if read_pickle(stream) != _MAGIC:
        raise ValueError("it isn't a file of torch.save")
    if read_pickle(stream) != _VERSION:
        raise ValueError(f"its format isn't version {_VERSION}")
    machine = read_pickle(stream)
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise ValueError("it wasn't written by a little-endian machine")
    tensors = read_pickle(stream)
    if not isinstance(tensors, dict) or not all(isinstance(tensor, Tensor) for tensor in tensors.values()):
        raise ValueError("it has something other than tensors by their names, such as a whole checkpoint")
    keys = read_pickle(stream)
    named = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    if not isinstance(keys, list) or sorted(keys) != sorted(named):
        raise ValueError("its list of storages isn't that of its tensors")
    if any(tensor.storage != named[tensor.storage.key] for tensor in tensors.values()):
        raise ValueError("its tensors disagree about their storages")
    storages = {key: _storage(data, stream, named[key]) for key in keys}
    if rest := len(data) - stream.tell():
        raise ValueError(f"{rest} bytes follow its last tensor")
    return {name: _view(name, tensor, storages[tensor.storage.key]) for name, tensor in tensors.items()}


def _storage(data: bytes, stream: io.BytesIO, storage: Storage) -> np.ndarray:
    """The values of the storage that is next in the file, read-only."""
    head = stream.read(8)
    length, start = int.from_bytes(head, "little", signed=True), stream.tell()
    end = start + length * storage.dtype.itemsize
    if len(head) < 8 or end > len(data):
        raise ValueError(f"it is cut off, within storage {storage.key!r:.100}")
    if length < 0 or length != storage.length:
        raise ValueError(f"storage {storage.key!r:.100} hasn't as many values as its tensors say")
    stream.seek(end)
    return np.frombuffer(data, storage.dtype, length, start)


def _view(name: str, tensor: Tensor, storage: np.ndarray) -> np.ndarray:
    """What a tensor shows of its storage; it never has more values than that."""
    _, offset, shape, strides = tensor
    if any(type(number) is not int or number < 0 for number in (offset, *shape, *strides)):
        raise ValueError(f"the layout of tensor {name!r:.100} isn't of whole numbers from 0")
    if len(shape) != len(strides) or len(shape) > _MOST_DIMENSIONS or 0 in shape:
        raise ValueError(f"tensor {name!r:.100} is empty, or its strides don't fit its shape")
    last = offset + sum((side - 1) * step for side, step in zip(shape, strides, strict=True))
    if last >= len(storage) or math.prod(shape) > len(storage):
        raise ValueError(f"tensor {name!r:.100} goes beyond the {len(storage)} values of its storage")
    steps = [step * storage.itemsize if side > 1 else 0 for side, step in zip(shape, strides, strict=True)]
    view = np.lib.stride_tricks.as_strided(storage[offset:], shape, steps, writeable=False)
    return view.astype(storage.dtype.newbyteorder("="), copy=False)
