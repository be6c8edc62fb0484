"""Refuses answers that hold what a request rules out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]


def check_answer(
    servable: Any, inputs: Arrays, answer: Arrays, ask: Callable[[Arrays], Arrays]
) -> None:
    """Refuses lists of items with one that the request or the shopper's past rules out, or twice.

    Args:
        servable: knows items, filters and pasts.
        inputs, answer: of a signature, by name.
        ask: asks the written signature again: the best items, excluded, must not come back.

    Raises:
        AssertionError: naming some of the items.
    """
    if "item_id" not in answer:
        return
    _check_left_out(servable, inputs, answer["item_id"], "items")
    if "exclude" in inputs:
        best = answer["item_id"][:, : servable.exclude_size]
        again = {**inputs, "exclude": inputs["exclude"].copy()}
        again["exclude"][:, : best.shape[1]] = best
        _check_left_out(servable, again, ask(again)["item_id"], "excluded items")


def _check_left_out(servable: Any, inputs: Arrays, found: NDArray[Any], what: str) -> None:
    ruled_out = [_texts(inputs[name]) for name in ("exclude", "history") if name in inputs]
    if "item_id" in inputs:
        ruled_out.append(_texts(inputs["item_id"][:, np.newaxis]))
    if "user_id" in inputs:
        ruled_out.append(_texts(servable.seen_items(inputs["user_id"]).to_tensor("").numpy()))
    rows = servable.item_rows(tf.constant(found, tf.string)).numpy()
    allow = inputs.get("allow", np.full((len(found), 1), "", object))
    allowed = servable.filters.mask(tf.constant(allow, tf.string)).numpy()
    for i, ids in enumerate(_texts(found)):
        real = [item for item in ids if item]
        wrong = set(real) & {item for columns in ruled_out for item in columns[i]}
        pairs = zip(ids, rows[i], strict=True)
        wrong |= {item for item, row in pairs if item and (row < 0 or not allowed[i, row])}
        wrong |= {item for item in real if real.count(item) > 1}
        if wrong:
            raise AssertionError(f"{what} came back that should not: {sorted(wrong)[:5]}")


def _texts(values: NDArray[Any]) -> list[list[str]]:
    """Rows of ids, given as text or as its UTF-8 bytes, as text."""
    return [[v.decode() if isinstance(v, bytes) else str(v) for v in row] for row in values]
