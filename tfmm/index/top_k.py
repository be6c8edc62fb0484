"""Top-k of scores, in a stable order among equals."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

# Below this width one pass of tf.math.top_k is as fast.
_TWO_STAGE_WIDTH = 4_096


def exact_top_k(scores: tf.Tensor, k: int | tf.Tensor, width: int) -> tuple[tf.Tensor, tf.Tensor]:
    """The k highest scores of each row and their columns, lower column first among equals.

    Wide rows take two stages. Columns stand in chunks; the k chunks with the highest maxima
    (lower chunk first among equals) hold every one of the k best columns, because a column
    outside of them is preceded by k maxima; so only those chunks are ranked column by column.

    Args:
        scores: float `[B, width]` without NaN.
        k: how many; fewer come back if `width` is below it.
        width: the static number of columns.

    Returns:
        Scores `[B, min(k, width)]`, highest first, and int32 columns of the same shape.
    """
    if not isinstance(k, int) or width < max(_TWO_STAGE_WIDTH, 64 * k):
        found = tf.math.top_k(scores, tf.minimum(k, width))
        return found.values, found.indices
    # About as many chunks to rank as columns in the k chosen ones, in a power of two.
    chunk = 2 ** round(math.log2(width / k) / 2)
    batch, chunks = tf.shape(scores)[0], width // chunk
    whole = chunks * chunk
    chunked = tf.reshape(scores[:, :whole], [batch, chunks, chunk])
    _, best = tf.math.top_k(tf.reduce_max(chunked, axis=2), k)
    best = tf.sort(best, axis=1)  # ascending columns, so that equals keep their order
    near = tf.reshape(tf.gather(chunked, best, batch_dims=1), [batch, k * chunk])
    columns = tf.reshape(best[:, :, tf.newaxis] * chunk + tf.range(chunk), [batch, k * chunk])
    rest = tf.broadcast_to(tf.range(whole, width), [batch, width - whole])
    found = tf.math.top_k(tf.concat([near, scores[:, whole:]], axis=1), k)
    columns = tf.concat([columns, rest], axis=1)
    return found.values, tf.gather(columns, found.indices, batch_dims=1)


def best_rows(
    scores: tf.Tensor, rows: tf.Tensor, k: int | tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The k highest scores and their rows, lower row first among equals, wherever these stand.

    Args:
        scores: float `[B, M]` without NaN.
        rows: int32 `[B, M]`.
        k: how many; fewer come back if M is below it.

    Returns:
        Scores `[B, min(k, M)]`, highest first, and rows of the same shape.
    """
    width = scores.shape[1] or tf.shape(scores)[1]
    static = isinstance(k, int) and isinstance(width, int)
    count = min(k, width) if static else tf.minimum(k, width)
    # One more than asked for shows whether the last one has equals among those left out.
    wide = min(k + 1, width) if static else tf.minimum(k + 1, width)
    top = tf.math.top_k(scores, wide)
    found, places = top.values[:, :count], top.indices[:, :count]

    def ordered(scores: tf.Tensor, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        order = tf.argsort(rows, axis=1)
        best = tf.math.top_k(tf.gather(scores, order, batch_dims=1), count)
        rows = tf.gather(rows, order, batch_dims=1)
        return best.values, tf.gather(rows, best.indices, batch_dims=1)

    def plain() -> tuple[tf.Tensor, tf.Tensor]:
        return found, tf.gather(rows, places, batch_dims=1)

    equal = (top.values[:, 1:] == top.values[:, :-1]) & (top.values[:, 1:] > -np.inf)
    return tf.cond(
        tf.reduce_any(equal),
        lambda: tf.cond(
            tf.reduce_any(equal[:, count - 1 :]),
            lambda: ordered(scores, rows),
            lambda: ordered(*plain()),
        ),
        plain,
    )
