"""What stands in an answer where fewer than K candidates are left."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

#: The score of padding: the lowest finite float32, because infinity is not JSON.
LOWEST_SCORE = float(np.finfo(np.float32).min)
HIGHEST_SCORE = float(np.finfo(np.float32).max)
#: The row, or integer identifier, of padding. The string identifier of padding is "".
NO_ROW = -1


def pad_columns(scores: tf.Tensor, rows: tf.Tensor, k: int | tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Widens scores and rows `[B, M]`, M <= k, to `[B, k]` with -inf and `NO_ROW`."""
    missing = [[0, 0], [0, k - tf.shape(scores)[1]]]
    scores = tf.pad(scores, missing, constant_values=-np.inf)
    return scores, tf.pad(rows, missing, constant_values=NO_ROW)


def finish(scores: tf.Tensor, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Turns every place whose score is -inf or NaN into padding, and overflow into finite scores.

    Args:
        scores: float32 `[B, K]`; -inf marks a candidate that may not be returned.
        rows: int32 `[B, K]`.

    Returns:
        Finite scores `[B, K]` and rows `[B, K]`, `LOWEST_SCORE` and `NO_ROW` where padded.
    """
    real = scores > -np.inf  # false for NaN too
    scores = tf.where(real, tf.minimum(scores, HIGHEST_SCORE), LOWEST_SCORE)
    return scores, tf.where(real, rows, NO_ROW)
