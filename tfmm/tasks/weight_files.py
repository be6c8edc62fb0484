"""The files that `save_weights` and `load_weights` of a model can use."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

V3 = ".weights.h5"
_BY_NAME = (".h5", ".hdf5", ".keras")


def check_weights_path(path: str, save_format: str | None = None) -> None:
    """Refuses Keras's old HDF5 format, which tells weights apart by name within a layer: two tables
    of one tower have the same.

    Raises:
        ValueError: for a path or format of that kind.
    """
    by_name = path.endswith(_BY_NAME) and not path.endswith(V3)
    if by_name or save_format not in (None, "tf"):
        asked = f"save_format={save_format!r}" if save_format not in (None, "tf") else repr(path)
        raise ValueError(
            f"Weights cannot be kept as {asked}: this format of Keras's tells them apart by name, "
            "and some of a tfmm model's share theirs. To resolve this, use a path that ends in "
            f"{V3}, or one without suffix for a TensorFlow checkpoint."
        )


def check_matched(model: tf.keras.Model, path: str) -> None:
    """Checks that a TensorFlow checkpoint has a value for every weight of the model.

    Raises:
        ValueError: it was written by a model of another architecture.
    """
    layers: dict[str, Any] = {
        name: child
        for name, child in tf.train.TrackableView.children(model).items()
        if isinstance(child, tf.keras.layers.Layer)
        and not isinstance(child, tf.keras.metrics.Metric)
    }
    try:
        tf.train.Checkpoint(**layers).read(path).assert_existing_objects_matched()
    except AssertionError as error:
        raise ValueError(
            f"{path} lacks weights that the model has: it was written by a model of another "
            "architecture (history, encoders, fusion, graph). To resolve this, make the model with "
            f"the arguments of the one that was saved. What is missing: {error}"
        ) from error
