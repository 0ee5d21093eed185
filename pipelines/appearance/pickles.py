"""Pickles of torch's tensors, interpreted without running what they ask for.

A pickle is a program that may call anything, and restricting an `Unpickler` still leaves it to build deep structures
and to set attributes. Here, the few instructions that torch writes for tensors give plain values, and `Storage` and
`Tensor` where torch would call its own functions. Nothing is imported or called, whatever a file says.
"""

import io
import pickletools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

_DICT, _REBUILD = "collections OrderedDict", "torch._utils _rebuild_tensor_v2"
_DTYPES: dict[str, np.dtype] = {"torch FloatStorage": np.dtype("<f4"), "torch LongStorage": np.dtype("<i8")}
_GLOBALS = {_DICT, _REBUILD, *_DTYPES}
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
}
_LITERALS = {"BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE"}
_SHORT_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_OTHERS = {"PROTO", "STOP", "MARK", "TUPLE", "GLOBAL", "REDUCE", "BUILD", "BINPERSID", "BINPUT", "LONG_BINPUT"}
_OTHERS |= {"BINGET", "LONG_BINGET", "SETITEM", "SETITEMS", "APPEND", "APPENDS"}
_INSTRUCTIONS = {*_CONSTANTS, *_LITERALS, *_SHORT_TUPLES, *_OTHERS}


class Storage(NamedTuple):
    """Values that tensors share: their name in the file, the type as it is in the file, and how many there are."""

    key: str
    dtype: np.dtype
    length: int


class Tensor(NamedTuple):
    """A view of a storage, as the file states it, in values rather than bytes. The numbers aren't checked yet."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Global(str):
    """The module and the name of something that a pickle refers to."""


def read_pickle(stream: io.BytesIO) -> Any:
    """Reads the pickle that is next in a stream, and leaves the stream after it.

    Returns:
        None, bool, int, str, `Storage`, `Tensor`, and tuples, lists of str and dictionaries by str of these.

    Raises:
        ValueError: the pickle is cut off or damaged, or asks for anything but float32 and int64 tensors.
        IndexError, KeyError: it is damaged so that its instructions don't fit each other.
    """
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[int, Any] = {}

    def since_mark() -> list[Any]:
        start = marks.pop()
        found = stack[start:]
        del stack[start:]
        return found

    for name, argument in _instructions(stream):
        if name in _CONSTANTS:
            stack.append(_CONSTANTS[name]())
        elif name in _LITERALS:
            stack.append(argument)
        elif name in ("BINPUT", "LONG_BINPUT"):
            memo[argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name == "MARK":
            marks.append(len(stack))
        elif name == "TUPLE":
            stack.append(tuple(since_mark()))
        elif name in _SHORT_TUPLES:
            stack.append(tuple([stack.pop() for _ in range(_SHORT_TUPLES[name])][::-1]))
        elif name in ("SETITEM", "SETITEMS"):
            pairs = since_mark() if name == "SETITEMS" else [stack.pop(-2), stack.pop()]
            _set_items(stack[-1], pairs)
        elif name in ("APPEND", "APPENDS"):
            items = since_mark() if name == "APPENDS" else [stack.pop()]
            _of_type(stack[-1], list).extend(_of_type(item, str) for item in items)
        elif name == "GLOBAL":
            stack.append(_Global(argument))
        elif name == "BINPERSID":
            stack.append(_persistent(stack.pop()))
        elif name == "REDUCE":
            arguments, function = stack.pop(), stack.pop()
            stack.append(_reduce(function, arguments))
        elif name == "BUILD":  # versions of modules, which torch stores as an attribute of the dictionary
            stack.pop()
            _of_type(stack[-1], dict)
        elif name == "STOP":
            return stack.pop()
    raise ValueError("it is cut off")


def _instructions(stream: io.BytesIO) -> Iterator[tuple[str, Any]]:
    for instruction, argument, _ in pickletools.genops(stream):
        if instruction.name not in _INSTRUCTIONS:
            raise ValueError(f"it holds the instruction {instruction.name}, which tensors don't need")
        if instruction.name == "GLOBAL" and argument not in _GLOBALS:
            raise ValueError(
                f"it refers to {_dotted(str(argument))}, and only float32 and int64 tensors are read from it"
            )
        yield instruction.name, argument


def _dotted(name: str) -> str:
    return f"{'.'.join(name.split(' ', 1))!r:.100}"


def _of_type(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise ValueError(f"it has {type(value).__name__} where {kind.__name__} is needed")
    return value


def _set_items(target: Any, pairs: list[Any]) -> None:
    _of_type(target, dict)
    if len(pairs) % 2:
        raise ValueError("a name in it has no value")
    for key, value in zip(pairs[::2], pairs[1::2], strict=True):
        target[_of_type(key, str)] = value


def _persistent(told: Any) -> Storage:
    match told:
        case ("storage", _Global() as kind, str(key), str(), int(length), None) if kind in _DTYPES:
            return Storage(key, _DTYPES[kind], length)
    raise ValueError("it refers to something that isn't a storage of float32 or int64 values")


def _reduce(function: Any, arguments: Any) -> Any:
    if not isinstance(function, _Global):
        raise ValueError("it would call something that isn't a function")
    match arguments:
        case () if function == _DICT:
            return {}
        case (Storage() as storage, int(offset), tuple(shape), tuple(strides), *_) if function == _REBUILD:
            return Tensor(storage, offset, shape, strides)
    raise ValueError(f"it would call {_dotted(function)} with arguments that tensors don't need")
