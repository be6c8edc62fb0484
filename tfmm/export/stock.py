"""Whether the stock TensorFlow Serving server can serve what lies in a folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError
from google.protobuf.text_format import Parse, ParseError

from tfmm.export.errors import ExportError
from tfmm.export.ops import LOADING, PYTHON_OPS, lacking_ops

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
#: A server fails the load of a version with more.
MAX_WARMUP = 1000

_GRAPHS = ("saved_model.pb", "saved_model.pbtxt")
_VARIABLES = {"VarHandleOp", "Variable", "VariableV2"}


@dataclass(frozen=True)
class Verdict:
    """What the check of one version found.

    Attributes:
        path: the version's folder.
        signatures: what it can be asked.
        lacks: ops that the stock server lacks -> the signatures that need them, `LOADING` among
            them where the version does not even load.
        problems: whatever else keeps a server from serving it.
        notes: what works but has a price.
    """

    path: Path
    signatures: tuple[str, ...] = ()
    lacks: Mapping[str, list[str]] | None = None
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the stock server serves every signature of it."""
        return not self.problems and not self.lacks

    def __str__(self) -> str:
        can = "can" if self.ok else "cannot"
        lines = [f"{self.path}: the stock server {can} serve it"]
        if self.signatures:
            lines[0] += f" ({', '.join(self.signatures)})"
        lines += [_lack(op, users) for op, users in (self.lacks or {}).items()]
        lines += [f"  {problem}" for problem in self.problems]
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)


def check_stock(folder: str | Path) -> list[Verdict]:
    """Checks every version in a folder against the stock server (tensorflow/serving 2.20).

    Nothing is run: the ops of the graph are compared with those that the server has, every variable
    is read once against its checksum, and assets, warm-up file and signatures are looked at. The
    SavedModels may be of any origin.

    ```python
    for verdict in check_stock("models"):
        print(verdict)
    ```

    Args:
        folder: a version (it holds saved_model.pb), a model (it holds numbered versions) or a
            folder of models.

    Returns:
        A verdict for each version.

    Raises:
        ExportError: there is no such folder, or no version in it.
    """
    return [_check_version(version) for version in _versions(Path(folder))]


def read_graph(version: Path) -> Any:
    """The `MetaGraphDef` that a server loads from a version's folder: the one tagged "serve".

    Raises:
        ExportError: no SavedModel, an unreadable one, or none for serving.
    """
    # Not public, and the only reader that does not load the model.
    from tensorflow.core.protobuf import saved_model_pb2

    file = next((version / name for name in _GRAPHS if (version / name).is_file()), None)
    if file is None:
        raise ExportError(
            f"There is no SavedModel in {version}: it holds neither {' nor '.join(_GRAPHS)}. A "
            "copy or an export that was cut short leaves such a folder; remove it and copy or "
            "export again."
        )
    model = saved_model_pb2.SavedModel()
    try:
        if file.suffix == ".pb":
            model.ParseFromString(file.read_bytes())
        else:
            Parse(file.read_text("utf-8"), model)
    except (DecodeError, ParseError, UnicodeDecodeError) as error:
        raise ExportError(
            f"{file} ({file.stat().st_size:,} bytes) is damaged or no SavedModel: {error}. Copy it "
            "anew, or export again."
        ) from error
    tags = [list(graph.meta_info_def.tags) for graph in model.meta_graphs]
    for graph, names in zip(model.meta_graphs, tags, strict=True):
        if names == ["serve"]:
            return graph
    raise ExportError(
        f"{file} holds nothing for serving: its graphs are tagged {tags}, and a server loads the "
        "one tagged ['serve']. Export it with tf.saved_model.save."
    )


def _versions(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ExportError(
            f"There is no folder {folder}. Name a version, a model or a folder of models."
        )
    if any((folder / name).exists() for name in _GRAPHS):
        return [folder]
    found = _numbered(folder)
    if not found:
        models = sorted(entry for entry in folder.iterdir() if entry.is_dir())
        found = [version for model in models for version in _numbered(model)]
    if not found:
        raise ExportError(
            f"There is no version in {folder}: neither {_GRAPHS[0]}, nor folders named by numbers "
            f"({folder / '1'}), nor models that hold such ({folder / 'shop' / '1'}). `tfmm export "
            f"RUN --out {folder}` writes one."
        )
    return found


def _numbered(model: Path) -> list[Path]:
    entries = [e for e in model.iterdir() if e.name.isascii() and e.name.isdigit() and e.is_dir()]
    return sorted(entries, key=lambda entry: int(entry.name))


def _check_version(version: Path) -> Verdict:
    try:
        graph = read_graph(version)
    except ExportError as error:
        return Verdict(version, problems=(str(error),))
    asked = {name: s for name, s in graph.signature_def.items() if not name.startswith("__")}
    lacks = lacking_ops(graph)
    unused = [op for op, users in lacks.items() if not users]
    problems = [*_variables(version, graph), *_assets(version, graph)]
    if not asked:
        problems.append("it has no signatures, so that it cannot be asked anything")
    notes = [f"functions that are never called use {op}, which it lacks" for op in unused]
    found, missing = _warmup(version, asked)
    return Verdict(
        version,
        tuple(sorted(asked)),
        {op: users for op, users in lacks.items() if users},
        (*problems, *found),
        (*notes, *missing, *_scalars(asked)),
    )


def _variables(version: Path, graph: Any) -> list[str]:
    """What is wrong with the checkpoint, every value of which is read against its checksum."""
    prefix = version / "variables" / "variables"
    if not prefix.with_name("variables.index").is_file():
        needed = any(node.op in _VARIABLES for node in graph.graph_def.node)
        return ["its variables are missing: there is no variables/variables.index"] * needed
    try:
        reader = tf.train.load_checkpoint(str(prefix))
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
    # The reader turns some codes into errors of Python.
    except (tf.errors.OpError, RuntimeError, ValueError, TypeError, IndexError) as error:
        reason = getattr(error, "message", None) or str(error)
        return [f"its variables are damaged: {reason}"]
    return []


def _assets(version: Path, graph: Any) -> list[str]:
    names = sorted({asset.filename for asset in graph.asset_file_def})
    return [
        f"the file assets/{name} is missing"
        for name in names
        if not (version / "assets" / name).is_file()
    ]


def _warmup(version: Path, asked: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """What is wrong with the warm-up requests, and what they leave out."""
    from tensorflow_serving.apis import prediction_log_pb2

    file = version / WARMUP_FILE
    if not file.is_file():
        return [], [
            f"there are no warm-up requests ({WARMUP_FILE}): the first requests are slow, and what "
            "is broken shows only in them"
        ]
    warmed: set[str] = set()
    count = most = 0
    try:
        for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
            log = prediction_log_pb2.PredictionLog.FromString(record)
            count += 1
            if log.HasField("predict_log"):
                request = log.predict_log.request
                warmed.add(request.model_spec.signature_name or "serving_default")
                shapes = [tensor.tensor_shape.dim for tensor in request.inputs.values()]
                most = max([most, *(dims[0].size for dims in shapes if dims)])
    except (tf.errors.DataLossError, DecodeError) as error:
        return [f"{WARMUP_FILE} is damaged, which fails the load: {error}"], []
    wrong = [
        f"{WARMUP_FILE} asks the signature {name!r}, which there is not; that fails the load"
        for name in sorted(warmed - asked.keys())
    ]
    if count > MAX_WARMUP:
        wrong.append(f"{WARMUP_FILE} holds {count:,} requests; over {MAX_WARMUP:,} fail the load")
    cold = sorted(asked.keys() - warmed) if warmed else []
    notes = [f"no warm-up request asks {', '.join(cold)}"] * bool(cold)
    if most > 1:
        notes.append(
            f"its warm-up requests have up to {most} rows: with --enable_batching, a "
            f"max_batch_size below {most} fails the load"
        )
    return wrong, notes


def _scalars(asked: Mapping[str, Any]) -> list[str]:
    """Inputs without a batch dimension, which the server's batching and REST rows refuse."""
    found = []
    for name, signature in sorted(asked.items()):
        for key, tensor in sorted(signature.inputs.items()):
            shape = tensor.tensor_shape
            if tensor.WhichOneof("encoding") == "name" and not (shape.unknown_rank or shape.dim):
                found.append(
                    f"the input {key!r} of {name!r} is a scalar: it fails in REST's row format and "
                    "with --enable_batching"
                )
    return found


def _lack(op: str, users: list[str]) -> str:
    signatures = [user for user in users if user != LOADING]
    needs = f" (needed by {', '.join(signatures)})" if signatures else ""
    if LOADING in users:
        needs += ", without which it does not load"
    what = "it runs Python code by" if op in PYTHON_OPS else "it lacks the op"
    return f"  {what} {op}{needs}"
