"""Training search: which items it learns from, the batches, hubs, and how well it finds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.data.aligned import aligned_batches, held_out
from tfmm.data.columns import CategoryColumn
from tfmm.data.files import replacing
from tfmm.data.shop import ShopData
from tfmm.encoders.near_copies import near_copies
from tfmm.tasks.config import RunFileError
from tfmm.tasks.search.hubness import hub_bias
from tfmm.tasks.search.measure import same_group, vector_metrics
from tfmm.tasks.search.queries import default_queries, text_groups

#: What choices are made on where there are no shoppers.
SEARCH_CHOICE = "search_recall@10"
HUBS = "hub_queries.npy"


def queries_of(config: Any, data: ShopData) -> dict[str, Any]:
    """The query towers that a configuration asks for, by feature; see `SearchConfig.queries`.

    Raises:
        RunFileError: the shop has no events, and nothing to search by either.
    """
    chosen = config.search.queries
    if chosen is None:
        chosen = default_queries(data.items) if data.shop.events is None else {}
    if data.shop.events is None and not chosen:
        raise RunFileError(
            f"{data.shop} has no events to learn recommending from, and the run file no "
            "`search.queries` to learn searching from. Give the shop file an `events` table, or "
            "its items a feature of kind text."
        )
    return chosen


@dataclass(frozen=True)
class SearchParts:
    """Item rows that search learns from, chooses by and is tested on; groups stay together."""

    train: NDArray[np.int64]
    valid: NDArray[np.int64]
    test: NDArray[np.int64]
    groups: NDArray[np.integer]

    def final_train(self) -> NDArray[np.int64]:
        """What the tested model is fitted on."""
        return np.sort(np.concatenate([self.train, self.valid]))


def search_parts(
    config: Any,
    data: ShopData,
    features: Iterable[str],
    warm: NDArray[np.bool_] | None = None,
) -> SearchParts:
    """Divides the catalogue; items of equal text or with the same file stay together.

    Args:
        config: its shares and seed.
        data: the shop's data.
        features: what the towers read; those that are texts or files keep items together.
        warm: bool `[n_items]`, False for items that nothing may be learned from.
    """
    names = dict.fromkeys(features)
    groups = text_groups(data.items, names)
    together = near_copies(data.items, names, groups)
    shares = config.search.valid, config.search.test
    valid, test = held_out(together, *shares, seed=config.split.seed)
    learned = np.ones(len(groups), bool) if warm is None else warm.copy()
    learned[valid] = learned[test] = False
    return SearchParts(np.flatnonzero(learned), valid, test, groups)


@dataclass(frozen=True)
class Aligned:
    """The search batches of a training; called with the number of the first epoch."""

    model: Any
    rows: NDArray[np.integer]
    config: Any
    classes: NDArray[np.integer] | None
    steps: int

    def __call__(self, first_epoch: int) -> tf.data.Dataset:
        assert self.model.queries is not None
        search = self.config.search
        return aligned_batches(
            self.rows,
            self.model.items,
            self.model.queries,
            batch_size=search.batch_size,
            classes=self.classes,
            block=search.hard_block if self.classes is not None else 1,
            seed=self.config.train.seed,
            steps=self.steps,
            first_pass=first_epoch,
        )


def aligned(
    config: Any,
    data: ShopData,
    model: Any,
    rows: NDArray[np.integer],
    steps: int | None = None,
) -> Aligned:
    """The search batches over some items; `steps` an epoch, or as many as the items fill.

    Raises:
        RunFileError: `search.hard_by` names no category feature.
    """
    name, classes = config.search.hard_by, None
    if name is not None:
        column = data.items.features.get(name)
        if not isinstance(column, CategoryColumn):
            raise RunFileError(
                f"`search.hard_by` must name a category feature of the items, got {name!r}."
            )
        classes = column.codes + 1
    own = max(1, len(rows) // min(config.search.batch_size, max(1, len(rows))))
    return Aligned(model, rows, config, classes, own if steps is None else steps)


def hub_queries(model: Any, config: Any, rows: NDArray[np.integer]) -> NDArray[np.float32] | None:
    """Vectors `[Q, dim]` of the distinct queries of some items, which hubs are found by."""
    if not config.search.hubness or model.queries is None:
        return None
    found = []
    for feature, present in model.queries.present.items():
        asked = np.asarray(rows)[present[rows]]
        _, first = np.unique(model.queries.groups[asked], return_index=True)
        asked = asked[np.sort(first)]
        if len(asked) > config.search.hub_queries:
            draw = np.random.default_rng(config.train.seed).permutation(len(asked))
            asked = asked[np.sort(draw[: config.search.hub_queries])]
        if len(asked):
            found.append(model.query_vectors(feature, asked))
    return np.concatenate(found) if found else None


def search_bias(
    config: Any, items: NDArray[np.float32], hubs: NDArray[np.float32] | None
) -> NDArray[np.float32] | None:
    """The correction for hubs that items are served with; None where there is none."""
    if hubs is None or not config.search.hubness:
        return None
    return hub_bias(items, hubs, config.search.hubness)


def measure_search(
    model: Any,
    config: Any,
    parts: SearchParts,
    rows: NDArray[np.integer],
    learned: NDArray[np.integer],
    *,
    refresh: bool = True,
) -> dict[str, dict[str, float]]:
    """How well items are found over the whole catalogue, by query feature.

    Args:
        model: fitted on `learned`.
        config, parts: as trained.
        rows: the items whose queries are asked.
        learned: the items whose queries tell the hubs.
        refresh: encode heavy features anew; False takes the vectors encoded last.
    """
    assert model.queries is not None
    items = model.item_vectors(refresh=refresh)
    bias = search_bias(config, items, hub_queries(model, config, learned))
    measured = {}
    for feature, present in model.queries.present.items():
        asked = np.asarray(rows)[present[rows]]
        if len(asked):
            measured[feature] = vector_metrics(
                model.query_vectors(feature, asked),
                items,
                same_group(parts.groups, asked),
                bias=bias,
            )
    return measured


def save_hubs(folder: Path, hubs: NDArray[np.float32] | None) -> None:
    """Keeps the queries `[Q, dim]` that hubs are found by, so that any later catalogue can be
    corrected."""
    if hubs is not None:
        with replacing(folder / HUBS) as aside:
            np.save(aside, hubs.astype(np.float16))


def load_hubs(folder: Path) -> NDArray[np.float32] | None:
    """What `save_hubs` kept, float32 `[Q, dim]`; None where nothing was."""
    path = folder / HUBS
    return np.load(path).astype(np.float32) if path.is_file() else None
