"""Batches of items with what they can be asked by, for training search."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.data.batches.pipeline import FeatureColumns, Gather, RowInputs
from tfmm.data.rows import MappedRows


@dataclass(frozen=True)
class QueryColumns:
    """What the query towers read, a row an item.

    Attributes:
        columns: by feature, the prepared inputs `[n, …]` of each encoder of its tower.
        present: by feature, bool `[n]`, whether the item can be asked by it.
        groups: int32 `[n]`; items of one group are right for each other's queries.
    """

    columns: Mapping[str, Sequence[np.ndarray | MappedRows]]
    present: Mapping[str, NDArray[np.bool_]]
    groups: NDArray[np.int32]


def same_text(texts: Sequence[str] | NDArray[np.object_]) -> NDArray[np.int32]:
    """The group of each text, int32 `[n]`: equal but for case and punctuation; "" is alone."""
    place: dict[str, int] = {}
    found = np.empty(len(texts), np.int32)
    for row, text in enumerate(texts):
        plain = " ".join(re.split(r"[\W_]+", str(text).casefold())).strip()
        found[row] = place.setdefault(plain or f"\0{row}", row)
    return found


def held_out(
    groups: NDArray[np.integer], valid: float, test: float, seed: int = 1
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows whose whole groups are drawn for validation and for the test, each ascending.

    Args:
        groups: int `[n]`, the group of each row.
        valid, test: share of the rows, met as closely as whole groups allow.
        seed: of the draw.

    Raises:
        ValueError: shares out of range, or that leave nothing to train on.
    """
    if min(valid, test) < 0 or valid + test >= 1:
        raise ValueError(
            f"valid and test must be 0 or more and below 1 together, got {valid} and {test}."
        )
    distinct, member = np.unique(groups, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(distinct))
    count = np.cumsum(np.bincount(member, minlength=len(distinct))[order])
    stops = np.searchsorted(count, [test * len(groups), (test + valid) * len(groups)], side="left")
    stops = np.minimum(stops + (np.array([test, test + valid]) > 0), len(distinct))
    part = np.zeros(len(distinct), np.int8)
    part[order[: stops[1]]] = 1
    part[order[: stops[0] if test else 0]] = 2
    if not valid:
        part[part == 1] = 0
    if not (part == 0).any():
        raise ValueError(
            f"valid={valid} and test={test} leave none of {len(distinct)} groups of items to train "
            "on; lower them."
        )
    return np.flatnonzero(part[member] == 1), np.flatnonzero(part[member] == 2)


def aligned_batches(
    rows: NDArray[np.integer],
    items: FeatureColumns,
    queries: QueryColumns,
    *,
    batch_size: int = 512,
    classes: NDArray[np.integer] | None = None,
    block: int = 1,
    seed: int = 1,
    steps: int | None = None,
    first_pass: int = 0,
) -> tf.data.Dataset:
    """Items in shuffled batches; a pass over the dataset is `steps` of them.

    Every pass goes on where the one before ended, in an order that is a function of `seed` and the
    number of the pass alone, so that a resumed training (`first_pass`) sees what an unbroken one
    would have seen. With `block` above 1, items
    of one class stand together in blocks of that size, which are then shuffled: the others of its
    block are an item's hard negatives.

    Args:
        rows: the items to learn from.
        items: what the item tower reads.
        queries: what the query towers read.
        batch_size: items a batch; what is left over at an epoch's end is left out.
        classes: int `[n_items]`, the class of each item; needed for `block`.
        block: items of one class that stand together.
        seed: of the order.
        steps: batches of a pass; as many as the rows fill if None.
        first_pass: the number of the first pass.

    Returns:
        A dataset of dictionaries: `items` int32 `[B]`, `present` bool `[B, M]`, `features` {name:
        `[B, …]`}, `encode` {name: {`at`, `inputs`}} of all items for heavy encoders, `queries`
        {feature: (`[B, …]`, …)}, `asked` {feature: bool `[B]`}, `groups` int32 `[B]`.

    Raises:
        ValueError: fewer than two rows, or sizes out of range.
    """
    if len(rows) < 2:
        raise ValueError(f"Alignment needs two items or more to learn from, got {len(rows)}.")
    if batch_size < 2 or block < 1:
        raise ValueError(
            f"batch_size must be at least 2 and block at least 1, got {batch_size} and {block}."
        )
    if block > 1 and classes is None:
        raise ValueError("`block` needs the items' `classes`; without them leave it at 1.")
    size = min(batch_size, len(rows))
    inputs = RowInputs(items)
    asked = {name: [Gather(c) for c in columns] for name, columns in queries.columns.items()}
    there = {name: tf.constant(present) for name, present in queries.present.items()}
    groups = tf.constant(queries.groups, tf.int32)

    count = len(rows) // size
    length = count if steps is None else steps
    passes = itertools.count(first_pass)

    def one_pass() -> Iterator[NDArray[np.int32]]:
        first = next(passes) * length
        for step in range(first, first + length):
            if step == first or step % count == 0:
                order = _order(rows, classes, block, (seed, step // count))
            start = step % count * size
            yield order[start : start + size].astype(np.int32)

    def batch(chosen: tf.Tensor) -> dict:
        return {
            **inputs.of_items(chosen),
            "queries": {name: tuple(one(chosen) for one in many) for name, many in asked.items()},
            "asked": {name: tf.gather(known, chosen) for name, known in there.items()},
            "groups": tf.gather(groups, chosen),
        }

    chosen = tf.data.Dataset.from_generator(
        one_pass, output_signature=tf.TensorSpec([size], tf.int32)
    )
    batches = chosen.map(batch, num_parallel_calls=2, deterministic=True)
    return batches.apply(tf.data.experimental.assert_cardinality(length)).prefetch(2)


def _order(
    rows: NDArray[np.integer],
    classes: NDArray[np.integer] | None,
    block: int,
    key: tuple[int, int],
) -> NDArray[np.integer]:
    rng = np.random.default_rng(key)
    order = rng.permutation(rows)
    if block == 1 or classes is None:
        return order
    order = order[np.argsort(classes[order], kind="stable")]
    blocks = np.array_split(order, -(-len(order) // block))
    return np.concatenate([blocks[place] for place in rng.permutation(len(blocks))])
