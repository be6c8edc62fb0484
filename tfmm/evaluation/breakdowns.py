"""Breakdowns: for whom, and for which items, a ranking is good."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from tfmm.evaluation.metrics import PerUser


def by_user_group(
    values: PerUser, n_test: NDArray[np.integer], n_train: NDArray[np.integer]
) -> dict[str, dict[str, float]]:
    """Means over warm users and over new users, who have no training items.

    Args:
        values: metrics of each user, float64 `[U]`.
        n_test: `[U]`; users without test items count nowhere.
        n_train: `[U]`, training items.

    Returns:
        `{"warm": {"recall@20": ..., "users": n}, "new": ...}`; a group without users is left out.
    """
    groups = {"warm": (n_test > 0) & (n_train > 0), "new": (n_test > 0) & (n_train == 0)}
    return {
        name: {
            **{metric: float(value[member].mean()) for metric, value in values.items()},
            "users": int(member.sum()),
        }
        for name, member in groups.items()
        if member.any()
    }


def popularity_deciles(item_counts: NDArray[np.integer]) -> NDArray[np.int8]:
    """int8 `[N]`: 1 for the tenth of the items with the fewest training users up to 10 for the
    most.

    Only items with training users are divided, equally, those of equal counts by row; the others
    are 0.
    """
    decile = np.zeros(len(item_counts), np.int8)
    trained = np.flatnonzero(item_counts)
    order = trained[np.argsort(item_counts[trained], kind="stable")]
    decile[order] = 1 + np.arange(len(order)) * 10 // max(len(order), 1)
    return decile


def by_popularity(
    ranked: NDArray[np.int32],
    found: NDArray[np.bool_],
    truth: sp.csr_matrix,
    item_counts: NDArray[np.integer],
    ks: Sequence[int],
) -> list[dict[str, Any]]:
    """Recall by the training popularity of the test items.

    Args:
        ranked: int32 `[U, K]`.
        found: bool `[U, K]` from `metrics.hits`.
        truth: sparse `[U, N]`, test items.
        item_counts: `[N]`, training users of each item.
        ks: list lengths.

    Returns:
        For each decile with test items `{"decile": 1..10, "items": n, "test_items": n,
        "recall@20": ...}`, least popular first; recall is hits / test items of the decile, over all
        users together. Decile 0 holds items without training users.
    """
    decile = popularity_deciles(item_counts)
    items = np.bincount(decile, minlength=11)
    tests = np.bincount(decile[truth.indices], minlength=11)
    rows: list[dict[str, Any]] = [
        {"decile": i, "items": int(items[i]), "test_items": int(tests[i])} for i in range(11)
    ]
    for k in ks:
        hit = np.bincount(decile[ranked[:, :k][found[:, :k]]], minlength=11)
        for row, count in zip(rows, hit, strict=True):
            row[f"recall@{k}"] = float(count / max(row["test_items"], 1))
    return [row for row in rows if row["test_items"]]
