"""What a model of dialogue answers: what is wanted, and which words say it."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tfmm.tasks.base import Export, Signature
from tfmm.tasks.dialogue.model import Understander

#: Characters of a text, and of its context, that are read.
LIMIT = 2_000


class Served(tf.Module):
    """A model of dialogue over texts as they are written.

    | signature | inputs | outputs |
    | --- | --- | --- |
    | `understand`, `serving_default` | `text` [B], `context` [B] | see `understand` |

    `context` is there where the model learned with it: where the shop file's `queries.text` names
    several columns, of which the first is what the shopper says and the others what goes with it.

    Args:
        model: finished.
        k: intents in an answer.
    """

    def __init__(self, model: Understander, k: int) -> None:
        super().__init__(name="understander")
        labels = model.labels
        self.k = min(k, len(labels.intents))
        self.intents = tf.Variable([*labels.intents, ""], trainable=False, name="intents")
        self.slots = tf.Variable([*labels.slots, ""], trainable=False, name="slots")
        # Hidden behind functions, with what they read listed: a tracked Keras layer brings its own
        # functions into the SavedModel.
        self._tokens = lambda texts: model.encoder.tokens(texts)
        self._answer = lambda *tokens: model.answer(*tokens)
        self.reader = model.encoder.embedder()
        self.weights = list(model.weights)
        self.temperature, self.scope = model.temperature, model.scope

    def understand(self, text: tf.Tensor, context: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        """Intents, the best first, and slots, by place.

        Args:
            text: string `[B]`, of which the first 2,000 characters are read.
            context: string `[B]`, likewise; "" for none.

        Returns:
            `intents` string and `probabilities` float32 `[B, K]`, given that the text is in scope;
            `in_scope` float32 `[B]`, the probability that it is; `slot_names` and `slot_values`
            string, `slot_starts` and `slot_ends` int32 (characters, the end behind the last) and
            `slot_probabilities` float32 `[B, S]`, padded by "", -1 and 0. A text without words has
            intents "" and is not in scope.
        """
        text = _cut(text)
        size = tf.strings.length(text, unit="UTF8_CHAR")
        whole = text
        if context is not None:
            context = _cut(context)
            whole = tf.where(context == "", text, tf.strings.join([text, "\n", context]))
        ids, start, end = self._tokens(whole)
        own = (end > start) & (end <= size[:, None])
        # Tokens of the context are read and are no slots.
        found = self._answer(ids, tf.where(own, start, 0), tf.where(own, end, 0))
        said = tf.reduce_any(own, axis=1)
        return {**self._intents(found, said), **self._slots(found, text)}

    def _intents(self, found: dict[str, Any], said: tf.Tensor) -> dict[str, tf.Tensor]:
        rows = tf.shape(said)[0]
        if not self.k:
            return {
                "intents": tf.fill([rows, 0], ""),
                "probabilities": tf.zeros([rows, 0]),
                "in_scope": tf.cast(said, tf.float32),
            }
        logits = found["logits"]
        best, at = tf.math.top_k(tf.nn.softmax(logits / self.temperature), self.k)
        shown = said[:, None] & tf.ones_like(best, tf.bool)
        largest, total = tf.reduce_max(logits, axis=1), tf.reduce_logsumexp(logits, axis=1)
        inside = self.scope[0] * largest + self.scope[1] * total + self.scope[2]
        return {
            "intents": tf.gather(self.intents, tf.where(shown, at, tf.size(self.intents) - 1)),
            "probabilities": tf.where(shown, best, 0.0),
            "in_scope": tf.where(said, tf.sigmoid(inside), 0.0),
        }

    def _slots(self, found: dict[str, Any], text: tf.Tensor) -> dict[str, tf.Tensor]:
        if "slot" not in found:
            rows = tf.shape(text)[0]
            empty, nowhere = tf.fill([rows, 0], ""), tf.fill([rows, 0], -1)
            return {
                "slot_names": empty,
                "slot_values": empty,
                "slot_starts": nowhere,
                "slot_ends": nowhere,
                "slot_probabilities": tf.zeros([rows, 0]),
            }
        slot, start, end = found["slot"], found["start"], found["end"]
        words = tf.strings.substr(
            tf.gather(text, slot.value_rowids()),
            start.flat_values,
            end.flat_values - start.flat_values,
            unit="UTF8_CHAR",
        )
        names = tf.gather(self.slots, slot.flat_values)
        return {
            "slot_names": slot.with_flat_values(names).to_tensor(default_value=""),
            "slot_values": slot.with_flat_values(words).to_tensor(default_value=""),
            "slot_starts": start.to_tensor(default_value=-1),
            "slot_ends": end.to_tensor(default_value=-1),
            "slot_probabilities": found["sure"].to_tensor(default_value=0.0),
        }


def _cut(text: tf.Tensor) -> tf.Tensor:
    """The first characters of texts; bytes that are no UTF-8 become spaces."""
    # A character has four bytes at most: what is behind them is never looked at.
    text = tf.strings.substr(text, 0, 4 * LIMIT)
    text = tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", "replace", replacement_char=0x20)
    return tf.strings.substr(text, 0, LIMIT, unit="UTF8_CHAR")


def export_of(task: Any, model: Understander, k: int) -> Export:
    """The export of a finished model."""
    served, queries = Served(model, k), task.data.queries
    several = len(task.data.shop.queries.text) > 1
    names = ["text", *["context"] * several]
    split = [str(text).split("\n", 1) for text in queries.text[:64]] or [[""]]

    def samples(count: int) -> dict[str, np.ndarray]:
        rows = [[*split[at % len(split)], "", ""] for at in range(count)]
        # One that says nothing, and one that nobody meant.
        odd = [["", "", ""], ["\u202e zzqx 不 🙂", "", ""]]
        rows = (rows[: max(count - 2, 0)] + odd)[:count]
        return {name: np.array([row[at] for row in rows], object) for at, name in enumerate(names)}

    inputs = {name: tf.TensorSpec([None], tf.string) for name in names}
    doc = "What is wanted, the words that say it, and whether it is known at all."
    asked = served.understand if several else lambda text: served.understand(text)
    signatures = [
        Signature(name, asked, inputs, samples, doc) for name in ("serving_default", "understand")
    ]
    labels = model.labels
    use = (
        "Telling what a shopper asks for, so that a program can answer or pass it on to a person "
        "where `in_scope` is low."
    )
    limits = [
        "It knows the intents and slots of its training alone.",
        "`in_scope` is calibrated for the share of queries out of scope that the configuration "
        "names; where the table has none, for intents that the model was not shown.",
        "The metrics were measured in training, on the split named in the configuration.",
    ]
    sizes = {"intents": len(labels.intents), "slots": len(labels.slots), "queries": len(queries)}
    card = {"intended_use": use, "limits": limits, **labels.to_dict()}
    return Export(signatures, holder=served, sizes=sizes, card=card)
