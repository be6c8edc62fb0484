"""Which ops the signatures of a SavedModel need, and which of them the stock server lacks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

#: What `ops_by_user` calls the graph's own part: variables, assets and tables as a version loads.
LOADING = "loading"
#: What it calls functions that neither a signature nor loading calls.
NOBODY = ""
#: Ops whose kernel calls a Python function of the process that made the graph.
PYTHON_OPS = frozenset({"EagerPyFunc", "PyFunc", "PyFuncStateless"})

_INIT_OP = "__saved_model_init_op"


@cache
def stock_ops() -> frozenset[str]:
    """The ops that the stock TensorFlow Serving 2.20 image can run on a CPU.

    Those of plain TensorFlow 2.20 with a CPU kernel, of TF Text 2.20 and of TF Decision Forests'
    inference, as `tools/record_stock_ops.py` found them. A recorded list rather than this
    process's registry, which also holds what the packages imported here have registered.
    """
    return frozenset((Path(__file__).parent / "stock_ops.txt").read_text("utf-8").split())


def lacking_ops(meta_graph: Any) -> dict[str, list[str]]:
    """The ops of a SavedModel that the stock server lacks.

    Args:
        meta_graph: a `MetaGraphDef`.

    Returns:
        By op, sorted, who needs it: names of signatures, `LOADING`, or nobody (an empty list) for
        an op in functions that are never called.
    """
    users: dict[str, list[str]] = {}
    for user, ops in sorted(ops_by_user(meta_graph).items()):
        for op in ops - stock_ops():
            users.setdefault(op, [])
            if user != NOBODY:
                users[op].append(user)
    return dict(sorted(users.items()))


def ops_by_user(meta_graph: Any) -> dict[str, set[str]]:
    """The ops that each signature of a `MetaGraphDef` runs, through functions and control flow.

    `LOADING` has those of every node of the graph itself, because the server refuses a graph that
    names an op it does not know; a function is looked at only when it is called. `NOBODY` has the
    ops of functions that nothing calls.
    """
    graph = meta_graph.graph_def
    functions = {function.signature.name: function.node_def for function in graph.library.function}
    nodes = {node.name: node for node in graph.node}
    found: dict[str, set[str]] = {LOADING: {node.op for node in graph.node} - set(functions)}
    called: set[str] = set()
    roots = {
        name: [tensor.name for tensor in signature.outputs.values()]
        for name, signature in meta_graph.signature_def.items()
    }
    roots[LOADING] = [*roots.pop(_INIT_OP, []), meta_graph.saver_def.restore_op_name]
    for user, tensors in roots.items():
        ops, names = _reached(_ancestors(nodes, tensors), functions)
        found.setdefault(user, set()).update(ops)
        called |= names
    never = [node for name in functions.keys() - called for node in functions[name]]
    found[NOBODY] = {node.op for node in never} - set(functions)
    return found


def _ancestors(nodes: Mapping[str, Any], tensors: Iterable[str]) -> Iterator[Any]:
    """The nodes that tensors such as `^name` or `name:0` are computed from."""
    waiting, met = [tensor for tensor in tensors if tensor], set()
    while waiting:
        name = waiting.pop().removeprefix("^").split(":")[0]
        if name in met or name not in nodes:
            continue
        met.add(name)
        waiting.extend(nodes[name].input)
        yield nodes[name]


def _reached(nodes: Iterable[Any], functions: Mapping[str, Any]) -> tuple[set[str], set[str]]:
    """The ops of nodes and of the functions they call, and the names of these functions."""
    ops: set[str] = set()
    names: set[str] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        called = {node.op} & functions.keys()
        if not called:
            ops.add(node.op)
        for value in node.attr.values():
            called |= {f.name for f in (value.func, *value.list.func)} & functions.keys()
        for name in called - names:
            names.add(name)
            waiting.extend(functions[name])
    return ops, names
