"""The model of reviews: one encoder, and a head for each thing that is told of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.encoders import Encoder
from tfmm.encoders.text.tokens import TokenEncoder
from tfmm.layers.ngrams import NgramLinear
from tfmm.layers.target_pooling import TargetPooling, distances, span_states
from tfmm.tasks.model import Model
from tfmm.tasks.reviews.config import ReviewsConfig
from tfmm.tasks.reviews.targets import Labels
from tfmm.tasks.texts.batches import text_blocks

#: What the heads answer, as logits; each may have a linear part and has a temperature.
SENTIMENT, POLARITY, CATEGORY = "sentiment", "polarity", "category"


class Reader(Model):
    """Tells how a text feels, the terms in it, and the polarity of terms and categories.

    The states of an encoder's tokens are tagged for terms; the mean state of a term, and an
    embedding of a category, ask them for the polarity (`TargetPooling`); the encoder's vector tells
    the class of the whole. Linear parts over sequences of tokens are fitted apart and added with a
    weight that validation chooses, and logits are divided by temperatures (Guo et al., ICML 2017);
    training knows neither.

    Args:
        encoder: adapted, of texts.
        labels: what is told.
        config: the run file.
    """

    def __init__(self, encoder: TokenEncoder, labels: Labels, config: ReviewsConfig) -> None:
        super().__init__(name="reader")
        text, width = config.text, encoder.states_width
        self.encoder = encoder
        self.dropper = tf.keras.layers.Dropout(text.dropout)
        classes = {
            SENTIMENT: len(labels.sentiment),
            POLARITY: len(labels.polarities) if labels.terms else 0,
            CATEGORY: len(labels.polarities) if labels.categories else 0,
        }
        told = {name: count for name, count in classes.items() if count}
        self.widened = not encoder.contextual and bool(labels.terms or labels.categories)
        if self.widened:
            self.context = tf.keras.layers.Conv1D(width, 5, padding="same", activation="relu")
            self.context.build([None, None, width])
        if SENTIMENT in told:
            self.whole = _dense(classes[SENTIMENT], text.dim, "whole")
        if labels.terms:
            self.tagger = _dense(3, width, "tagger")
        if POLARITY in told:
            self.of_terms = TargetPooling(text.dim, dropout=text.dropout, name="of_terms")
            self.of_terms.build([None, None, width])
            self.term = _dense(classes[POLARITY], 2 * text.dim, "term")
        if labels.categories:
            shape = (len(labels.categories), width)
            self.categories = self.add_weight(name="categories", shape=shape)
            self.of_categories = TargetPooling(
                text.dim, near=False, dropout=text.dropout, name="of_categories"
            )
            self.of_categories.build([None, None, width])
            self.presence = _dense(1, text.dim, "presence")
            self.spotter = _dense(len(labels.categories), width, "spotter")
        if CATEGORY in told:
            self.category = _dense(classes[CATEGORY], text.dim, "category")
        fixed: dict[str, Any] = {"shape": (), "trainable": False}
        self.temperatures = {
            name: self.add_weight(name=f"{name}_temperature", initializer="ones", **fixed)
            for name in told
        }
        linear = [name for name in (SENTIMENT, POLARITY) if name in told and text.ngrams]
        self.linear = {
            name: NgramLinear(
                told[name], longest=text.ngrams, buckets=text.buckets, name=f"{name}_linear"
            )
            for name in linear
        }
        for layer in self.linear.values():
            layer.build(None)
        self.shares = {
            name: self.add_weight(name=f"{name}_share", initializer="zeros", **fixed)
            for name in linear
        }
        self.threshold = self.add_weight(
            name="threshold", initializer=tf.keras.initializers.Constant(0.5), **fixed
        )
        # Past Keras, which would track them as parts of the checkpoint.
        self.__dict__.update(labels=labels, classes=told, settings=config, _steps={})

    def encoders(self) -> Iterator[tuple[str, Encoder]]:
        yield "text", self.encoder

    def states(self) -> dict[str, Any]:
        labels = self.labels
        known = {
            "sentiment": list(labels.sentiment.names),
            "polarities": list(labels.polarities),
            "categories": list(labels.categories),
            "terms": labels.terms,
        }
        return {"text": self.encoder.state(), "labels": known}

    def saved_layers(self) -> dict[str, tf.keras.layers.Layer]:
        return {"reader": self}

    def row_names(
        self, tables: Mapping[str, Sequence[str]]
    ) -> list[tuple[tf.Variable, Sequence[str]]]:
        return [(getattr(self.encoder, at), n) for at, n in self.encoder.vocabularies().items()]

    def read(
        self, ids: tf.Tensor, training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """States float32 `[B, T, W]` of token ids, which are tokens, and vectors `[B, dim]`."""
        states, mask = self.encoder.states(ids, training)
        vectors = self.encoder.pooled(states, mask, training)
        if self.widened:
            there = tf.cast(mask, states.dtype)[:, :, None]
            states += self.context(states * there) * there
        return self.dropper(states, training=training), mask, vectors

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> dict[str, tf.Tensor]:
        """Logits of a batch with `ids` and, where terms are judged, `spans` `[B, M, 2]`.

        Returns:
            `sentiment` `[B, C]`, `tags` `[B, T, 3]`, `polarity` `[B, M, P]`, `present` `[B, K]` and
            `category` `[B, K, P]`, of what there is to tell.
        """
        states, mask, vectors = self.read(inputs["ids"], training)
        vectors = self.dropper(vectors, training=training)
        found = {}
        if SENTIMENT in self.classes:
            found[SENTIMENT] = self.whole(vectors)
        if self.labels.terms:
            found["tags"] = self.tagger(states)
        if POLARITY in self.classes:
            found[POLARITY] = self.judge(states, mask, vectors, inputs["spans"], training)
        if self.labels.categories:
            asked = tf.tile(self.categories[None], [tf.shape(states)[0], 1, 1])
            pooled = self.of_categories(states, mask, asked, training=training)
            found["present"] = self.present(states, mask, pooled)
            if CATEGORY in self.classes:
                found[CATEGORY] = self.category(pooled)
        return found

    def present(self, states: tf.Tensor, mask: tf.Tensor, pooled: tf.Tensor) -> tf.Tensor:
        """Logits `[B, K]` of a text's speaking of each category: a single token may tell it."""
        spotted = tf.where(mask[:, :, None], self.spotter(states), -30.0)
        return self.presence(pooled)[:, :, 0] + tf.reduce_max(spotted, axis=1)

    def judge(
        self,
        states: tf.Tensor,
        mask: tf.Tensor,
        vectors: tf.Tensor,
        spans: tf.Tensor,
        training: bool = False,
    ) -> tf.Tensor:
        """Logits `[B, M, P]` of the polarity of terms at `spans` `[B, M, 2]`."""
        targets = span_states(states, spans)
        pooled = self.of_terms(states, mask, targets, spans, training=training)
        whole = tf.tile(vectors[:, None], [1, tf.shape(spans)[1], 1])
        return self.term(tf.concat([pooled, whole], axis=2))

    def compute_loss(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """The sum of the mean losses of what a batch knows, a scalar."""
        found = self(inputs, training=training)
        smoothing = self.settings.train.smoothing
        losses = [
            _cross_entropy(found[name], inputs[at], smoothing)
            for name, at in (
                (SENTIMENT, SENTIMENT),
                ("tags", "tags"),
                (POLARITY, POLARITY),
                (CATEGORY, CATEGORY),
            )
            if name in found
        ]
        if "present" in found:
            known = tf.cast(inputs["present"] >= 0, tf.float32)
            right = tf.cast(tf.maximum(inputs["present"], 0), tf.float32)
            each = tf.nn.sigmoid_cross_entropy_with_logits(right, found["present"])
            losses.append(tf.math.divide_no_nan(tf.reduce_sum(each * known), tf.reduce_sum(known)))
        return tf.add_n(losses)

    def mixed(self, name: str, logits: tf.Tensor, margins: tf.Tensor | None) -> tf.Tensor:
        """Logits as they are answered: with their linear part, over their temperature."""
        if margins is not None:
            logits += self.shares[name] * margins
        return logits / self.temperatures[name]

    def margins(
        self, name: str, ids: tf.Tensor, spans: tf.Tensor | None = None
    ) -> tf.Tensor | None:
        """What the linear part says of texts `[B, C]`, or of terms at spans `[B, M, P]`."""
        if name not in self.linear:
            return None
        if spans is None:
            return self.linear[name](ids)
        near = self.near(ids, spans)
        shape = tf.shape(near)
        flat = tf.reshape(near, [-1, *[shape[at] for at in range(2, near.shape.rank)]])
        found = self.linear[name](flat)
        return tf.reshape(found, [shape[0], shape[1], self.classes[name]])

    def near(self, ids: tf.Tensor, spans: tf.Tensor) -> tf.Tensor:
        """Token ids `[B, M, T, …]` of the words near each term; the others are no tokens."""
        kept = distances(spans, tf.shape(ids)[1]) <= self.settings.aspects.window
        kept = tf.reshape(kept, tf.concat([tf.shape(kept), [1] * (ids.shape.rank - 2)], 0))
        return tf.where(kept, ids[:, None], 0)

    def logits(
        self,
        rows: NDArray[np.integer],
        ids: NDArray[np.int32],
        lengths: NDArray[np.integer],
        spans: NDArray[np.int16],
        *,
        linear: bool = False,
    ) -> dict[str, NDArray[np.float32]]:
        """What `call` gives for rows of prepared texts, in their order; with `linear`, margins of
        the linear parts in place of the network's logits."""
        out: dict[str, NDArray[np.float32]] = {}
        for places, block in text_blocks(rows, {"ids": ids}, lengths):
            batch = {"ids": tf.constant(block["ids"]), "spans": tf.constant(spans[rows[places]])}
            for name, value in self._step(linear, ids.ndim)(batch).items():
                found = value.numpy()
                if name == "tags":
                    wide = ((0, 0), (0, ids.shape[1] - found.shape[1]), (0, 0))
                    found = np.pad(found, wide)
                if name not in out:
                    out[name] = np.zeros((len(rows), *found.shape[1:]), np.float32)
                out[name][places] = found
        return out

    def _step(self, linear: bool, rank: int) -> Any:
        if linear not in self._steps:
            specs = {
                "ids": tf.TensorSpec([None] * rank, tf.int32),
                "spans": tf.TensorSpec([None, None, 2], tf.int16),
            }
            step = self._linear if linear else self.call
            self._steps[linear] = tf.function(step, input_signature=[specs], autograph=False)
        return self._steps[linear]

    def _linear(self, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        spans = {SENTIMENT: None, POLARITY: batch["spans"]}
        return {name: self.margins(name, batch["ids"], spans[name]) for name in self.linear}


def _dense(units: int, width: int, name: str) -> tf.keras.layers.Dense:
    made = tf.keras.layers.Dense(units, name=name)
    made.build([None, width])
    return made


def _cross_entropy(logits: tf.Tensor, codes: tf.Tensor, smoothing: float) -> tf.Tensor:
    """The mean over what is known, codes of 0 or more; 0 where nothing is."""
    known = tf.cast(codes >= 0, tf.float32)
    depth = logits.shape[-1]
    right = tf.one_hot(tf.maximum(tf.cast(codes, tf.int32), 0), depth)
    right = right * (1.0 - smoothing) + smoothing / depth
    each = tf.nn.softmax_cross_entropy_with_logits(right, logits)
    return tf.math.divide_no_nan(tf.reduce_sum(each * known), tf.reduce_sum(known))
