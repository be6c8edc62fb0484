"""A table's texts as a model reads them, and what it makes of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.data.texts.queries import Queries
from tfmm.encoders.text.tokens import TokenEncoder
from tfmm.tasks.dialogue.labels import Labels
from tfmm.tasks.dialogue.model import Understander
from tfmm.tasks.dialogue.spans import tags_of
from tfmm.tasks.texts.batches import text_blocks


@dataclass(frozen=True, eq=False)
class Read:
    """The tokens of n texts.

    Attributes:
        ids: int32 `[n, T]` or `[n, T, P]`, see `tfmm.encoders.text.tokens.Tokens`.
        start, end: int32 `[n, T]`, their characters.
        lengths: int64 `[n]`, tokens of each text.
    """

    ids: NDArray[np.int32]
    start: NDArray[np.int32]
    end: NDArray[np.int32]
    lengths: NDArray[np.int64]

    @classmethod
    def of(cls, encoder: TokenEncoder, texts: NDArray[np.object_]) -> Read:
        """Those of an encoder that is adapted."""
        ids, start, end = encoder.tokens_of(texts)
        flat = ids if ids.ndim == 2 else ids.max(axis=2)
        there = (flat != encoder.padding) | (end > start)
        lengths = (there * np.arange(1, ids.shape[1] + 1)).max(axis=1)
        return cls(ids, start, end, np.maximum(lengths, 1).astype(np.int64))

    def tags(self, queries: Queries, labels: Labels) -> NDArray[np.int32]:
        """int32 `[n, T]`: the tag of each token, see `tags_of`; -1 of one without characters."""
        places = {name: at for at, name in enumerate(labels.slots)}
        tags = np.where(self.end > self.start, 0, -1).astype(np.int32)
        for row in np.flatnonzero([bool(slots) for slots in queries.slots]):
            made = tags_of(queries.slots[row], self.start[row], self.end[row], places)
            tags[row] = np.where(tags[row] < 0, -1, made)
        return tags

    def vectors(self, model: Understander, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        """The vectors of some texts, float32 `[len(rows), dim]`."""
        step = tf.function(lambda ids: model.read(ids)[0], reduce_retracing=True)
        found = np.zeros((len(rows), model.encoder.dim), np.float32)
        for places, block in text_blocks(rows, {"ids": self.ids}, self.lengths):
            found[places] = step(tf.constant(block["ids"])).numpy()
        return found

    def logits(self, model: Understander, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        """The logits of intents of some texts, float32 `[len(rows), C]`."""
        return understood(model, self, rows)[0]


def understood(
    model: Understander, read: Read, rows: NDArray[np.integer]
) -> tuple[NDArray[np.float32], list[list[tuple[str, int, int]]]]:
    """What a model makes of some texts.

    Returns:
        The logits of intents, float32 `[len(rows), C]`, and of each text its slots by name, first
        character and the one behind the last.
    """
    names = model.labels.slots
    logits = np.zeros((len(rows), len(model.labels.intents)), np.float32)
    spans: list[list[tuple[str, int, int]]] = [[] for _ in rows]
    step = model.traced_answer()
    arrays = {"ids": read.ids, "start": read.start, "end": read.end}
    for places, block in text_blocks(rows, arrays, read.lengths):
        answer = step(*(tf.constant(block[name]) for name in arrays))
        if model.labels.intents:
            logits[places] = answer["logits"].numpy()
        if names:
            found = [answer[key].to_list() for key in ("slot", "start", "end")]
            for place, *of_text in zip(places, *found, strict=True):
                of_slots = zip(*of_text, strict=True)
                spans[place] = [(names[slot], start, end) for slot, start, end in of_slots]
    return logits, spans
