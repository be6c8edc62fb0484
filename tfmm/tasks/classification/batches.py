"""Batches of labelled items."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.data.batches.pipeline import FeatureColumns, RowInputs, passes


def label_batches(
    rows: NDArray[np.integer],
    items: FeatureColumns,
    has: NDArray[np.bool_],
    *,
    batch_size: int = 64,
    balance: float = 0.0,
    hidden: NDArray[np.floating] | None = None,
    seed: int = 1,
    first_epoch: int = 0,
) -> tf.data.Dataset:
    """Items in shuffled batches; one pass over the dataset is one epoch.

    Every pass draws a new order, a function of `seed` and the number of the epoch alone, so that a
    resumed training (`first_epoch`) sees what an unbroken one would have seen.

    Args:
        rows: the items.
        items: what the encoders read.
        has: bool `[n_items, C]`, the labels of each item.
        batch_size: items a batch; the last of an epoch may be smaller.
        balance: 0 draws items as they come; 1 draws every label equally often, by its first.
        hidden: float `[M]`, how often each feature is hidden, see `rarer`; an item shows one at
            least of those that it has. By default all are shown.
        seed: of the order.
        first_epoch: the number of the first pass.

    Returns:
        A finite dataset of dictionaries: `items` int32 `[B]`, `present` bool `[B, M]`, `features`
        and `encode` as `tfmm.layers.towers.Content` takes them, `labels` float32 `[B, C]`.

    Raises:
        ValueError: without items, for a batch size below 1 or a balance out of range.
    """
    if not len(rows):
        raise ValueError("There are no labelled items to learn from.")
    if batch_size < 1 or not 0.0 <= balance <= 1.0:
        raise ValueError(
            f"batch_size must be at least 1 and balance lie in [0, 1], got {batch_size} and "
            f"{balance}."
        )
    rows = np.asarray(rows, np.int32)
    count = len(rows)
    steps = -(-count // batch_size)
    cumulative = None
    if balance:
        stratum = has[rows].argmax(axis=1)
        chance = np.bincount(stratum)[stratum].astype(np.float64) ** -balance
        cumulative = tf.constant(np.cumsum(chance / chance.sum()), tf.float64)
    asked, targets = tf.constant(rows), tf.constant(has[rows].astype(np.float32))
    inputs = RowInputs(items)
    shares = None if hidden is None or not hidden.any() else tf.constant(hidden, tf.float32)

    def shown(present: tf.Tensor, epoch: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        if shares is None:
            return present
        key = tf.stack([tf.constant(seed, tf.int64) * 1_000_003 + epoch, -1 - step])
        left = present & (tf.random.stateless_uniform(tf.shape(present), key) >= shares)
        return tf.where(tf.reduce_any(left, axis=1, keepdims=True), left, present)

    def batch(epoch: tf.Tensor, step: tf.Tensor) -> dict:
        if cumulative is None:
            place = tf.range(step * batch_size, tf.minimum((step + 1) * batch_size, count))
            order = tf.stack([tf.constant(seed, tf.int64), epoch])
            last = tf.constant(count - 1, tf.int64)
            at = tf.random.experimental.index_shuffle(place, order, last)
        else:
            key = tf.stack([tf.constant(seed, tf.int64) * 1_000_003 + epoch, step])
            draw = tf.random.stateless_uniform([batch_size], key, dtype=tf.float64)
            at = tf.minimum(tf.searchsorted(cumulative, draw, out_type=tf.int64), count - 1)
        read = inputs.of_items(tf.gather(asked, at))
        read["present"] = shown(read["present"], epoch, step)
        return {**read, "labels": tf.gather(targets, at)}

    return passes(batch, steps, first_epoch)


def rarer(
    present: NDArray[np.bool_], learned: NDArray[np.integer], judged: NDArray[np.integer]
) -> NDArray[np.float32]:
    """How often to hide each feature of what is learned from, so that it is there as often as among
    the items that are judged.

    What is always there in training, and seldom where labels are missing, would be relied on alone:
    descriptions that somebody wrote for labelled items only, say. A tenth is always shown, so that
    it is learned at all.

    Args:
        present: bool `[n_items, M]`, which features items have.
        learned, judged: item rows.

    Returns:
        float32 `[M]`, from 0 to 0.9.
    """
    if not len(learned) or not len(judged):
        return np.zeros(present.shape[1], np.float32)
    had, has = present[learned].mean(axis=0), present[judged].mean(axis=0)
    return np.clip(1 - has / np.maximum(had, 1e-9), 0.0, 0.9).astype(np.float32)
