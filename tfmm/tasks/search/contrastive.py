"""Losses that draw two views of one thing together and those of different things apart."""

from __future__ import annotations

import tensorflow as tf

LOSSES = ("softmax", "sigmoid")


def softmax_contrast(
    left: tf.Tensor, right: tf.Tensor, scale: tf.Tensor, groups: tf.Tensor
) -> tf.Tensor:
    """The symmetric InfoNCE loss (CLIP's; Radford et al., arXiv:2103.00020, section 2.3), a scalar.

    Rows of one group are all each other's positives, and share the target evenly (Khosla et al.,
    arXiv:2004.11362, the sum outside of the logarithm): a text that several pictures have is right
    for each of them.

    ```python
    texts, pictures = (tf.math.l2_normalize(tf.random.normal([4, 1, 8]), 2) for _ in range(2))
    loss = softmax_contrast(texts, pictures, tf.constant([10.0]), tf.range(4))
    ```

    Args:
        left, right: float `[B, H, d]`, H independent views of B rows, of length one.
        scale: float `[H]`, what cosines are multiplied by: one over the temperature.
        groups: integers `[B]`.

    Returns:
        The mean over both directions and rows, summed over the H views, so that each of them learns
        as it would alone.
    """
    scores = tf.einsum("nhd,mhd->hnm", left, right) * scale[:, None, None]
    same = tf.cast(groups[:, None] == groups[None, :], scores.dtype)
    # Symmetric: the share of a row's positives serves both directions.
    share = tf.math.divide_no_nan(same, tf.reduce_sum(same, axis=1, keepdims=True))
    forward = tf.reduce_sum(share * tf.nn.log_softmax(scores, axis=2), axis=2)
    backward = tf.reduce_sum(tf.transpose(share) * tf.nn.log_softmax(scores, axis=1), axis=1)
    return -0.5 * tf.reduce_sum(_mean(forward) + _mean(backward))


def sigmoid_contrast(
    left: tf.Tensor, right: tf.Tensor, scale: tf.Tensor, groups: tf.Tensor, offset: tf.Tensor
) -> tf.Tensor:
    """The pairwise sigmoid loss (SigLIP; Zhai et al., arXiv:2303.15343, algorithm 1), a scalar.

    Every pair of a text and a picture is a question of its own, answered yes within a group. Kinder
    to small batches than `softmax_contrast`.

    Args:
        left, right, scale, groups: as for `softmax_contrast`.
        offset: float `[H]`, learned; joins the scaled cosines.

    Returns:
        The sum over pairs by the number of rows, summed over the H views.
    """
    scores = tf.einsum("nhd,mhd->hnm", left, right) * scale[:, None, None]
    scores += offset[:, None, None]
    same = tf.cast(groups[:, None] == groups[None, :], scores.dtype)
    losses = tf.nn.sigmoid_cross_entropy_with_logits(
        tf.broadcast_to(same, tf.shape(scores)), scores
    )
    return tf.reduce_sum(_mean(tf.reduce_sum(losses, axis=2)))


def _mean(values: tf.Tensor) -> tf.Tensor:
    """The mean over the rows of `[H, B]`; zeros for a batch without rows."""
    count = tf.cast(tf.shape(values)[1], values.dtype)
    return tf.math.divide_no_nan(tf.reduce_sum(values, axis=1), count)
