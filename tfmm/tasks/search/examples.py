"""Training search: which items it learns from, the batches, and how well it finds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.data.batches.aligned import aligned_batches, held_out
from tfmm.data.catalog import Catalog
from tfmm.data.columns import CategoryColumn
from tfmm.data.shop import ShopData
from tfmm.encoders.near_copies import near_copies
from tfmm.tasks.base import RowParts
from tfmm.tasks.config import RunFileError
from tfmm.tasks.search.hubness import hub_queries, search_bias
from tfmm.tasks.search.measure import same_group, vector_metrics
from tfmm.tasks.search.queries import default_queries, text_groups

#: What choices are made on where there are no shoppers.
SEARCH_CHOICE = "search_recall@10"


def queries_of(config: Any, data: ShopData) -> dict[str, Any]:
    """The query towers that a configuration asks for, by feature; see `SearchConfig.queries`.

    Raises:
        RunFileError: there is nothing to search by.
    """
    chosen = config.search.queries
    if chosen is None:
        chosen = default_queries(data.items)
    if not chosen:
        why = "no feature of kind text, and the run file no `search.queries`"
        if data.shop.events is None:
            raise RunFileError(
                f"{data.shop} has no events to learn recommending from, its items {why} to learn "
                "searching from. Give the shop file an `events` table, or its items a text."
            )
        raise RunFileError(
            f"There is nothing to search {data.shop} by: its items have {why}. Name a feature of "
            "kind text, image or audio in `search.queries`."
        )
    return chosen


@dataclass(frozen=True, eq=False, kw_only=True)
class SearchParts(RowParts):
    """Item rows that search learns from, chooses by and is tested on; groups stay together.

    Attributes:
        groups: int `[n_items]`; items of one group are right for each other's queries.
    """

    groups: NDArray[np.integer]


def read_by(config: Any, data: ShopData, queries: Iterable[str]) -> list[str]:
    """The item features that query towers or the item tower read."""
    chosen = config.items.encoders
    return [*queries, *(data.items.features if chosen is None else chosen)]


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
    return SearchParts(train=np.flatnonzero(learned), valid=valid, test=test, groups=groups)


def search_batches(
    config: Any,
    data: ShopData,
    model: Any,
    rows: NDArray[np.integer],
    *,
    steps: int | None = None,
    first_epoch: int = 0,
) -> tf.data.Dataset:
    """The batches of search over some items.

    Args:
        config: its sections `search` and `train`.
        data: the shop's data.
        model: with query towers.
        rows: the items that are learned from.
        steps: batches an epoch; as many as the items fill if None.
        first_epoch: the number of the first epoch, from 0.

    Raises:
        RunFileError: `search.hard_by` names no category feature.
    """
    search = config.search
    classes = classes_by(search.hard_by, "search.hard_by", data.items)
    return aligned_batches(
        rows,
        model.items,
        model.queries,
        batch_size=search.batch_size,
        classes=classes,
        block=search.hard_block if classes is not None else 1,
        seed=config.train.seed,
        steps=epoch_of(config, rows)[0] if steps is None else steps,
        first_pass=first_epoch,
    )


def classes_by(name: str | None, key: str, items: Catalog) -> NDArray[np.integer] | None:
    """The class of each item by a feature that a run file names; None where it names none.

    Args:
        name: the feature.
        key: the key that names it.
        items: the catalogue.

    Returns:
        int `[n_items]`, 0 for items without one.

    Raises:
        RunFileError: it is no category feature.
    """
    if name is None:
        return None
    column = items.features.get(name)
    if not isinstance(column, CategoryColumn):
        known = [n for n, c in items.features.items() if isinstance(c, CategoryColumn)]
        raise RunFileError(
            f"`{key}` must name a category feature of the items, got {name!r}; there are: "
            f"{', '.join(known) or 'none'}."
        )
    return column.codes + 1


def epoch_of(config: Any, rows: NDArray[np.integer]) -> tuple[int, int]:
    """The batches that some items fill, and the items in a batch."""
    size = max(1, min(config.search.batch_size, len(rows)))
    return max(1, len(rows) // size), size


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


def search_row(measured: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """What `measure_search` found by the first feature, under names of its own."""
    first = next(iter(measured.values()))
    names = {SEARCH_CHOICE: "recall@10", "search_mrr": "mrr"}
    return {name: first[key] for name, key in names.items() if key in first}
