"""Files in torch's old format, written byte by byte, with all that they may state wrongly."""

import pickle
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

MAGIC = 119547037146038801333356
KINDS = {"<f4": "FloatStorage", "<i8": "LongStorage"}


@dataclass
class Stored:
    """A tensor as a file states it: which storage it shows, from which value on, and with what strides."""

    storage: str
    shape: Sequence[int]
    strides: Sequence[int]
    offset: int = 0


@dataclass
class TorchFile:
    """A file of storages and of tensors that show them.

    Attributes:
        storages: by key: float32 or int64 [N].
        tensors: by name.
        lengths: what the tensors say of storages' lengths, where it isn't the truth.
        version, little_endian: of the head.
        kinds: what the tensors say of storages' types, where it isn't the truth.
    """

    storages: Mapping[str, np.ndarray]
    tensors: Mapping[str, Stored]
    lengths: Mapping[str, int] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    version: int = 1001
    little_endian: bool = True

    def to_bytes(self, described: bytes | None = None) -> bytes:
        """The file; `described` takes the place of the pickle with the tensors."""
        sizes = {"short": 2, "int": 4, "long": 4}
        machine = {"protocol_version": 1001, "little_endian": self.little_endian, "type_sizes": sizes}
        parts = [pickle.dumps(value, 2) for value in (MAGIC, self.version, machine)]
        parts.append(self.pickled() if described is None else described)
        parts.append(pickle.dumps(list(self.storages), 2))
        for values in self.storages.values():
            parts += [struct.pack("<q", len(values)), values.tobytes()]
        return b"".join(parts)

    def pickled(self) -> bytes:
        """The pickle with the tensors, as torch writes it: an `OrderedDict` with an attribute `_metadata`."""
        items = b"".join(text(name) + self._tensor(stored) for name, stored in self.tensors.items())
        state = b"}" + text("_metadata") + b"}" + text("") + b"}" + text("version") + number(1) + b"sss"
        return b"\x80\x02ccollections\nOrderedDict\n)R(" + items + b"u" + state + b"b."

    def _tensor(self, stored: Stored) -> bytes:
        values = self.storages.get(stored.storage, np.zeros(0, np.float32))
        kind = self.kinds.get(stored.storage, KINDS[values.dtype.newbyteorder("<").str])
        length = number(self.lengths.get(stored.storage, len(values)))
        storage = b"(" + text("storage") + f"ctorch\n{kind}\n".encode() + text(stored.storage) + text("cpu")
        parts = storage + length + b"NtQ" + number(stored.offset) + numbers(stored.shape) + numbers(stored.strides)
        return b"ctorch._utils\n_rebuild_tensor_v2\n(" + parts + b"\x89ccollections\nOrderedDict\n)RtR"


def text(value: str) -> bytes:
    """The instruction that pushes a text."""
    encoded = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def number(value: int) -> bytes:
    """The instruction that pushes a number of up to 255 bytes."""
    encoded = pickle.encode_long(value)  # type: ignore[attr-defined] # of the module's documented format
    return b"\x8a" + bytes([len(encoded)]) + encoded


def numbers(values: Sequence[Any]) -> bytes:
    """The instructions that push a tuple of numbers."""
    return b"(" + b"".join(map(number, values)) + b"t"


def plain(**arrays: np.ndarray) -> TorchFile:
    """A file of contiguous tensors, each with a storage of its own."""
    storages = {f"key of {name}": values.ravel() for name, values in arrays.items()}
    tensors = {
        name: Stored(f"key of {name}", values.shape, [step // values.itemsize for step in values.strides])
        for name, values in arrays.items()
    }
    return TorchFile(storages, tensors)
