"""The labels of a catalogue: which there are, and which items have them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfmm.data.catalog import Catalog
from tfmm.data.columns import CategoryColumn, TagsColumn
from tfmm.tasks.config import RunFileError


@dataclass(frozen=True, eq=False)
class Labels:
    """What items are labelled with.

    Attributes:
        names: the labels, the most frequent first.
        has: bool `[n_items, C]`, the labels of each item.
        several: whether an item may have several.
        labelled: bool `[n_items]`, the items that say what they are. Of tags, an item without any
            is one that has none of them.
        rare: items left out because too few have their label.
    """

    names: tuple[str, ...]
    has: NDArray[np.bool_]
    several: bool
    labelled: NDArray[np.bool_]
    rare: int

    @property
    def codes(self) -> NDArray[np.int32]:
        """int32 `[n_items]`, the label of each item, -1 without one; where there is one an item."""
        return np.where(self.labelled, self.has.argmax(axis=1), -1).astype(np.int32)


def labels_of(
    items: Catalog, feature: str, min_items: int = 1, names: tuple[str, ...] | None = None
) -> Labels:
    """The labels that a feature gives.

    Args:
        items: the catalogue.
        feature: a category or tags.
        min_items: labels of fewer items are left out.
        names: the labels that there are, of a model that was trained before.

    Raises:
        RunFileError: the feature is none of these kinds, or leaves fewer than two labels.
    """
    column = items.features.get(feature)
    if not isinstance(column, CategoryColumn | TagsColumn):
        kinds = [n for n, c in items.features.items() if c.kind in ("category", "tags")]
        what = f"of kind {column.kind!r}" if column is not None else "no feature of the items"
        raise RunFileError(
            f"`label.feature` must name a category or tags, but {feature!r} is {what}; there are: "
            f"{', '.join(kinds) or 'none'}."
        )
    has = _matrix(column)
    vocabulary = np.array([str(value) for value in column.vocabulary], object)
    if names is None:
        counts = has.sum(axis=0)
        order = np.argsort(-counts, kind="stable")
        kept = order[counts[order] >= max(1, min_items)]
    else:
        place = {value: code for code, value in enumerate(vocabulary)}
        extended = np.concatenate([has, np.zeros((len(has), 1), bool)], axis=1)
        kept = np.array([place.get(name, len(vocabulary)) for name in names], np.int64)
        has, vocabulary = extended, np.append(vocabulary, "")
    several = isinstance(column, TagsColumn)
    shown = has[:, kept]
    labelled = np.ones(len(has), bool) if several else np.asarray(shown.any(axis=1), bool)
    found = names or tuple(str(vocabulary[code]) for code in kept)
    if len(found) < (1 if several else 2):
        raise RunFileError(
            f"`label.feature` {feature!r} leaves {len(found)} labels of {min_items} items or more, "
            "which is nothing to tell apart. Lower `label.min_items`, or choose another feature."
        )
    rare = int((has.any(axis=1) & ~shown.any(axis=1)).sum())
    return Labels(found, shown, several, labelled, rare)


def _matrix(column: CategoryColumn | TagsColumn) -> NDArray[np.bool_]:
    has = np.zeros((len(column), len(column.vocabulary)), bool)
    if isinstance(column, CategoryColumn):
        rows = np.flatnonzero(column.codes >= 0)
        has[rows, column.codes[rows]] = True
    else:
        counts = np.diff(column.offsets)
        has[np.repeat(np.arange(len(counts)), counts), column.values] = True
    return has
