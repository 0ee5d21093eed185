"""What the graphs of a SavedModel would do besides calculating, found out before TensorFlow loads them.

Loading a SavedModel and calling it run its graphs, and TensorFlow has operations that read and write any file or run
Python. Only operations that calculate are allowed (`graph_ops`), and those that save and restore variables where every
SavedModel has them: in what its `saver_def` names, and nowhere else.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pipelines.core.errors import UsageError
from pipelines.models.graph_ops import CALCULATING

_RESTORING = frozenset({"Restore", "RestoreSlice", "RestoreV2"})
_SAVING = _RESTORING | {"MergeV2Checkpoints", "Save", "SaveSlices", "SaveV2", "ShardedFilename", "ShardedFilespec"}
_INIT_OPS = ("saved_model_main_op", "legacy_init_op")
"""Collections with the operations that a SavedModel of TensorFlow 1 runs when it is loaded."""
_SHOWN = 10


def refuse_unsafe(folder: str, name: str) -> None:
    """Refuses a SavedModel with operations that do more than calculate.

    Args:
        folder: its folder, on this machine.
        name: its name in the message.

    Raises:
        UsageError: it has such operations; the message names them.
        Exception: the file can't be read; of the kinds that TensorFlow's own loading raises.
    """
    if outside := assets_outside(folder):
        named = ", ".join(map(repr, outside[:_SHOWN]))
        raise UsageError(f"{name} has assets that aren't files in its folder: {named}. They would be copied with it")
    if found := unsafe_operations(folder):
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise UsageError(
            f"{name} does more than calculate: it holds the operations {', '.join(found[:_SHOWN])}{more}, with which a "
            "model may read and write files or run programs as you. Use it only if you trust who made it, with "
            "--trust-model"
        )


def unsafe_operations(folder: str) -> list[str]:
    """Names of the operations of a SavedModel that do more than calculate, sorted."""
    return sorted({operation for graph in _parse(folder).meta_graphs for operation in _unsafe(graph)})


def assets_outside(folder: str) -> list[str]:
    """Assets of a SavedModel that aren't regular files in its folder, sorted: saving it again would copy them."""
    inside = os.path.realpath(os.path.join(folder, "assets"))
    names = {name for graph in _parse(folder).meta_graphs for name in _assets(graph)}
    return sorted(name for name in names if not _is_file_below(inside, name))


def _assets(meta_graph: Any) -> Iterator[str]:
    from tensorflow.core.protobuf.meta_graph_pb2 import AssetFileDef

    yield from (asset.filename for asset in meta_graph.asset_file_def)
    if "saved_model_assets" in meta_graph.collection_def:  # of TensorFlow 1
        for value in meta_graph.collection_def["saved_model_assets"].any_list.value:
            yield AssetFileDef.FromString(value.value).filename


def _is_file_below(folder: str, name: str) -> bool:
    path = os.path.realpath(os.path.join(folder, name))
    return path.startswith(f"{folder}/") and os.path.isfile(path)


def _parse(folder: str) -> Any:
    import tensorflow as tf

    # TensorFlow's own function, so that this is the file that it will load.
    return tf.__internal__.saved_model.parse_saved_model(folder)


def _unsafe(meta_graph: Any) -> Iterator[str]:
    graph, saver = meta_graph.graph_def, meta_graph.saver_def
    nodes = {node.name: node for node in graph.node}
    restoring = _ancestors(nodes, [saver.restore_op_name])
    saving = _ancestors(nodes, [saver.save_tensor_name])
    run = _ancestors(nodes, _run_by_others(meta_graph))
    restoring, saving = restoring - run, saving - run - restoring

    functions = {function.signature.name: function.node_def for function in graph.library.function}
    others = [node for name, node in nodes.items() if name not in restoring | saving]
    # Functions that are also called elsewhere may not do what only the saver may, nor may functions that aren't called.
    named = {*_called(others), *meta_graph.object_graph_def.concrete_functions}
    for_restoring = _closure(functions, _called(nodes[name] for name in restoring))
    for_saving = _closure(functions, _called(nodes[name] for name in saving))
    outside = functions.keys() - for_restoring - for_saving
    of_others = _closure(functions, {*named, *outside})
    for_saving -= for_restoring

    def allowed(name: str, restoring: set[str], saving: set[str]) -> frozenset[str]:
        return _RESTORING if name in restoring else _SAVING if name in saving else frozenset()

    for name, node in nodes.items():
        yield from _unsafe_among([node], allowed(name, restoring, saving))
    for name, body in functions.items():
        yield from _unsafe_among(body, allowed(name, for_restoring - of_others, for_saving - of_others))


def _unsafe_among(nodes: Iterable[Any], allowed: frozenset[str]) -> Iterator[str]:
    for node in nodes:
        if node.op == "PrintV2" and node.attr["output_stream"].s.startswith(b"file"):
            yield "PrintV2 (to a file)"
        elif node.op not in CALCULATING and node.op not in allowed:
            yield node.op


def _run_by_others(meta_graph: Any) -> Iterator[str]:
    """Names of the nodes and tensors that are run without the saver."""
    for signature in meta_graph.signature_def.values():
        for tensors in (signature.inputs, signature.outputs):
            yield from (tensor.name for tensor in tensors.values())
    for name in _INIT_OPS:
        if name in meta_graph.collection_def:
            yield from meta_graph.collection_def[name].node_list.value


def _ancestors(nodes: Mapping[str, Any], ends: Iterable[str]) -> set[str]:
    """Names of the given nodes or tensors' nodes, and of all nodes on which they depend."""
    return _reached(map(_node_name, ends), lambda name: map(_node_name, nodes[name].input), nodes)


def _node_name(tensor: str) -> str:
    return tensor.removeprefix("^").partition(":")[0]


def _closure(functions: Mapping[str, Any], names: Iterable[str]) -> set[str]:
    """The named functions and all functions that they call."""
    return _reached(names, lambda name: _called(functions[name]), functions)


def _reached(starts: Iterable[str], following: Callable[[str], Iterable[str]], known: Mapping[str, Any]) -> set[str]:
    found: set[str] = set()
    pending = list(starts)
    while pending:
        name = pending.pop()
        if name in known and name not in found:
            found.add(name)
            pending.extend(following(name))
    return found


def _called(nodes: Iterable[Any]) -> set[str]:
    """Names of the functions that nodes call, in attributes or as the operation itself."""
    found = set()
    for node in nodes:
        found.add(node.op)
        for value in node.attr.values():
            found.update(function.name for function in (value.func, *value.list.func) if function.name)
    return found
