"""What a model of reviews answers: how a text feels, and about what."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.tasks.base import Export, Signature
from tfmm.tasks.reviews.model import CATEGORY, POLARITY, SENTIMENT, Reader
from tfmm.tasks.reviews.spans import characters, found_spans, tokens_at


class Served(tf.Module):
    """A reader over strings.

    | signature | inputs | outputs |
    | --- | --- | --- |
    | `serving_default`, `review` | `text` [B] | below |
    | `review_terms`, where polarities were learned | `text` [B], `start` and `end` [B, N] | \
`polarity`, `probability` [B, N] |

    `sentiment` and `sentiment_probability` [B, C] have the classes of a text, the most probable
    first. `term` [B, N] has the terms in it from left to right, padded with "", `term_start` and
    `term_end` their characters, from 0, the end behind the last, padded with -1,
    `term_probability` how sure they are, and `term_polarity` and `term_polarity_probability` how
    the text feels about each. `category`, `category_probability`, `category_polarity` and
    `category_polarity_probability` [B, K] have the categories that it speaks of, the surest first,
    padded with "". What was not learned is not answered.

    Args:
        model: finished.
        most: N.
    """

    def __init__(self, model: Reader, most: int) -> None:
        super().__init__(name="reviews")
        self.model_of = lambda: model
        self.most = most
        # Variables alone: a tracked Keras layer brings its own functions into the SavedModel.
        self.weights, self.tables = list(model.weights), model.encoder.resources()
        labels = model.labels
        self.names = {
            SENTIMENT: _strings(labels.sentiment.names),
            POLARITY: _strings(labels.polarities),
            "categories": _strings(labels.categories),
        }

    def answer(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """See the class."""
        model = self.model_of()
        tokens = model.encoder.tokens(text)
        states, mask, vectors = model.read(tokens.ids)
        out: dict[str, tf.Tensor] = {}
        if SENTIMENT in model.classes:
            logits = model.mixed(
                SENTIMENT, model.whole(vectors), model.margins(SENTIMENT, tokens.ids)
            )
            order, chance = _sorted(logits)
            out["sentiment"] = tf.gather(self.names[SENTIMENT], order)
            out["sentiment_probability"] = chance
        if model.labels.terms:
            real = tokens.end > tokens.start
            spans, sure = found_spans(model.tagger(states), real, self.most)
            first, behind = characters(spans, tokens.start, tokens.end)
            there = first >= 0
            size = tf.maximum(behind - first, 0)
            whole = tf.tile(text[:, None], [1, self.most])
            words = tf.strings.substr(whole, tf.maximum(first, 0), size, unit="UTF8_CHAR")
            out["term"] = tf.where(there, words, "")
            out["term_start"], out["term_end"] = first, behind
            out["term_probability"] = tf.where(there, sure, 0.0)
            if POLARITY in model.classes:
                judged = self._judged(tokens.ids, states, mask, vectors, spans)
                out |= {f"term_{name}": value for name, value in judged.items()}
        if model.labels.categories:
            out |= self._categories(states, mask)
        return out

    def terms(self, text: tf.Tensor, start: tf.Tensor, end: tf.Tensor) -> dict[str, tf.Tensor]:
        """The polarity of terms at given characters of texts."""
        model = self.model_of()
        tokens = model.encoder.tokens(text)
        states, mask, vectors = model.read(tokens.ids)
        spans = tokens_at(start, end, tokens.start, tokens.end)
        found = self._judged(tokens.ids, states, mask, vectors, spans)
        return {"polarity": found["polarity"], "probability": found["polarity_probability"]}

    def _judged(
        self,
        ids: tf.Tensor,
        states: tf.Tensor,
        mask: tf.Tensor,
        vectors: tf.Tensor,
        spans: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        model = self.model_of()
        logits = model.judge(states, mask, vectors, spans)
        chance = tf.nn.softmax(model.mixed(POLARITY, logits, model.margins(POLARITY, ids, spans)))
        there = spans[:, :, 1] > spans[:, :, 0]
        best = tf.gather(self.names[POLARITY], tf.argmax(chance, axis=2))
        return {
            "polarity": tf.where(there, best, ""),
            "polarity_probability": tf.where(there, tf.reduce_max(chance, axis=2), 0.0),
        }

    def _categories(self, states: tf.Tensor, mask: tf.Tensor) -> dict[str, tf.Tensor]:
        model = self.model_of()
        asked = tf.tile(model.categories[None], [tf.shape(states)[0], 1, 1])
        pooled = model.of_categories(states, mask, asked)
        sure = tf.sigmoid(model.present(states, mask, pooled))
        there = sure >= model.threshold
        order = tf.argsort(sure, direction="DESCENDING", stable=True)

        def put(values: tf.Tensor, nothing: Any) -> tf.Tensor:
            return tf.gather(tf.where(there, values, nothing), order, batch_dims=1)

        names = tf.tile(self.names["categories"][None], [tf.shape(states)[0], 1])
        out = {"category": put(names, ""), "category_probability": put(sure, 0.0)}
        if CATEGORY in model.classes:
            chance = tf.nn.softmax(model.mixed(CATEGORY, model.category(pooled), None))
            best = tf.gather(self.names[POLARITY], tf.argmax(chance, axis=2))
            out["category_polarity"] = put(best, "")
            out["category_polarity_probability"] = put(tf.reduce_max(chance, axis=2), 0.0)
        return out


def _strings(values: tuple[str, ...]) -> tf.Variable:
    return tf.Variable([*values], trainable=False, dtype=tf.string, shape=[len(values)])


def _sorted(logits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The classes of logits, the most probable first, and their probabilities."""
    chance = tf.nn.softmax(logits)
    order = tf.argsort(chance, direction="DESCENDING", stable=True)
    return order, tf.gather(chance, order, batch_dims=1)


def export_of(task: Any, model: Reader, most: int) -> Export:
    """The export of a finished model."""
    served = Served(model, most)
    texts = [str(text) for text in task.data.reviews.text[:4]] + ["", "\u200f 好 é 🎩 <b>"]

    def samples(count: int) -> dict[str, NDArray[Any]]:
        return {"text": np.array([texts[row % len(texts)] for row in range(count)], object)}

    def with_places(count: int) -> dict[str, NDArray[Any]]:
        start = np.full((count, most), -1, np.int32)
        end = start.copy()
        start[:, 0], end[:, 0] = 0, 2
        return {**samples(count), "start": start, "end": end}

    inputs = {"text": tf.TensorSpec([None], tf.string)}
    said = "How texts feel, and what they say of which aspect."
    signatures = [
        Signature(name, served.answer, inputs, samples, said)
        for name in ("serving_default", "review")
    ]
    if POLARITY in model.classes:
        places = {name: tf.TensorSpec([None, most], tf.int32) for name in ("start", "end")}
        doc = "How texts feel about terms at given characters; -1 fills up."
        signatures.append(
            Signature("review_terms", served.terms, inputs | places, with_places, doc)
        )
    labels = model.labels
    card = {
        "intended_use": "Telling what shoppers say of products, for people to read. A probability "
        "is what a share of the texts that get it turned out to be in validation.",
        "limits": [
            "It knows the classes, polarities and categories of its training alone.",
            "The metrics were measured in training, on the split named in the configuration.",
        ],
        "sentiment": list(labels.sentiment.names),
        "polarities": list(labels.polarities),
        "categories": list(labels.categories),
    }
    sizes = {"reviews": len(task.data.reviews), "terms": most}
    return Export(signatures, holder=served, sizes=sizes, card=card)
