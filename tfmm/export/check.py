"""The self-check and the warm-up requests of an exported version."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.export.stock import WARMUP_FILE
from tfmm.tasks.base import Signature

#: Rows of the larger of the warm-up requests, of which a server's batches must have room.
ROWS = 16

Arrays = dict[str, NDArray[Any]]


def batches(rows: int) -> tuple[int, ...]:
    """The batch sizes that a version is asked for: one shopper, and as many as `rows`; none for
    0."""
    return tuple(dict.fromkeys((1, rows))) if rows else ()


def write_warmup(
    signatures: Sequence[Signature],
    version: Path,
    model_name: str,
    rows: int = ROWS,
    done: Callable[[], None] = lambda: None,
) -> int:
    """Writes the requests that TensorFlow Serving replays before a version takes traffic.

    Args:
        signatures: whose samples to write, for every batch size.
        version: the version's folder; the file goes to its `assets.extra`.
        model_name: the name that the requests carry.
        rows: rows of the larger request.
        done: called after each request.

    Returns:
        The number of requests.
    """
    file = version / WARMUP_FILE
    file.parent.mkdir(exist_ok=True)
    written = 0
    with tf.io.TFRecordWriter(str(file)) as records:
        for batch in batches(rows):
            for signature in signatures:
                records.write(_log(signature, batch, model_name).SerializeToString())
                written += 1
                done()
    return written


def check_written(
    signatures: Sequence[Signature], version: Path, done: Callable[[], None] = lambda: None
) -> None:
    """Loads a written version and asks every signature, for one row and for several.

    Args:
        signatures: what was written.
        version: the folder it was written to.
        done: called after each question.

    Raises:
        AssertionError: an answer of another shape or type than the function's own, numbers that
            are not finite or differ from its own, or what the signature's `check` refuses.
    """
    loaded = tf.saved_model.load(str(version))
    for batch in batches(ROWS):
        for signature in signatures:
            where = f"signature {signature.name!r}, batch of {batch}"
            inputs = signature.samples(batch)
            ask = partial(_ask, loaded.signatures[signature.name], signature.inputs)
            answer = ask(inputs)
            _check_same(answer, _ask(signature.function, signature.inputs, inputs), where)
            if signature.check is not None:
                try:
                    signature.check(inputs, answer, ask)
                except AssertionError as error:
                    raise AssertionError(f"{where}: {error}") from error
            done()


def _ask(function: Any, specs: Mapping[str, tf.TensorSpec], inputs: Mapping[str, Any]) -> Arrays:
    tensors = {name: tf.constant(values, specs[name].dtype) for name, values in inputs.items()}
    return {name: value.numpy() for name, value in function(**tensors).items()}


def _check_same(answer: Arrays, expected: Arrays, where: str) -> None:
    if answer.keys() != expected.keys():
        raise AssertionError(f"{where}: answers {sorted(answer)}, not {sorted(expected)}")
    for output, values in answer.items():
        right = expected[output]
        if values.shape != right.shape or values.dtype != right.dtype:
            raise AssertionError(
                f"{where}: `{output}` is {values.dtype} {list(values.shape)}, but should be "
                f"{right.dtype} {list(right.shape)}"
            )
        if not np.issubdtype(values.dtype, np.floating):
            # Ids and labels are not compared: rounding may swap two that score alike.
            continue
        if not np.isfinite(values).all():
            raise AssertionError(f"{where}: `{output}` is not finite")
        if not np.allclose(values, right, rtol=1e-3, atol=1e-4):
            raise AssertionError(f"{where}: `{output}` differs from what was to be exported")


def _log(signature: Signature, batch: int, model_name: str) -> Any:
    """A request of a signature's samples, as TensorFlow Serving logs it."""
    from tensorflow_serving.apis import prediction_log_pb2

    log = prediction_log_pb2.PredictionLog()
    inputs = signature.samples(batch)
    if signature.method == "predict":
        request = log.predict_log.request
        for name, values in inputs.items():
            dtype = signature.inputs[name].dtype
            request.inputs[name].CopyFrom(tf.make_tensor_proto(values, dtype=dtype))
    else:
        method = log.classify_log if signature.method == "classify" else log.regress_log
        request = method.request
        (examples,) = inputs.values()
        for example in examples:
            request.input.example_list.examples.add().ParseFromString(example)
    request.model_spec.name = model_name
    request.model_spec.signature_name = signature.name
    return log
