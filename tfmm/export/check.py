"""The smoke test and the warm-up requests of an exported version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.export.servable import Servable
from tfmm.export.stock import WARMUP_FILE

#: Batch sizes of the warm-up requests: one shopper, and a server's batch.
BATCHES = (1, 16)

Arrays = dict[str, NDArray[Any]]


def write_warmup(servable: Servable, version: Path, model_name: str) -> int:
    """Writes the requests that TensorFlow Serving replays before a version takes traffic.

    Args:
        servable: whose sample requests to write, for every signature and batch size.
        version: the version's folder; the file goes to its `assets.extra`.
        model_name: the name that the requests carry.

    Returns:
        The number of requests.
    """
    from tensorflow_serving.apis import prediction_log_pb2

    file = version / WARMUP_FILE
    file.parent.mkdir(exist_ok=True)
    written = 0
    with tf.io.TFRecordWriter(str(file)) as records:
        for batch in BATCHES:
            for signature, inputs in servable.sample_requests(batch).items():
                log = prediction_log_pb2.PredictionLog()
                request = log.predict_log.request
                request.model_spec.name = model_name
                request.model_spec.signature_name = signature
                for name, values in inputs.items():
                    request.inputs[name].CopyFrom(tf.make_tensor_proto(values, dtype=tf.string))
                records.write(log.SerializeToString())
                written += 1
    return written


def check_written(servable: Servable, version: Path) -> None:
    """Loads a written version and asks every signature, for one row and for several.

    Args:
        servable: what was written.
        version: the folder it was written to.

    Raises:
        AssertionError: an answer of the wrong shape or type, not finite, unlike the servable's
            own, or with an item that the request or the user's past rules out.
    """
    loaded = tf.saved_model.load(str(version))
    for batch in BATCHES:
        for name, inputs in servable.sample_requests(batch).items():
            where = f"signature {name!r}, batch of {batch}"
            answer = _ask(loaded.signatures[name], inputs)
            _check_form(servable, answer, batch, where)
            _check_same(answer, _ask(getattr(servable, name), inputs), where)
            if "item_id" not in answer:
                continue
            _check_left_out(servable, inputs, answer["item_id"], where)
            if "exclude" in inputs:
                best = answer["item_id"][:, : servable.exclude_size].astype(str)
                again = {**inputs, "exclude": inputs["exclude"].copy()}
                again["exclude"][:, : best.shape[1]] = best
                found = _ask(loaded.signatures[name], again)["item_id"]
                _check_left_out(servable, again, found, f"{where}, its best items excluded")


def _ask(signature: Any, inputs: Arrays) -> Arrays:
    tensors = {name: tf.constant(values, tf.string) for name, values in inputs.items()}
    return {name: value.numpy() for name, value in signature(**tensors).items()}


def _check_form(servable: Servable, answer: Arrays, batch: int, where: str) -> None:
    forms: dict[str, tuple[tuple[int, int], Any]] = {
        "item_id": ((batch, servable.k), np.object_),
        "score": ((batch, servable.k), np.float32),
        "embedding": ((batch, servable.dim), np.float32),
    }
    for output, values in answer.items():
        shape, dtype = forms[output]
        if values.shape != shape or values.dtype != dtype:
            raise AssertionError(
                f"{where}: `{output}` is {values.dtype} {list(values.shape)}, but should be "
                f"{np.dtype(dtype)} {list(shape)}"
            )
        if dtype is np.float32 and not np.isfinite(values).all():
            raise AssertionError(f"{where}: `{output}` is not finite")


def _check_same(answer: Arrays, expected: Arrays, where: str) -> None:
    # Ids are not compared: rounding may swap two that score alike.
    for output in {"score", "embedding"} & set(answer):
        if not np.allclose(answer[output], expected[output], rtol=1e-3, atol=1e-4):
            raise AssertionError(f"{where}: `{output}` differs from what was to be exported")


def _check_left_out(servable: Servable, inputs: Arrays, found: NDArray[Any], where: str) -> None:
    """Refuses returned ids that the request or the past rules out, or that come back twice."""
    ruled_out = [inputs[name] for name in ("exclude", "history") if name in inputs]
    if "item_id" in inputs:
        ruled_out.append(inputs["item_id"][:, np.newaxis])
    if "user_id" in inputs:
        seen = servable.seen_items(inputs["user_id"]).to_tensor("").numpy()
        ruled_out.append(seen.astype(str).astype(object))
    rows = servable.item_rows(tf.constant(found, tf.string)).numpy()
    allow = inputs.get("allow", np.full((len(found), 1), "", object))
    allowed = servable.filters.mask(tf.constant(allow, tf.string)).numpy()
    for i, ids in enumerate(found.astype(str)):
        real = [item for item in ids if item]
        wrong = set(real) & set(np.concatenate([columns[i] for columns in ruled_out]))
        pairs = zip(ids, rows[i], strict=True)
        wrong |= {item for item, row in pairs if item and (row < 0 or not allowed[i, row])}
        wrong |= {item for item in real if real.count(item) > 1}
        if wrong:
            raise AssertionError(f"{where}: items came back that should not: {sorted(wrong)[:5]}")
