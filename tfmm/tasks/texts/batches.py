"""Batches of texts of like length, so that little of a batch is padding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

#: How far texts of one batch differ in length, as the logarithm of their ratio.
_SPREAD = 0.3


def text_batches(
    rows: NDArray[np.integer],
    tokens: Mapping[str, NDArray[Any]],
    others: Mapping[str, NDArray[Any]],
    lengths: NDArray[np.integer],
    *,
    batch_size: int,
    seed: int = 1,
    first_epoch: int = 0,
) -> tf.data.Dataset:
    """Texts in shuffled batches; one pass over the dataset is one epoch.

    Every pass draws a new order, a function of `seed` and the number of the epoch alone, so that a
    resumed training (`first_epoch`) sees what an unbroken one would have seen.

    Args:
        rows: the texts.
        tokens: arrays `[n, T, …]` with a place for each token, cut to a batch's longest text.
        others: arrays `[n, …]` of what else is known of a text.
        lengths: int[n], tokens of each text.
        batch_size: texts a batch; one of an epoch may be smaller.
        seed: of the order.
        first_epoch: the number of the first pass.

    Returns:
        A finite dataset of dictionaries with the arrays' names, and `rows` int32 `[B]`.

    Raises:
        ValueError: without texts, or for a batch size below 1.
    """
    if not len(rows):
        raise ValueError("There are no texts to learn from.")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}.")
    count = len(rows)
    steps = -(-count // batch_size)
    asked = tf.constant(np.asarray(rows, np.int32))
    length = tf.constant(np.maximum(lengths, 1).astype(np.int32))
    size = tf.math.log(tf.cast(tf.gather(length, asked), tf.float32))
    wide = {name: tf.constant(values) for name, values in tokens.items()}
    single = {name: tf.constant(values) for name, values in others.items()}
    counter = tf.Variable(first_epoch - 1, dtype=tf.int64, trainable=False)

    def epoch_of(_: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        epoch = counter.assign_add(1)
        key = tf.stack([tf.constant(seed, tf.int64) * 1_000_003 + epoch, 1])
        noise = tf.random.stateless_uniform([count], key)
        order = tf.gather(asked, tf.argsort(size + _SPREAD * noise, stable=True))
        shuffled = tf.argsort(tf.random.stateless_uniform([steps], key + 1), stable=True)
        return order, tf.cast(shuffled, tf.int64)

    def steps_of(order: tf.Tensor, shuffled: tf.Tensor) -> tf.data.Dataset:
        one = tf.data.Dataset.from_tensor_slices(shuffled)
        return one.map(lambda step: order[step * batch_size : (step + 1) * batch_size])

    def batch(at: tf.Tensor) -> dict[str, tf.Tensor]:
        width = tf.reduce_max(tf.gather(length, at))
        found = {name: tf.gather(values[:, :width], at) for name, values in wide.items()}
        found |= {name: tf.gather(values, at) for name, values in single.items()}
        return {**found, "rows": at}

    batches = tf.data.Dataset.range(1).map(epoch_of).flat_map(steps_of)
    batches = batches.map(batch, num_parallel_calls=2, deterministic=True)
    return batches.apply(tf.data.experimental.assert_cardinality(steps)).prefetch(2)


def text_blocks(
    rows: NDArray[np.integer],
    tokens: Mapping[str, NDArray[Any]],
    lengths: NDArray[np.integer],
    batch_size: int = 128,
) -> Iterator[tuple[NDArray[np.int64], dict[str, NDArray[Any]]]]:
    """Texts in order of length, for encoding: the places in `rows` of each block, and its tokens.

    Args:
        rows, tokens, lengths: as of `text_batches`.
        batch_size: texts a block; the last may be smaller.
    """
    rows = np.asarray(rows)
    order = np.argsort(-np.asarray(lengths)[rows], kind="stable")
    for start in range(0, len(order), batch_size):
        places = order[start : start + batch_size]
        at = rows[places]
        width = max(int(lengths[at].max()), 1)
        yield places, {name: values[at, :width] for name, values in tokens.items()}
