"""Makes a ranker for a training part."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmm.data.batches.pipeline import FeatureColumns
from tfmm.encoders.choice import make_encoders
from tfmm.encoders.raw import check_embedder
from tfmm.layers.fields import Fields
from tfmm.layers.modalities import build_modalities
from tfmm.tasks.ranking.model import Ranker
from tfmm.tasks.ranking.network.losses import LabelHead
from tfmm.tasks.ranking.network.network import Network, reads_history
from tfmm.tasks.ranking.network.numbers import edges_of
from tfmm.tasks.ranking.network.towers import Towers
from tfmm.tasks.ranking.reading.histories import Histories
from tfmm.tasks.ranking.reading.rates import Rates
from tfmm.tasks.ranking.reading.reader import Reader
from tfmm.tasks.ranking.retrieved.vectors import Retrieved
from tfmm.tasks.ranking.told import Told, scale_of


class Builder(Told):
    """Makes readers and untrained rankers of what the tables tell."""

    def histories(self, sources: NDArray[np.int64]) -> Histories | None:
        """What shoppers met of these examples, where a block reads it."""
        if self.window is None and not reads_history(self.blocks):
            return None
        made, label = self.shown, self.past_label
        values = None
        sources = sources[sources < made.events]
        if label is None:
            sources = sources[np.isfinite(self._numbers[sources])]
            assert self.values is not None
            middle, spread = self.values
            values = np.nan_to_num((self._numbers - middle) / max(spread, 1e-6)).astype(np.float32)
        else:
            sources = sources[made.labels[sources, label] > 0]
        size, users = self.config.history.size, len(self.data.users)
        return Histories(made, sources, values, size, users, self.ordered)

    def rates(self, sources: NDArray[np.int64]) -> Rates:
        """What labels were given in these examples."""
        smoothing = self.config.rates.smoothing
        return Rates(
            self.shown,
            self.keys,
            sources,
            self.labels,
            smoothing=smoothing,
            ordered=self.ordered,
            recent=self.config.rates.recent,
        )

    def reader(
        self,
        sources: NDArray[np.int64],
        columns: Mapping[str, FeatureColumns],
        rows: NDArray[np.int64] | None = None,
        retrieved: Retrieved | None = None,
    ) -> Reader:
        """What makes batches, its histories and rates made of some examples."""
        return Reader(
            self.shown,
            columns["items"],
            columns["users"],
            columns["context"],
            sources,
            self.histories(sources),
            self.rates(sources),
            rows,
            retrieved,
            reads_history(self.blocks),
        )

    def reader_now(self, reader: Reader) -> Reader:
        """The same reader, its histories and rates made of all that there is."""
        known = self.told
        sources = known if self.window is not None else np.sort(self.shown.of(known))
        return self.reader(sources, reader.columns, retrieved=reader.retrieved)

    def reader_at_begin(self, reader: Reader) -> Reader:
        """The same reader, its histories and rates made of what a retrieval run learned from before
        it was chosen."""
        assert self.window is not None
        sources = self.sources(reader.rows)
        assert self.shown.time is not None
        sources = sources[self.shown.time[sources] < self.window.begin]
        return self.reader(sources, reader.columns, retrieved=reader.retrieved)

    def sources(self, events: NDArray[np.int64]) -> NDArray[np.int64]:
        """The examples that histories and rates are made of, for some events to learn from: these,
        or beside a retrieval run all that it had met when its test began."""
        made, window = self.shown, self.window
        if window is None:
            return np.sort(made.of(events))
        assert made.time is not None
        told = self.told
        return told[made.time[told] < window.test]

    def build(
        self, events: NDArray[np.int64], states: Mapping[str, Any] | None, cache: Path | None
    ) -> Ranker:
        """The untrained ranker for some events to learn from."""
        config, made = self.config, self.shown
        dim = config.network.dim
        fields: dict[str, Fields] = {}
        columns = {}
        for name, catalog in self.sides.items():
            encoders, columns[name] = build_modalities(
                catalog,
                self.chosen(name),
                dim=dim,
                states=(states or {}).get(name),
                cache=cache if name == "items" else None,
            )
            id = self.has_ids(name)
            if encoders or id:
                drop = getattr(getattr(config, name), "id_dropout", 0.0)
                # Events have no rows to remember: each step sees its own.
                height = 0 if name == "context" else len(catalog)
                fields[name] = Fields(
                    encoders, height, dim, id=id, id_dropout=drop, name=f"{name}_fields"
                )
        learned = np.sort(made.of(events))
        retrieved = self.kept
        if retrieved is None and config.vectors is not None:
            retrieved = self.finder.before
        reader = self.reader(self.sources(events), columns, rows=learned, retrieved=retrieved)
        for name, rows in (("users", made.user[events]), ("items", made.item[learned])):
            if fields[name].id:
                fields[name].know(np.unique(rows))
        values = made.labels[learned].astype(np.float64)
        heads = [
            LabelHead(label, *scale_of(values[:, at])) if label.numeric else LabelHead(label)
            for at, label in enumerate(self.labels)
        ]
        return Ranker(
            fields["users"],
            fields["items"],
            fields.get("context"),
            Network(self.blocks, dim, len(self.labels)),
            self.labels,
            heads,
            reader,
            edges_of(reader.numbers(learned)),
            decided=self.decided,
            towers=None if retrieved is None else self._towers(retrieved),
            decay=config.train.decay,
            learned_weights=config.train.weights == "learned",
        )

    def _towers(self, retrieved: Retrieved) -> Towers:
        # A second stage begins with the order that it is given.
        trust = float(self.config.negatives.by == "retrieval")
        return Towers(self.config.network.dim, retrieved.numbers, len(self.labels), trust)

    def check(self) -> None:
        """Refuses what could not be built, before anything is trained.

        Raises:
            RunFileError, ValueError: the message names the key.
        """
        _ = self.labels, self.blocks, self.keys, self.past_label
        for name, catalog in self.sides.items():
            for encoder in make_encoders(
                catalog, self.chosen(name), self.config.network.dim
            ).values():
                check_embedder(encoder)
