"""Records the ops of the stock TensorFlow Serving image: tfmm/export/stock_ops.txt.

python tools/record_stock_ops.py

The server has no way to list its ops, but it is built from the same TensorFlow as the package of
the same version: its ops are those that plain TensorFlow registers and has CPU kernels for, less
those that call back into Python, plus TF Text's and the inference ops of TF Decision Forests, which
are linked into it. Run this with the tested versions when they change, TF Decision Forests apart.
"""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf
from tensorflow.core.framework import op_def_pb2
from tensorflow.python.client import pywrap_tf_session
from tensorflow.python.framework import kernels

FILE = Path(__file__).parents[1] / "tfmm" / "export" / "stock_ops.txt"
#: Graph passes replace these before a kernel is looked for.
REPLACED = {"AccumulateNV2"}
#: Their kernels are in the Python package alone.
PYTHON = {"EagerPyFunc", "PyFunc", "PyFuncStateless"}
#: Registered by tensorflow_decision_forests/tensorflow/ops/inference (1.12).
DECISION_FORESTS = {
    "SimpleMLCreateModelResource",
    "SimpleMLInferenceLeafIndexOpWithHandle",
    "SimpleMLInferenceOp",
    "SimpleMLInferenceOpWithHandle",
    "SimpleMLLoadModelFromPath",
    "SimpleMLLoadModelFromPathWithHandle",
}


def ops_with_kernels() -> set[str]:
    """Public ops that this process has registered, with a kernel for the CPU."""
    buffer = pywrap_tf_session.TF_GetAllOpList()
    registered = op_def_pb2.OpList.FromString(pywrap_tf_session.TF_GetBuffer(buffer)).op
    runnable = {
        kernel.op
        for kernel in kernels.get_all_registered_kernels().kernel
        if kernel.device_type in ("CPU", "DEFAULT")
    }
    names = {op.name for op in registered} & (runnable | REPLACED)
    return {name for name in names if not name.startswith("_")}


def stock_ops() -> list[str]:
    """The ops of the stock server, sorted."""
    import tensorflow_text  # noqa: F401  (registers its ops)

    return sorted((ops_with_kernels() - PYTHON) | DECISION_FORESTS)


def main() -> None:
    """Writes the file."""
    FILE.write_text("".join(f"{name}\n" for name in stock_ops()), encoding="utf-8")
    print(f"wrote {FILE} with the ops of TensorFlow {tf.__version__}")


if __name__ == "__main__":
    main()
