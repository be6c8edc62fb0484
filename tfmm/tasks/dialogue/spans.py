"""From slots, which are places in a text, to tags of its tokens, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray


def tags_of(
    slots: Sequence[Sequence[Any]],
    start: NDArray[np.integer],
    end: NDArray[np.integer],
    places: Mapping[str, int],
) -> NDArray[np.int32]:
    """The tag of each token: 0 outside, 1 + 2 s for the first of slot s, 2 + 2 s for a further one.

    Args:
        slots: (name, first character, the one behind the last), none over another.
        start, end: int `[T]`, the characters of each token; 0 and 0 of one that stands for none.
        places: the number of each slot; others count as outside.
    """
    tags = np.zeros(len(start), np.int32)
    for name, first, last in slots:
        if name in places:
            inside = np.flatnonzero((start < last) & (end > first) & (end > start))
            tags[inside] = 2 + 2 * places[name]
            tags[inside[:1]] = 1 + 2 * places[name]
    return tags


def spans_of(
    tags: tf.Tensor, sure: tf.Tensor, start: tf.Tensor, end: tf.Tensor
) -> tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]:
    """The slots that tags `[B, T]` spell, by place.

    Args:
        tags: int32, as of `tags_of`, each further token behind its slot's.
        sure: float32, the probability of each tag.
        start, end: int32, the characters of each token.

    Returns:
        Of each slot, ragged `[B, (S)]`: its number, its first character, the one behind its last
        (int32) and its probability, the least of its tokens' (float32).
    """
    inside, first = tags > 0, tags % 2 == 1
    # Tokens of a slot are told from those of the next by the count of first ones.
    number = tf.cumsum(tf.cast(first, tf.int32), axis=1)
    count = tf.reduce_max(tf.pad(number, [[0, 0], [1, 0]]), axis=1)
    offsets = tf.cumsum(count, exclusive=True)
    segment = tf.boolean_mask(offsets[:, None] + number - 1, inside)
    total = tf.reduce_sum(count)

    def of(values: tf.Tensor, reduced: Any) -> tf.RaggedTensor:
        found = reduced(tf.boolean_mask(values, inside), segment, total)
        return tf.RaggedTensor.from_row_lengths(found, count, validate=False)

    return (
        of((tags - 1) // 2, tf.math.unsorted_segment_max),
        of(start, tf.math.unsorted_segment_min),
        of(end, tf.math.unsorted_segment_max),
        of(sure, tf.math.unsorted_segment_min),
    )
