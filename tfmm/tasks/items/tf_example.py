"""tf.Examples, which TensorFlow Serving's Classify and Regress are asked with."""

from __future__ import annotations

from collections.abc import Mapping
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
