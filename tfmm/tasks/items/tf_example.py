"""tf.Examples, which TensorFlow Serving's Classify and Regress are asked with."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import tensorflow as tf


def tf_example(row: Mapping[str, Any]) -> bytes:
    """A serialised tf.Example of raw values by name: texts and files as bytes, integers as int64,
    other numbers as floats; what says nothing is left out."""
    example = tf.train.Example()
    for name, value in row.items():
        feature = example.features.feature[name]
        values = [value] if np.ndim(value) == 0 else np.ravel(value).tolist()
        if isinstance(values[0] if values else "", (str, bytes)):
            said = [v for v in values if v]
            feature.bytes_list.value.extend(
                [v if isinstance(v, bytes) else v.encode() for v in said]
            )
        elif isinstance(values[0], (int, np.integer)):
            feature.int64_list.value.extend(map(int, values))
        else:
            feature.float_list.value.extend(map(float, values))
        lists = (feature.bytes_list, feature.int64_list, feature.float_list)
        if not any(one.value for one in lists):
            del example.features.feature[name]
    return example.SerializeToString()


def parse_tf_examples(
    serialised: tf.Tensor, specs: Mapping[str, tf.TensorSpec], several: Collection[str] = ()
) -> dict[str, tf.Tensor]:
    """Raw values by name of serialised tf.Examples; what one leaves out says nothing.

    Args:
        serialised: string `[n]`.
        specs: what each input is, the batch first; strings in lists are filled up with "".
        several: inputs of which an example has a list, whatever their `specs`.
    """
    forms: dict[str, Any] = {}
    for name, spec in specs.items():
        if name in several or (spec.dtype == tf.string and spec.shape.rank == 2):
            forms[name] = tf.io.VarLenFeature(tf.string)
        elif spec.dtype == tf.string:
            forms[name] = tf.io.FixedLenFeature([], tf.string, "")
        elif spec.dtype == tf.int64:
            forms[name] = tf.io.FixedLenFeature([], tf.int64, 0)
        else:
            shape = spec.shape[1:]
            nothing = float("nan") if spec.dtype.is_floating else 0.0
            size = int(np.prod(shape.as_list() or [1]))
            forms[name] = tf.io.FixedLenFeature(shape, tf.float32, [nothing] * size)
    found = tf.io.parse_example(serialised, forms)
    dense = {
        name: tf.sparse.to_dense(value, "") if isinstance(value, tf.SparseTensor) else value
        for name, value in found.items()
    }
    return {name: tf.cast(dense[name], spec.dtype) for name, spec in specs.items()}
