"""The packages whose ops a SavedModel needs, imported before it is loaded."""

from __future__ import annotations

import importlib
from pathlib import Path

from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework import op_def_registry

#: By the beginning of its ops' names, the module that registers them and how to install it. TF
#: Text's ops have no common beginning: it is tried for whatever no other package has.
_PACKAGES = {
    "Scann>": ("scann.scann_ops.py.scann_ops", "scann, `pip install 'tfmm[scann]'`"),
    "SimpleML": (
        "tensorflow_decision_forests",
        "tensorflow-decision-forests, `pip install tensorflow-decision-forests`",
    ),
    "": ("tensorflow_text", "tensorflow-text, `pip install tensorflow-text`"),
}


def import_op_packages(path: Path) -> list[str]:
    """Registers the ops that the SavedModel in `path` names and this process does not know yet.

    Ops come with the import of their package. TensorFlow Serving has those of TF Text and TF
    Decision Forests linked in, and takes others by LD_PRELOAD.

    Returns:
        What stays unknown, in words: the op, and the package that has it, as far as known. A
        function that is never called may need none.
    """
    try:
        saved = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
    except (OSError, ValueError, RuntimeError, DecodeError):
        return []  # the loader says what is wrong with it
    missing = []
    for op in sorted(_unknown(saved)):
        start = next(start for start in _PACKAGES if op.startswith(start))
        module, install = _PACKAGES[start]
        try:
            importlib.import_module(module)
        except ImportError:
            pass
        if op_def_registry.get(op) is None:
            missing.append(f"{op} (of the package {install})" if start else op)
    return missing


def _unknown(saved: saved_model_pb2.SavedModel) -> set[str]:
    """The ops of all graphs and their functions that this process does not know."""
    found: set[str] = set()
    for meta_graph in saved.meta_graphs:
        graph = meta_graph.graph_def
        functions = {function.signature.name for function in graph.library.function}
        nodes = [*graph.node, *(n for one in graph.library.function for n in one.node_def)]
        found |= {node.op for node in nodes} - functions
    return {op for op in found if op_def_registry.get(op) is None}
