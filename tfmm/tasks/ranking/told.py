"""What a ranker's run file and the shop's tables say, before there is a network."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmm.baselines.labels import Table
from tfmm.data.catalog import Catalog
from tfmm.data.columns import CategoryColumn
from tfmm.data.shop import ShopData
from tfmm.encoders import registry
from tfmm.tasks.config import RunFileError
from tfmm.tasks.ranking.baselines import table_of
from tfmm.tasks.ranking.config import RankingConfig
from tfmm.tasks.ranking.decided import Decided
from tfmm.tasks.ranking.network.network import blocks_of
from tfmm.tasks.ranking.reading.examples import Shown, shown
from tfmm.tasks.ranking.reading.labels import Label, labels_of, values_of
from tfmm.tasks.ranking.reading.parts import EventParts, parts_of
from tfmm.tasks.ranking.reading.rates import Codes, keys_of, same_keys
from tfmm.tasks.ranking.reading.reader import clock_columns
from tfmm.tasks.ranking.reading.suspects import suspects
from tfmm.tasks.ranking.retrieved.finder import Finder
from tfmm.tasks.ranking.retrieved.hard import Lists, with_found
from tfmm.tasks.ranking.retrieved.vectors import Retrieved
from tfmm.tasks.ranking.retrieved.window import Window

#: Examples to each of an id or category, on average, from which on it has an embedding of its own.
ENOUGH = 30


class Told:
    """What the tables tell, whatever part is learned from: labels, examples, and what may be read.

    Args:
        config: the run file.
        data: the shop's tables.
        saved: what an earlier training decided, in place of what these tables would.
    """

    def __init__(self, config: RankingConfig, data: ShopData, saved: Decided | None = None) -> None:
        self.config, self.data, self.saved = config, data, saved
        #: What a saved ranker kept of its retrieval run.
        self.kept: Retrieved | None = None

    @cached_property
    def finder(self) -> Finder:
        """The retrieval run that is learned from."""
        assert self.config.vectors is not None
        return Finder(self.config.vectors, self.data, self.config.history.size)

    @property
    def window(self) -> Window | None:
        """The parts of the retrieval run; None without."""
        if self.kept is not None:
            return self.kept.window
        return None if self.config.vectors is None else self.finder.window

    @cached_property
    def _labelled(self) -> tuple[tuple[Label, ...], NDArray[np.float32]]:
        if self.saved is not None:
            labels = self.saved.labels
            return labels, values_of(self.data.examples, [label.name for label in labels])
        return labels_of(self.data.examples, self.config.labels)

    @cached_property
    def decided(self) -> Decided:
        """What the run keeps of all this."""
        if self.saved is not None:
            return self.saved
        return Decided(
            labels=self.labels,
            encoders={name: self.chosen(name) for name in self.sides},
            ids={name: self.has_ids(name) for name in self.sides},
            rates=tuple(tuple((one.source, one.name) for one in key) for key in self.keys.values()),
            ordered=self.ordered,
            values=self.values,
        )

    @property
    def labels(self) -> tuple[Label, ...]:
        """What is told."""
        return self._labelled[0]

    @cached_property
    def shown(self) -> Shown:
        """The examples, drawn items among them."""
        labels, values = self._labelled
        window, time, negatives = self.window, self.data.examples.time, self.config.negatives
        seed, events = self.config.split.seed, None
        if window is not None:
            parts = self.parts
            events = np.sort(np.concatenate([parts.train, parts.valid, parts.test]))
        made = shown(
            self.data.examples,
            labels,
            values,
            len(self.data.users),
            len(self.data.items),
            negatives,
            seed,
            events,
            None if window is None or time is None else window.known(time),
        )
        if events is None or window is None or self.kept:
            return made
        if not made.each or negatives.by != "retrieval":
            return made
        return with_found(made, self.lists, events, window, negatives, seed)

    def learnable(self, events: NDArray[np.integer]) -> NDArray[np.int64]:
        """Those of some events that are learned from, int64.

        Beside drawn items that retrieval finds these are such too: else a ranker would learn that
        what is bought is what is not found, and it is asked for what is found alone.

        Raises:
            RunFileError: the retrieval run finds none of them.
        """
        rows = np.asarray(events, np.int64)
        if self.kept or not self.shown.each or self.config.negatives.by != "retrieval":
            return rows
        user, item = self.shown.user[rows], self.shown.item[rows]
        found = (self.lists[0][user] == item[:, None]).any(axis=1)
        if not found.any():
            raise RunFileError(
                f"None of {len(rows):,} events is among the first {self.lists[0].shape[1]:,} "
                "items that the run of `vectors` finds: there is no order to learn. Give a larger "
                "`negatives.top`, or leave `negatives.by` out."
            )
        return rows[found]

    @cached_property
    def lists(self) -> Lists:
        """What the retrieval run finds for each shopper, see `Finder.lists`."""
        return self.finder.lists(self.config.negatives.top)

    @cached_property
    def parts(self) -> EventParts:
        """What is learned from, chosen on and tested on."""
        values, split = self._labelled[1], self.config.split
        if self.window is not None:
            return self.window.parts(self.data.examples, values, split.valid, split.seed)
        return parts_of(self.data.examples, values, split)

    @property
    def told(self) -> NDArray[np.int64]:
        """The events that say any label."""
        return np.flatnonzero(np.isfinite(self._labelled[1]).any(axis=1))

    @cached_property
    def ordered(self) -> bool:
        """Whether an example reads what came before it alone."""
        if self.saved is not None:
            return self.saved.ordered
        split, time = self.config.split, self.shown.time
        if self.window is not None:
            return True
        if split.ordered is not None:
            if split.ordered and time is None:
                raise RunFileError("`split.ordered` is true, but the events have no times.")
            return split.ordered
        if time is None or split.by == "random":
            return False
        if split.by == "column":
            later = time[self.parts.test] > time[self.parts.train].max()
            return bool(later.mean() > 0.9)
        return True

    @cached_property
    def context(self) -> Catalog:
        """What is told of events, a row each."""
        features = dict(self.shown.context)
        time = self.shown.time
        # What is bought after an instant is not bought at it.
        if time is not None and self.config.context.clock and self.window is None:
            features |= clock_columns(time[: self.shown.events])
        return Catalog(np.arange(self.shown.events).astype(str).astype(object), features)

    @property
    def sides(self) -> dict[str, Catalog]:
        """What examples have features of."""
        return {"users": self.data.users, "items": self.data.items, "context": self.context}

    def has_ids(self, name: str) -> bool:
        """Whether users or items have embeddings of their own."""
        if self.saved is not None:
            return self.saved.ids[name]
        if name == "context":
            return False
        given = getattr(self.config, name).id
        if given is None:
            count = len(self.parts.train) * (1 + self.shown.each)
            met = self.shown.user if name == "users" else self.shown.item
            given = count >= ENOUGH * len(np.unique(met[self.parts.train]))
        # Something must be read of them.
        return bool(given or not self.chosen(name))

    def chosen(self, name: str) -> dict[str, Any]:
        """Encoder by feature of users, items or the context."""
        if self.saved is not None:
            return dict(self.saved.encoders[name])
        given = getattr(self.config, name).encoders
        if given is not None:
            return dict(given)
        count = len(self.parts.train) * (1 + self.shown.each)
        return {
            feature: registry.default(column.kind)
            for feature, column in self.sides[name].features.items()
            if not isinstance(column, CategoryColumn) or count >= ENOUGH * len(column.vocabulary)
        }

    @cached_property
    def suspects(self) -> list[str]:
        """Columns of the context that tell a label almost alone, a line each."""
        shown = self.shown
        return suspects(shown.context, self.labels, shown.labels, self.parts.train)

    @cached_property
    def table(self) -> Table:
        """The examples as a learner of tables reads them."""
        return table_of(self.shown, self.data.users, self.data.items, self.context)

    @cached_property
    def keys(self) -> dict[str, tuple[Codes, ...]]:
        """What labels are counted under."""
        tables = self.data.users, self.data.items, self.shown.context
        if self.saved is not None:
            return same_keys(self.saved.rates, *tables)
        return keys_of(self.config.rates.of, *tables)

    @property
    def blocks(self) -> list[dict[str, Any]]:
        """Of the network."""
        return blocks_of(self.config.network)

    @cached_property
    def past_label(self) -> int | None:
        """The label that an item must have to be in a history; None for all that was met."""
        names = [label.name for label in self.labels]
        name = self.config.history.label
        if name is not None and name not in names:
            raise RunFileError(
                f"`history.label` must be one of the labels ({', '.join(names)}), got {name!r}."
            )
        at = 0 if name is None else names.index(name)
        return None if self.labels[at].numeric else at

    @cached_property
    def values(self) -> tuple[float, float] | None:
        """The mean and the deviation of the numbers in histories, where they have some."""
        if self.saved is not None:
            return self.saved.values
        if self.past_label is not None:
            return None
        return scale_of(self._numbers[self.parts.train].astype(np.float64))

    @property
    def _numbers(self) -> NDArray[np.float32]:
        """The first number that examples say, float32 `[m]`."""
        first = next(n for n, one in enumerate(self.labels) if one.numeric)
        return self.shown.labels[:, first]


def scale_of(values: NDArray[np.float64]) -> tuple[float, float]:
    """The mean and the deviation of the numbers that are there."""
    values = values[np.isfinite(values)]
    return (float(values.mean()), float(values.std())) if len(values) else (0.0, 1.0)
