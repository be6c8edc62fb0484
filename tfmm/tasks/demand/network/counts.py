"""The negative binomial: how often little is sold."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

#: Pieces up to which a distribution is added up; means above `SLOW` are not asked for.
_PIECES = 64
SLOW = 12.0


def count_loss(actual: tf.Tensor, mean: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """The negative log likelihood of counts, whose variance is mean + mean²/size.

    Args:
        actual, mean, size: float32 of one shape; `actual` may lie between whole numbers.

    Source: Salinas, Flunkert and Gasthaus, DeepAR, 2017, section 3.1.
    """
    log_total = tf.math.log(size + mean)
    return -(
        tf.math.lgamma(actual + size)
        - tf.math.lgamma(size)
        - tf.math.lgamma(actual + 1.0)
        + size * (tf.math.log(size) - log_total)
        + actual * (tf.math.log(mean) - log_total)
    )


def amount_loss(actual: tf.Tensor, mean: tf.Tensor) -> tf.Tensor:
    """The Tweedie deviance of power 1.5 over 2, for amounts of money that are often 0.

    Source: Jørgensen, The theory of dispersion models, 1997.
    """
    root = tf.sqrt(mean)
    return 2.0 * (actual / root + root)


def count_quantiles(mean: tf.Tensor, size: tf.Tensor, levels: tuple[float, ...]) -> tf.Tensor:
    """Quantiles float32 `[…, Q]` of counts with means and sizes `[…]`.

    They lie between whole numbers: from k - 1 to k the distribution function rises evenly, so that
    quantiles move with the mean. Means are read as `SLOW` at most.
    """
    mean = tf.clip_by_value(mean, 1e-4, SLOW)[..., None]
    size = tf.minimum(size, 1e4)[..., None]
    pieces = tf.constant(np.arange(_PIECES + 1), tf.float32)
    distribution = tf.cumsum(tf.exp(-count_loss(pieces, mean, size)), axis=-1)
    below, upto = distribution[..., :-1], distribution[..., 1:]
    found = []
    for level in levels:
        reached = (level - below) / tf.maximum(upto - below, 1e-9)
        found.append(tf.reduce_sum(tf.clip_by_value(reached, 0.0, 1.0), axis=-1))
    return tf.stack(found, axis=-1)
