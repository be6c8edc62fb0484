"""Simple models beside a ranker, over the same examples and columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmm.baselines.content import content_vectors
from tfmm.baselines.labels import LABELS, Labelled, Table
from tfmm.baselines.ratings import RATINGS, Ratings
from tfmm.data.catalog import Catalog
from tfmm.data.columns import CategoryColumn, NumberColumn
from tfmm.evaluation.labels.compare import evaluate_label_baselines
from tfmm.evaluation.labels.summary import label_difference
from tfmm.tasks.ranking.reading.examples import Shown
from tfmm.tasks.ranking.reading.labels import Label

#: What a difference to the model is told of.
_COMPARED = {"binary": ("auc_within", "log_loss"), "rating": ("rmse",)}
USER, ITEM = "user id", "item id"


def names() -> list[str]:
    """All that a run file may ask for."""
    return list(dict.fromkeys([*RATINGS, *LABELS]))


def table_of(shown: Shown, users: Catalog, items: Catalog, context: Catalog) -> Table:
    """What a user would hand to a learner of tables: ids, categories and numbers of examples."""
    numbers: dict[str, NDArray[np.float32]] = {}
    categories: dict[str, NDArray[np.int32]] = {USER: shown.user, ITEM: shown.item}
    for where, catalog, rows in (
        ("user", users, shown.user),
        ("item", items, shown.item),
        ("context", context, shown.event),
    ):
        for name, column in catalog.features.items():
            if isinstance(column, CategoryColumn):
                categories[f"{where}.{name}"] = column.codes[rows]
            elif isinstance(column, NumberColumn):
                numbers[f"{where}.{name}"] = np.asarray(column.values, np.float32)[rows]
    count = len(shown)
    return Table(
        np.stack([*numbers.values()], axis=1) if numbers else np.zeros((count, 0), np.float32),
        np.stack([*categories.values()], axis=1).astype(np.int32),
        tuple(numbers),
        tuple(categories),
    )


def measured(
    label: Label,
    values: NDArray[np.float32],
    shown: Shown,
    table: Table,
    parts: Sequence[NDArray[np.int64]],
    asked: Sequence[str] | None,
    items: Catalog,
    n_users: int,
) -> dict[str, dict[str, Any]]:
    """What simple models reach on the test, with what they said there.

    Args:
        label: which.
        values: of all examples, float32 `[m]`, NaN where unknown.
        shown: the examples.
        table: their columns.
        parts: rows of training, validation and test.
        asked: names; None for all that fit.
        items: the catalogue.
        n_users: shoppers.

    Returns:
        By name as `evaluate_label_baselines`, with `said`.
    """
    train, valid, test = (part[np.isfinite(values[part])] for part in parts)
    group = shown.user[test]
    found: dict[str, dict[str, Any]] = {}

    def ratings(rows: NDArray[np.int64]) -> Ratings:
        return Ratings(shown.user[rows], shown.item[rows], values[rows], n_users, len(items))

    def labelled(rows: NDArray[np.int64]) -> Labelled:
        return Labelled(table.rows(rows), values[rows])

    if label.numeric and (mine := _asked(RATINGS, asked)):
        vectors = {"item_vectors": content_vectors(items)} if items.features else {}
        given = dict.fromkeys(("content", "hybrid"), vectors)
        found |= evaluate_label_baselines(
            RATINGS,
            "rating",
            ratings(train),
            ratings(valid),
            ratings(test),
            group,
            names=[name for name in mine if set(RATINGS[name].needs) <= set(given.get(name, {}))],
            params=given,
            said=True,
        )
    content = [n for n in (*table.number_names, *table.category_names) if n.startswith("item.")]
    learners = [
        name
        for name in _asked(LABELS, asked)
        if name not in found and (content or "columns" not in LABELS[name].needs)
    ]
    every = {"user": USER, "item": ITEM, "columns": content}
    params = {name: {key: every[key] for key in LABELS[name].needs} for name in learners}
    return found | evaluate_label_baselines(
        LABELS,
        label.kind,
        labelled(train),
        labelled(valid),
        labelled(test),
        group,
        names=learners,
        params=params,
        said=True,
    )


def compared(
    label: Label,
    said: NDArray[np.floating],
    others: Mapping[str, Mapping[str, Any]],
    true: NDArray[np.floating],
    group: NDArray[np.integer],
) -> dict[str, dict[str, Any]]:
    """How much better the model is than each, with the interval of a paired bootstrap.

    Args:
        label: which.
        said: the model's answers to the examples of the test that say it.
        others: what `measured` gave.
        true, group: labels and shoppers of these examples.
    """
    return {
        name: {
            metric: label_difference(metric, said, row["said"], true, group)
            for metric in _COMPARED[label.kind]
        }
        for name, row in others.items()
        if "said" in row
    }


def _asked(models: Mapping[str, Any], asked: Sequence[str] | None) -> list[str]:
    return [name for name in models if asked is None or name in asked]
