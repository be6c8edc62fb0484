"""How much of one servable's answers another finds again."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

_BATCH = 128


def agreement(servable: Any, reference: Any, sample: int = 1000, seed: int = 1) -> dict[str, float]:
    """Recall of a servable's answers against another's, over sampled users.

    Each user's best items of `reference` are what should be found. In a shop without users,
    items stand in for them and `similar_items` is asked.

    Args:
        servable: whose answers are judged, of the same users, items and k.
        reference: whose answers are right.
        sample: the most users to ask.
        seed: of the choice of users.

    Returns:
        `recall@10` where k is above 10, `recall@K`, and `users` (or `items`), how many were asked.
    """
    ids, kind = (
        (reference.user_ids, "users") if reference.n_users else (reference.item_ids, "items")
    )
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(len(ids), min(sample, len(ids)), replace=False))
    asked = [ids[row] for row in chosen]
    found, expected = _answers(servable, asked, kind), _answers(reference, asked, kind)
    k = reference.k
    depths = [10, k] if k > 10 else [k]
    recall = {f"recall@{depth}": _recall(found, expected, depth) for depth in depths}
    return {**recall, kind: len(asked)}


def _answers(servable: Any, asked: list[str], kind: str) -> np.ndarray:
    parts = []
    for start in range(0, len(asked), _BATCH):
        ids = tf.constant(asked[start : start + _BATCH])
        if kind == "users":
            answer = servable.serving_default(ids)
        else:
            nothing = [tf.fill([len(ids), width], "") for width in (1, 1)]
            answer = servable.similar_items(ids, *nothing)
        parts.append(answer["item_id"].numpy())
    return np.concatenate(parts)


def _recall(found: np.ndarray, expected: np.ndarray, depth: int) -> float:
    """The mean share of the `depth` expected ids that are among the `depth` found."""
    shares = []
    for mine, right in zip(found[:, :depth], expected[:, :depth], strict=True):
        wanted = {item for item in right if item}
        if wanted:
            shares.append(len(wanted.intersection(mine)) / len(wanted))
    return float(np.mean(shares)) if shares else 1.0
