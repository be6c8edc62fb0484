"""What a step leaves out of the graph, so that no vector holds the answer that it learns."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True, eq=False)
class LeftOut:
    """The parts of the graph that a batch's own pairs made.

    Attributes:
        pairs: int64 `[P]`, the training pairs that the batch predicts.
        met: int64 `[M]`, what `key_of` gives for each such pair's item beside every other item of
            the shopper, both ways round: edges between items bought together rest on these.
        n_pairs: number of training pairs.
    """

    pairs: tf.Tensor
    met: tf.Tensor
    n_pairs: int

    @classmethod
    def of(
        cls,
        pairs: tf.Tensor,
        items: tf.Tensor,
        target: tf.Tensor,
        history: tf.Tensor,
        n_items: int,
        n_pairs: int,
    ) -> LeftOut:
        """What a batch leaves out.

        Args:
            pairs: int64 `[B]`; -1 for one that is no training pair and made nothing.
            items: the rows of the batch's items, int32 `[U]`.
            target: the item to predict, positions in `items`, int32 `[B]`.
            history: the shopper's other items, positions in `items`, int32 `[B, T]`, -1 where
                padded.
            n_items: number of items of the catalogue.
            n_pairs: number of training pairs.
        """
        made = pairs >= 0
        inside = tf.where((history >= 0) & made[:, None])
        one = tf.gather(items, tf.gather(target, inside[:, 0]))
        other = tf.gather(items, tf.gather_nd(history, inside))
        both = tf.concat([key_of(one, other, n_items), key_of(other, one, n_items)], 0)
        return cls(tf.boolean_mask(pairs, made), both, n_pairs)

    def keep(self) -> tf.Tensor:
        """float32 `[n_pairs]`, 0 for the pairs left out, 1 for the others."""
        nothing = tf.zeros(tf.shape(self.pairs))
        return tf.tensor_scatter_nd_update(tf.ones(self.n_pairs), self.pairs[:, None], nothing)


def key_of(row: tf.Tensor, column: tf.Tensor, columns: int) -> tf.Tensor:
    """One number, int64, for a place in a matrix of so many columns."""
    return tf.cast(row, tf.int64) * columns + tf.cast(column, tf.int64)
