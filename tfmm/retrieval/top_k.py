"""Exact top-k of wide score matrices."""

from __future__ import annotations

import math

import tensorflow as tf

# Below this width one pass of tf.math.top_k is as fast.
_TWO_STAGE_WIDTH = 16_384


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
