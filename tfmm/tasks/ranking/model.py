"""A ranker: what a shopper does with an item that is shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.encoders import Encoder
from tfmm.layers.entire_space import click_and_conversion
from tfmm.layers.fields import Fields
from tfmm.tasks.model import Model
from tfmm.tasks.ranking.decided import Decided
from tfmm.tasks.ranking.network.flow import Flow
from tfmm.tasks.ranking.network.losses import LabelHead, lists_needed
from tfmm.tasks.ranking.network.network import Network
from tfmm.tasks.ranking.network.numbers import Quantiles
from tfmm.tasks.ranking.network.towers import Towers
from tfmm.tasks.ranking.reading.labels import Label
from tfmm.tasks.ranking.reading.reader import Reader

#: Examples that are scored at a time.
AT_ONCE = 8192


class Ranker(Model):
    """Gives each label of an example a probability, or the number that it may be.

    Users, items and the event are a vector for each feature (`Fields`); these, with rates and what
    the shopper met before, go through the blocks of a `Network`, which ends in a score a label.

    Args:
        users, items, context: vectors for each feature; the last may be None.
        network: of blocks.
        labels: what is told.
        heads: of each label.
        reader: makes batches.
        edges: quantiles of the reader's numbers, ascending, float32 `[R, E]`.
        decided: what it is like by the tables that it was made for.
        towers: what reads the vectors of a retrieval run, or None.
        decay: weight of the squared length of the embeddings that an example reads.
        learned_weights: whether labels' weights are learned.
    """

    def __init__(
        self,
        users: Fields,
        items: Fields,
        context: Fields | None,
        network: Network,
        labels: Sequence[Label],
        heads: Sequence[LabelHead],
        reader: Reader,
        edges: NDArray[np.float32],
        *,
        decided: Decided,
        towers: Towers | None = None,
        decay: float = 0.0,
        learned_weights: bool = False,
    ) -> None:
        super().__init__(name="ranker")
        self.users, self.items, self.context = users, items, context
        self.network, self.heads, self.towers = network, list(heads), towers
        self.numbers = Quantiles(*edges.shape)
        self.numbers.at.assign(edges)
        self.doubt = None
        if learned_weights:
            self.doubt = self.add_weight(
                name="doubt", shape=(len(labels),), initializer="zeros", trainable=True
            )
        # Past Keras, which would track them as parts of the checkpoint.
        self.__dict__.update(labels=tuple(labels), reader=reader, decay=decay, _step=None)
        self.__dict__["decided"] = decided
        self._after = [_place(labels, one.after) for one in labels]
        # One example makes the layers' variables; where no event says a label, none does.
        one = reader.rows[:1]
        self(reader.maker(one)(tf.range(len(one)), tf.constant([0, 0], tf.int64)))
        self._begin_at_the_mean()

    def encoders(self) -> Iterator[tuple[str, Encoder]]:
        for fields in (self.users, self.items, self.context):
            if fields is not None:
                yield from fields.encoders.items()

    def states(self) -> dict[str, Any]:
        learned = {
            name: {feature: one.state() for feature, one in fields.encoders.items()}
            for name, fields in self._sides()
        }
        return {"ranking": self.decided.state(), **learned}

    def saved_layers(self) -> dict[str, tf.keras.layers.Layer]:
        return {"ranker": self}

    def row_names(
        self, tables: Mapping[str, Sequence[str]]
    ) -> list[tuple[tf.Variable, Sequence[str]]]:
        found: list[tuple[tf.Variable, Sequence[str]]] = []
        for name, fields in self._sides():
            if name in tables:
                own = [*fields.banks.values(), *fields.filled.values()]
                own += [fields.id_embedding, fields.known] if fields.id else []
                found += [(one, tables[name]) for one in own]
            for encoder in fields.encoders.values():
                found += [(getattr(encoder, at), n) for at, n in encoder.vocabularies().items()]
        return found

    def restored(self, missing: Mapping[str, np.ndarray], served: bool) -> None:
        for path, rows in missing.items():
            if path.endswith("/known") and rows.any():
                fields = self.users if "/users/" in path else self.items
                fields.know(np.flatnonzero(fields.known.numpy() & ~rows))

    def batches(
        self, events: NDArray[np.integer], batch_size: int = 2048, **options: Any
    ) -> tf.data.Dataset:
        """Batches for `fit`, see `Reader.batches`."""
        lists = lists_needed(self.labels)
        return self.reader.batches(np.asarray(events), batch_size, lists=lists, **options)

    def call(self, batch: Mapping[str, Any], training: bool = False) -> tf.Tensor:
        """Scores float32 `[B, L]` of a batch of `batches`."""
        return self.scored(batch, training)[0]

    def scored(
        self, batch: Mapping[str, Any], training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Scores `[B, L]`, and the mean squared length of the embeddings that were read."""
        tokens = {name: fields(batch[name], training=training) for name, fields in self._sides()}
        user = tf.gather(tokens["users"], batch["user_at"])
        item = tf.gather(tokens["items"], batch["item_at"])
        read = [user, item]
        if self.context is not None:
            read.append(tokens["context"])
        fields = tf.concat(read, axis=1)
        length = tf.reduce_mean(tf.reduce_sum(tf.square(fields), axis=[1, 2]))
        if self.towers is not None:
            towers = self.towers(batch["shopper"], batch["retrieved"])
            fields = tf.concat([fields, towers], axis=1)
        history = there = None
        if "history" in batch:
            there = batch["history"] >= 0
            history = tf.gather(tokens["items"], tf.maximum(batch["history"], 0))
        flow = Flow(
            fields,
            self.numbers(batch["numbers"]),
            (),
            item,
            history,
            there,
            batch.get("gap"),
            batch.get("history_value"),
        )
        scores = self.network(flow, training=training)
        if self.towers is not None:
            scores += self.towers.base(batch["numbers"])
        scores = self.together(scores)
        return scores, length

    def together(self, scores: tf.Tensor) -> tf.Tensor:
        """The scores `[…, L]` of labels, where some cannot be without another."""
        columns = tf.unstack(scores, axis=-1)
        made = list(columns)
        for place, before in enumerate(self._after):
            if before is not None:
                made[place] = click_and_conversion(columns[before], columns[place])[1]
        return tf.stack(made, axis=-1)

    def compute_loss(self, inputs: Mapping[str, Any], training: bool = False) -> tf.Tensor:
        """The loss of a batch of `batches`, a scalar."""
        scores, length = self.scored(inputs, training=training)
        loss = self.decay * length if training else tf.zeros(())
        for place, (label, head) in enumerate(zip(self.labels, self.heads, strict=True)):
            one = head(scores[:, place], inputs["labels"][:, place], inputs["list"])
            if self.doubt is not None:
                doubt = self.doubt[place]
                loss += tf.exp(-doubt) * one + doubt
            else:
                loss += label.weight * one
        return loss

    def scores(self, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        """The scores float32 `[m, L]` of examples, before calibration."""
        rows = np.asarray(rows, np.int64)
        found = [np.empty((0, len(self.labels)), np.float32)]
        for start in range(0, len(rows), AT_ONCE):
            make = self.reader.maker(rows[start : start + AT_ONCE])
            size = min(AT_ONCE, len(rows) - start)
            batch = make(tf.range(size, dtype=tf.int64), tf.constant([0, 0], tf.int64))
            found.append(self._scores(batch).numpy())
        return np.concatenate(found)

    def answers(self, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        """What each label's head makes of the scores, float32 `[m, L]`: probabilities, numbers."""
        return self.answered(self.scores(rows)).numpy()

    def answered(self, scores: tf.Tensor) -> tf.Tensor:
        """The answers `[…, L]` of scores."""
        columns = tf.unstack(tf.convert_to_tensor(scores), axis=-1)
        said = [head.answer(one) for head, one in zip(self.heads, columns, strict=True)]
        return tf.stack(said, axis=-1)

    def _begin_at_the_mean(self) -> None:
        """Has every label of yes and no begin at how often it is yes, after what it needs."""
        values = self.reader.shown.labels[self.reader.rows]
        for place, (label, head) in enumerate(zip(self.labels, self.network.heads, strict=True)):
            before = self._after[place]
            rows = values if before is None else values[values[:, before] > 0]
            known = rows[:, place][np.isfinite(rows[:, place])]
            if label.loss == "binary" and len(known):
                share = np.clip(known.mean(dtype=np.float64), 1e-4, 1 - 1e-4)
                head.bias.assign([np.log(share / (1 - share))])

    def _sides(self) -> Iterator[tuple[str, Fields]]:
        for name in ("users", "items", "context"):
            fields = getattr(self, name)
            if fields is not None:
                yield name, fields

    def _scores(self, batch: Mapping[str, Any]) -> tf.Tensor:
        if self._step is None:
            self.__dict__["_step"] = tf.function(self.__call__, reduce_retracing=True)
        return self._step(batch)


def _place(labels: Sequence[Label], name: str | None) -> int | None:
    return None if name is None else [label.name for label in labels].index(name)
