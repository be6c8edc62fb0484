"""Takes items one by one, so that a list is not all of a kind."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfmm.config.names import did_you_mean
from tfmm.data.catalog import Catalog
from tfmm.data.columns import CategoryColumn
from tfmm.index.lookup import row_table

#: Of what fills an answer up.
LOWEST = float(np.finfo(np.float32).min)
#: How far apart items lie that are free, that are past a cap, that pad, and that were taken: more
#: than the worth of any two within one of these differs.
_TIER = 4.0


class Spread(tf.Module):
    """Puts candidates in order by what they are worth and by what is before them.

    By maximal marginal relevance over vectors (Carbonell and Goldstein, SIGIR 1998), and with no
    more than so many items of one category; items that would be more come after all others, so that
    a list is full where there are enough candidates.

    Args:
        k: items of a list.
        diversity: from 0, the order of the candidates, to below 1: how much of an item's place is
            how unlike it is to those before it.
        caps: the most items of each value, by category feature. Items without a value are free.
        items: the catalogue that has these features.
        vectors: gives `embedding` float32 `[M, D]` of `item_id` string `[M]`; needed for
            `diversity` alone.

    Raises:
        ValueError: a feature that there is not or that is no category.
    """

    def __init__(
        self,
        k: int,
        diversity: float,
        caps: Mapping[str, int],
        items: Catalog,
        vectors: Callable[..., Any] | None,
    ) -> None:
        super().__init__(name="spread")
        self.k, self.diversity, self.vectors = k, diversity, vectors
        categories = {
            name: column
            for name, column in items.features.items()
            if isinstance(column, CategoryColumn)
        }
        for name in caps:
            if name not in categories:
                raise ValueError(
                    f"`cap` counts items by a category of theirs, and {name!r} is none."
                    f"{did_you_mean(name, categories)} There are: "
                    f"{', '.join(sorted(categories)) or 'none'}."
                )
        self.caps = list(caps.values())
        self.ids, self.codes = None, None
        if caps:
            # Lives as long as the table that is read from it when it is saved.
            self._folder = tempfile.TemporaryDirectory(prefix="tfmm-ids-")
            self.ids = row_table(list(items.ids), Path(self._folder.name) / "capped.txt")
            codes = np.stack([categories[name].codes for name in caps], axis=1)
            # The last row is that of an item that is not in the table.
            codes = np.vstack([codes, np.full((1, len(caps)), -1)]).astype(np.int32)
            self.codes = tf.Variable(codes, trainable=False, name="codes")

    def places(self, ids: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
        """Places int32 `[B, K]` among candidates string `[B, M]`, best first by scores float32
        `[B, M]`, of which the lowest are padding."""
        count = tf.shape(ids)[1]
        there = scores > LOWEST
        # By its place among the candidates, so that no label's scale decides.
        worth = 1.0 - tf.cast(tf.range(count), tf.float32)[None] / tf.cast(count, tf.float32)
        worth = (1.0 - self.diversity) * worth - 2 * _TIER * tf.cast(~there, tf.float32)
        found, codes = self._vectors(ids), self._codes(ids)
        alike = tf.zeros_like(scores)
        taken, full = tf.zeros_like(there), tf.zeros_like(there)
        same = [tf.zeros_like(ids, tf.int32) for _ in self.caps]
        chosen = []
        for _ in range(self.k):
            left = worth - self.diversity * alike - _TIER * tf.cast(full, tf.float32)
            # A request with fewer candidates than K repeats none: they sink below padding.
            left -= 4 * _TIER * tf.cast(taken, tf.float32)
            at = tf.argmax(left, axis=1, output_type=tf.int32)
            chosen.append(at)
            if found is not None:
                now = tf.gather(found, at, batch_dims=1)
                alike = tf.maximum(alike, tf.einsum("bnd,bd->bn", found, now))
            for n, cap in enumerate(self.caps):
                own = codes[:, :, n]
                now = tf.gather(own, at, batch_dims=1)[:, None]
                same[n] += tf.cast((own == now) & (own >= 0), tf.int32)
                full |= same[n] >= cap
            taken |= tf.one_hot(at, count, on_value=True, off_value=False, dtype=tf.bool)
        return tf.stack(chosen, axis=1)

    def _vectors(self, ids: tf.Tensor) -> Any:
        if self.vectors is None:
            return None
        found = self.vectors(item_id=tf.reshape(ids, [-1]))["embedding"]
        shape = tf.concat([tf.shape(ids), [found.shape[1]]], axis=0)
        return tf.math.l2_normalize(tf.reshape(found, shape), axis=2)

    def _codes(self, ids: tf.Tensor) -> Any:
        if self.ids is None:
            return None
        rows = self.ids.lookup(ids)
        return tf.gather(
            self.codes, tf.where(rows < 0, tf.shape(self.codes, tf.int64)[0] - 1, rows)
        )
