"""A linear chain over the tags of a text's tokens: each tag knows the one before."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tfmm.encoders.configured import no_config

#: What an impossible step is worth.
_NEVER = -1e4


class Chain(tf.keras.layers.Layer):
    """A conditional random field over tags, of which 0 is "outside", and of slot s 1 + 2 s is its
    first token and 2 + 2 s a further one.

    A further token follows the first or a further one of its own slot alone. The log likelihood is
    computed by the forward algorithm, the best tags by Viterbi's, and the probability of each tag
    by both directions; loops run over time and all texts at once.

    Source: Lafferty, McCallum and Pereira, "Conditional random fields", ICML 2001; as the last
        layer over states: Huang, Xu and Yu, arXiv:1508.01991.

    Args:
        slots: how many slots there are, at least one.
    """

    def __init__(self, slots: int, name: str = "chain") -> None:
        super().__init__(name=name)
        self.tags = 1 + 2 * slots
        further = np.arange(2, self.tags, 2)
        allowed = np.ones((self.tags, self.tags), bool)
        allowed[:, further] = False
        allowed[further - 1, further] = allowed[further, further] = True
        first = np.ones(self.tags, bool)
        first[further] = False
        self._allowed, self._first = allowed, first
        self.steps = self.add_weight(
            name="steps", shape=[self.tags, self.tags], initializer="zeros", trainable=True
        )

    def get_config(self) -> Any:
        """Refused; the model around it is made from data."""
        no_config(self, "it is a part of a model of dialogue.")

    def log_likelihood(self, scores: tf.Tensor, tags: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """The log probability of given tags.

        Args:
            scores: float32 `[B, T, tags]`, what each token alone says.
            tags: int32 `[B, T]`.
            lengths: int32 `[B]`, how many tokens count.

        Returns:
            float32 `[B]`, 0 where there are no tokens.
        """
        mask = tf.sequence_mask(lengths, tf.shape(scores)[1], tf.float32)
        # Products with ones and zeros: the gradient of a gather adds up in no fixed order.
        given = tf.one_hot(tags, self.tags) * mask[:, :, None]
        said = tf.einsum("btk,btk->b", given, self._begun(scores))
        said += tf.einsum("bti,ij,btj->b", given[:, :-1], self._moves(), given[:, 1:])
        total = tf.reduce_logsumexp(self._forward(scores, lengths)[-1], axis=1)
        return tf.where(lengths > 0, said - total, 0.0)

    def best(self, scores: tf.Tensor, lengths: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The most likely tags int32 `[B, T]`, 0 past the end, and the probability of each, float32
        `[B, T]`; arguments as of `log_likelihood`."""
        moves, begun = self._moves(), self._begun(scores)
        over_time = tf.transpose(begun, [1, 0, 2])
        alive = tf.transpose(tf.sequence_mask(lengths, tf.shape(scores)[1]))

        def forth(state: tuple, now: tuple) -> tuple:
            best, _ = state
            score, here = now
            ways = best[:, :, None] + moves[None]
            came = tf.argmax(ways, axis=1, output_type=tf.int32)
            same = tf.broadcast_to(tf.range(self.tags)[None], tf.shape(came))
            there = here[:, None]
            best = tf.where(there, tf.reduce_max(ways, axis=1) + score, best)
            return best, tf.where(there, came, same)

        none = tf.zeros(tf.shape(over_time)[1:], tf.int32)
        rest = over_time[1:], alive[1:]
        best, came = tf.scan(forth, rest, initializer=(over_time[0], none))
        best = tf.concat([over_time[:1], best], axis=0)
        last = tf.argmax(best[-1], axis=1, output_type=tf.int32)
        back = tf.scan(
            lambda tag, ways: tf.gather(ways, tag, batch_dims=1), came, last, reverse=True
        )
        tags = tf.transpose(tf.concat([back, last[None]], axis=0))
        mask = tf.sequence_mask(lengths, tf.shape(scores)[1])
        tags = tf.where(mask, tags, 0)
        sure = tf.gather(self._marginals(scores, lengths), tags, batch_dims=2)
        return tags, tf.where(mask, sure, 0.0)

    def _moves(self) -> tf.Tensor:
        return tf.where(self._allowed, self.steps, _NEVER)

    def _begun(self, scores: tf.Tensor) -> tf.Tensor:
        """Scores, with those of a first token that cannot be one put down."""
        barred = tf.where(self._first, 0.0, _NEVER)
        return tf.concat([scores[:, :1] + barred, scores[:, 1:]], axis=1)

    def _forward(self, scores: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """float32 `[T, B, tags]`: log weight of all ways that end in a tag at a token."""
        moves = self._moves()
        over_time = tf.transpose(self._begun(scores), [1, 0, 2])
        alive = tf.transpose(tf.sequence_mask(lengths, tf.shape(scores)[1]))

        def step(before: tf.Tensor, now: tuple) -> tf.Tensor:
            score, here = now
            after = tf.reduce_logsumexp(before[:, :, None] + moves[None], axis=1) + score
            return tf.where(here[:, None], after, before)

        rest = tf.scan(step, (over_time[1:], alive[1:]), initializer=over_time[0])
        return tf.concat([over_time[:1], rest], axis=0)

    def _marginals(self, scores: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """float32 `[B, T, tags]`: the probability of each tag of each token."""
        moves = self._moves()
        over_time = tf.transpose(scores, [1, 0, 2])
        alive = tf.transpose(tf.sequence_mask(lengths, tf.shape(scores)[1]))

        def step(after: tf.Tensor, now: tuple) -> tf.Tensor:
            score, here = now
            before = tf.reduce_logsumexp(moves[None] + (after + score)[:, None, :], axis=2)
            return tf.where(here[:, None], before, after)

        last = tf.zeros_like(over_time[0])
        rest = tf.scan(step, (over_time[1:], alive[1:]), initializer=last, reverse=True)
        both = self._forward(scores, lengths) + tf.concat([rest, last[None]], axis=0)
        return tf.transpose(tf.nn.softmax(both, axis=2), [1, 0, 2])
