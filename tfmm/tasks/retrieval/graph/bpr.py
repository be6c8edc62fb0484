"""Bayesian personalised ranking."""

from __future__ import annotations

import tensorflow as tf


class BPR(tf.Module):
    """Each example's item against one drawn item: `-log sigmoid((own - other) / temperature)`.

    Slower to learn than the in-batch softmax, which compares with thousands of items; it is what
    most published graph models are trained with.

    Source: Rendle et al., "BPR: Bayesian personalized ranking from implicit feedback", UAI 2009.

    Args:
        temperature: divides the difference of the scores.
    """

    def __init__(self, temperature: float = 1.0) -> None:
        super().__init__(name="bpr")
        self.temperature = temperature

    def __call__(
        self,
        query_embeddings: tf.Tensor,
        candidate_embeddings: tf.Tensor,
        candidate_ids: tf.Tensor,
        sample_weight: tf.Tensor | None = None,
        candidate_sampling_probability: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """The mean loss, a scalar.

        Args:
            query_embeddings: float `[B, dim]`.
            candidate_embeddings: float `[2 B, dim]`: the targets, then an item for each.
            candidate_ids: `[2 B]`; an example whose drawn item is its target does not count.
            sample_weight: float `[B]`, 1 by default.
            candidate_sampling_probability: not read: the drawn items are uniform.

        Raises:
            ValueError: there are not two candidates a query.
        """
        batch = tf.shape(query_embeddings)[0]
        tf.debugging.assert_greater_equal(
            tf.shape(candidate_ids)[0],
            2 * batch,
            "BPR compares each example with one drawn item: give as many negatives as examples.",
        )
        own, other = candidate_embeddings[:batch], candidate_embeddings[batch : 2 * batch]
        difference = tf.reduce_sum(query_embeddings * (own - other), axis=1) / self.temperature
        counts = tf.cast(
            tf.not_equal(candidate_ids[:batch], candidate_ids[batch : 2 * batch]),
            difference.dtype,
        )
        if sample_weight is not None:
            counts *= sample_weight
        return tf.reduce_mean(-tf.math.log_sigmoid(difference) * counts)
