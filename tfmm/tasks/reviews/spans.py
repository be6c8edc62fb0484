"""Terms as places in a text, from the tags of its tokens."""

from __future__ import annotations

import tensorflow as tf

from tfmm.tasks.reviews.targets import BEGIN, OUTSIDE


def found_spans(logits: tf.Tensor, real: tf.Tensor, most: int) -> tuple[tf.Tensor, tf.Tensor]:
    """The terms that tags say, from left to right.

    A term begins at a token tagged so, and at one tagged as a further one where none goes before.

    Args:
        logits: float32 `[B, T, 3]`, of the tags.
        real: bool `[B, T]`, which tokens stand for characters.
        most: terms past this many are left out.

    Returns:
        int32 `[B, most, 2]`, the first token of each term and the one behind its last, both 0 where
        there are fewer; and float32 `[B, most]`, the mean probability of its tags.
    """
    chance = tf.nn.softmax(logits)
    tags = tf.where(real, tf.argmax(logits, axis=2, output_type=tf.int32), OUTSIDE)
    inside = tags != OUTSIDE
    before = tf.pad(inside[:, :-1], [[0, 0], [1, 0]])
    begins = inside & ((tags == BEGIN) | ~before)
    number = tf.cumsum(tf.cast(begins, tf.int32), axis=1) * tf.cast(inside, tf.int32)
    member = number[:, None] == tf.range(1, most + 1)[None, :, None]
    place = tf.range(tf.shape(tags)[1])
    first = tf.reduce_min(tf.where(member, place, tf.shape(tags)[1]), axis=2)
    behind = tf.reduce_max(tf.where(member, place + 1, 0), axis=2)
    spans = tf.stack([tf.minimum(first, behind), behind], axis=2)
    share = tf.cast(member, tf.float32)
    best = tf.reduce_max(chance, axis=2)
    sure = tf.einsum("bmt,bt->bm", share, best)
    return spans, tf.math.divide_no_nan(sure, tf.reduce_sum(share, axis=2))


def characters(spans: tf.Tensor, start: tf.Tensor, end: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The first character of each span `[B, M, 2]` of tokens and the one behind its last, int32
    `[B, M]`; -1 where it has no tokens.

    Args:
        spans: of tokens.
        start, end: int32 `[B, T]`, the characters of each token.
    """
    some = spans[:, :, 1] > spans[:, :, 0]
    first = tf.gather(start, spans[:, :, 0], batch_dims=1)
    last = tf.gather(end, tf.maximum(spans[:, :, 1] - 1, 0), batch_dims=1)
    return tf.where(some, first, -1), tf.where(some, last, -1)


def tokens_at(first: tf.Tensor, behind: tf.Tensor, start: tf.Tensor, end: tf.Tensor) -> tf.Tensor:
    """The tokens that characters `first` to `behind` `[B, M]` touch: int32 `[B, M, 2]`, both 0
    where they touch none."""
    touched = (start[:, None] < behind[:, :, None]) & (end[:, None] > first[:, :, None])
    touched &= (end > start)[:, None]
    place = tf.range(tf.shape(start)[1])
    behind_last = tf.reduce_max(tf.where(touched, place + 1, 0), axis=2)
    first_one = tf.reduce_min(tf.where(touched, place, tf.shape(start)[1]), axis=2)
    return tf.stack([tf.minimum(first_one, behind_last), behind_last], axis=2)
