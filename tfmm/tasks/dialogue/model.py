"""One encoder that reads a text, a head for what is wanted and one for the words that say it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.encoders import Encoder
from tfmm.encoders.text.tokens import TokenEncoder
from tfmm.tasks.dialogue.chain import Chain
from tfmm.tasks.dialogue.labels import OUT, Labels
from tfmm.tasks.dialogue.spans import spans_of
from tfmm.tasks.model import Model

#: The feature that the encoder reads, in messages and saved states.
TEXT = "text"
#: The scale of a head's logits at the start, as of cosines.
_SCALE = 16.0


class Understander(Model):
    """Tells the intent of a text, its slots, and whether it is in scope at all.

    An intent's logit is the cosine of the text's vector and the intent's own, times a learned
    scale: the intent's vector can begin as the mean of its examples', so that few are enough (Snell
    et al., "Prototypical networks", NeurIPS 2017). A token's tags are told from its state and the
    text's vector by a conditional random field.

    Args:
        encoder: reads texts; it is adapted.
        labels: what is told.
        choice: the encoder as a run file names it, kept with the weights.
        dropout: share of what the heads read that training leaves out.
        smoothing: share of an intent's target that is spread over all.
        slot_weight: how much slots count beside intents.
    """

    def __init__(
        self,
        encoder: TokenEncoder,
        labels: Labels,
        choice: Mapping[str, Any],
        *,
        dropout: float = 0.1,
        smoothing: float = 0.1,
        slot_weight: float = 1.0,
    ) -> None:
        super().__init__(name="understander")
        self.encoder = encoder
        self.dropper = tf.keras.layers.Dropout(dropout)
        # Past Keras, which would track them as parts of the checkpoint.
        self.__dict__.update(labels=labels, choice=dict(choice), _step=None)
        self.__dict__.update(smoothing=smoothing, slot_weight=slot_weight)
        if not encoder.built:
            encoder.build(None)
        if labels.intents:
            shape = [len(labels.intents), encoder.dim]
            self.intents = self.add_weight(name="intents", shape=shape, initializer="he_uniform")
            self.bias = self.add_weight(name="bias", shape=shape[:1], initializer="zeros")
            self.scale = self.add_weight(
                name="scale", shape=(), initializer=tf.keras.initializers.Constant(_SCALE)
            )
        if labels.slots:
            self.tagger = tf.keras.layers.Dense(1 + 2 * len(labels.slots), name="tagger")
            self.tagger.build([None, encoder.states_width + encoder.dim])
            self.chain = Chain(len(labels.slots))
        still: dict[str, Any] = {"trainable": False, "initializer": "zeros"}
        self.temperature = self.add_weight(
            name="temperature", shape=(), trainable=False, initializer="ones"
        )
        self.scope = self.add_weight(name="scope", shape=[3], **still)

    def encoders(self) -> Iterator[tuple[str, Encoder]]:
        yield TEXT, self.encoder

    def states(self) -> dict[str, Any]:
        return {
            "items": {TEXT: self.encoder.state()},
            "labels": self.labels.to_dict(),
            "encoder": self.choice,
        }

    def saved_layers(self) -> dict[str, tf.keras.layers.Layer]:
        return {"understander": self}

    def row_names(
        self, tables: Mapping[str, Sequence[str]]
    ) -> list[tuple[tf.Variable, Sequence[str]]]:
        one = self.encoder
        return [(getattr(one, at), names) for at, names in one.vocabularies().items()]

    def read(self, ids: tf.Tensor, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        """The vector of each text `[B, dim]`, of length one, and the states of its tokens
        `[B, T, width]`, for ids of `encoder.tokens`."""
        states, mask = self.encoder.states(ids, training)
        return tf.math.l2_normalize(self.encoder.pooled(states, mask, training), axis=1), states

    def intent_logits(self, vectors: tf.Tensor) -> tf.Tensor:
        """float32 `[B, C]`, before the temperature."""
        return self.scale * tf.matmul(vectors, self.intents, transpose_b=True) + self.bias

    def tag_scores(self, vectors: tf.Tensor, states: tf.Tensor) -> tf.Tensor:
        """float32 `[B, T, tags]`, what each token alone says."""
        shape = [tf.shape(states)[0], tf.shape(states)[1], vectors.shape[-1]]
        beside = tf.broadcast_to(vectors[:, None], shape)
        return self.tagger(tf.concat([states, beside], axis=2))

    def call(self, inputs: Mapping[str, Any], training: bool = False) -> tf.Tensor:
        """The vectors `[B, dim]` of a batch."""
        return self.read(inputs["ids"], training)[0]

    def compute_loss(self, inputs: Mapping[str, Any], training: bool = False) -> tf.Tensor:
        """The loss of a batch of `batches`, a scalar: cross entropy of intents, of which one that
        is out of scope has all alike, and the negative log likelihood of tags, a text each."""
        vectors, states = self.read(inputs["ids"], training)
        vectors = self.dropper(vectors, training=training)
        loss = tf.constant(0.0)
        if self.labels.intents:
            loss += self._intent_loss(self.intent_logits(vectors), inputs["intent"])
        if self.labels.slots:
            states = self.dropper(states, training=training)
            scores = self.tag_scores(vectors, states)
            scores, tags, lengths = packed(inputs["tags"] >= 0, scores, inputs["tags"])
            likely = self.chain.log_likelihood(scores, tags, lengths)
            loss -= self.slot_weight * tf.reduce_mean(likely)
        return loss

    def _intent_loss(self, logits: tf.Tensor, codes: tf.Tensor) -> tf.Tensor:
        count = len(self.labels.intents)
        outside = tf.cast(codes == OUT, tf.float32)[:, None]
        said = tf.cast((codes >= 0) | (codes == OUT), tf.float32)
        even = (self.smoothing * (1 - outside) + outside) / count
        target = even + (1 - self.smoothing) * tf.one_hot(codes, count)
        losses = tf.nn.softmax_cross_entropy_with_logits(target, logits)
        return tf.math.divide_no_nan(tf.reduce_sum(losses * said), tf.reduce_sum(said))

    def answer(
        self, ids: tf.Tensor, start: tf.Tensor, end: tf.Tensor
    ) -> dict[str, tf.Tensor | tf.RaggedTensor]:
        """What it makes of the tokens of texts, as `encoder.tokens` gives them.

        Returns:
            `logits` float32 `[B, C]` where there are intents; and where there are slots `slot`
            (its number), `start`, `end` and `sure`, ragged `[B, (S)]`, see `spans_of`.
        """
        vectors, states = self.read(ids)
        found: dict[str, tf.Tensor | tf.RaggedTensor] = {}
        if self.labels.intents:
            found["logits"] = self.intent_logits(vectors)
        if self.labels.slots:
            scores = self.tag_scores(vectors, states)
            scores, start, end, lengths = packed(end > start, scores, start, end)
            tags, sure = self.chain.best(scores, lengths)
            spans = spans_of(tags, sure, start, end)
            found |= dict(zip(("slot", "start", "end", "sure"), spans, strict=True))
        return found

    def traced_answer(self) -> Any:
        """`answer`, traced once for texts of all lengths."""
        if self._step is None:
            self.__dict__["_step"] = tf.function(self.answer, reduce_retracing=True)
        return self._step

    def start_from(self, vectors: NDArray[np.floating], codes: NDArray[np.integer]) -> None:
        """Begins each intent's vector as the mean of its examples', float `[n, dim]`; an intent
        without any keeps its own."""
        start = self.intents.numpy()
        for code in np.unique(codes[codes >= 0]):
            mean = vectors[codes == code].mean(axis=0)
            start[code] = mean / max(float(np.linalg.norm(mean)), 1e-6)
        self.intents.assign(start)


def packed(mask: tf.Tensor, *values: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Values `[B, T, …]` where the mask `[B, T]` is set, moved to the front and padded by zeros;
    last, how many there are of each row, int32 `[B]`. They are two wide at least: a loop over the
    steps between tokens needs one."""
    lengths = tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)
    width = tf.maximum(tf.reduce_max(tf.pad(lengths, [[0, 1]])), 2)
    mask = tf.pad(mask, [[0, 0], [0, 1]])
    order = tf.argsort(tf.cast(~mask, tf.int32), axis=1, stable=True)[:, :width]
    there = tf.sequence_mask(lengths, width)
    moved = []
    for value in values:
        value = tf.pad(value, [[0, 0], [0, 1], *[[0, 0]] * (len(value.shape) - 2)])
        found = tf.gather(value, order, batch_dims=1)
        shown = tf.reshape(there, tf.concat([tf.shape(there), [1] * (len(value.shape) - 2)], 0))
        moved.append(tf.where(shown, found, tf.zeros_like(found)))
    return (*moved, lengths)
