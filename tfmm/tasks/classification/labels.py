"""The labels of a catalogue: which there are, and which items have them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tfmm.data.catalog import Catalog
from tfmm.data.columns import CategoryColumn, TagsColumn
from tfmm.tasks.config import RunFileError

#: The values of a label at each level, the coarsest first; of a single feature just one.
Path = tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Level:
    """A coarser level of a path of classes.

    Attributes:
        feature: the feature that says it.
        names: its classes.
        of: int `[C]`, the class of each label.
    """

    feature: str
    names: tuple[str, ...]
    of: NDArray[np.int64]

    def sums(self, values: NDArray[np.floating]) -> NDArray[np.floating]:
        """Of values `[n, C]` of labels, their sums `[n, len(names)]` by class."""
        found = np.zeros((len(values), len(self.names)), values.dtype)
        np.add.at(found.T, self.of, values.T)
        return found


@dataclass(frozen=True, eq=False)
class Labels:
    """What items are labelled with.

    Attributes:
        features: the feature that says it; of a path of classes one for each level, the coarsest
            first.
        paths: the labels, the most frequent first.
        has: bool `[n_items, C]`, the labels of each item.
        several: whether an item may have several.
        labelled: bool `[n_items]`, the items that say what they are, at every level. Of tags, an
            item without any is one that has none of them.
        rare: items left out because too few have their label.
        partial: items left out because they say what they are at some levels alone.
    """

    features: tuple[str, ...]
    paths: tuple[Path, ...]
    has: NDArray[np.bool_]
    several: bool
    labelled: NDArray[np.bool_]
    rare: int
    partial: int = 0

    @property
    def codes(self) -> NDArray[np.int32]:
        """int32 `[n_items]`, the label of each item, -1 without one; where there is one an item."""
        return np.where(self.labelled, self.has.argmax(axis=1), -1).astype(np.int32)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The labels in words, all distinct: the value of the last level, with those before it
        where several labels share it."""
        return _distinct(self.paths)

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        """The coarser levels of a path of classes, the coarsest first."""
        found = []
        for depth, feature in enumerate(self.features[:-1], 1):
            classes = tuple(dict.fromkeys(path[:depth] for path in self.paths))
            place = {path: code for code, path in enumerate(classes)}
            of = np.array([place[path[:depth]] for path in self.paths], np.int64)
            found.append(Level(feature, _distinct(classes), of))
        return tuple(found)


def labels_of(
    items: Catalog,
    features: str | Sequence[str],
    min_items: int = 1,
    paths: Sequence[Path] | None = None,
) -> Labels:
    """The labels that a feature gives, or a path of features from coarse to fine.

    A path is a label as a whole: a fine class that stands under two coarse ones is two labels.

    Args:
        items: the catalogue.
        features: a category or tags; or several categories, the coarsest first.
        min_items: labels of fewer items are left out.
        paths: the labels that there are, of a model that was trained before.

    Raises:
        RunFileError: a feature is none of these kinds, or they leave fewer than two labels.
    """
    names = (features,) if isinstance(features, str) else tuple(features)
    columns = [_column(items, name, len(names) > 1) for name in names]
    tags = [column for column in columns if isinstance(column, TagsColumn)]
    several = bool(tags)
    found, has, partial = (
        _tags(tags[0])
        if several
        else _paths([column for column in columns if isinstance(column, CategoryColumn)])
    )
    if paths is None:
        counts = has.sum(axis=0)
        order = np.argsort(-counts, kind="stable")
        kept = order[counts[order] >= max(1, min_items)]
        chosen = tuple(found[code] for code in kept)
    else:
        place = {path: code for code, path in enumerate(found)}
        chosen = tuple(map(tuple, paths))
        # The last column is that of labels which no item has now.
        kept = np.array([place.get(path, len(found)) for path in chosen], np.int64)
    if len(chosen) < (1 if several else 2):
        raise RunFileError(
            f"`label.feature` {_told(names)} leaves {len(chosen)} labels of {min_items} items or "
            "more, which is nothing to tell apart. Lower `label.min_items`, or choose another "
            "feature."
        )
    shown = np.concatenate([has, np.zeros((len(has), 1), bool)], axis=1)[:, kept]
    labelled = np.ones(len(has), bool) if several else np.asarray(shown.any(axis=1), bool)
    rare = int((has.any(axis=1) & ~shown.any(axis=1)).sum())
    return Labels(names, chosen, shown, several, labelled, rare, partial)


def _column(items: Catalog, feature: str, of_path: bool) -> CategoryColumn | TagsColumn:
    column = items.features.get(feature)
    kinds = ("category",) if of_path else ("category", "tags")
    if isinstance(column, CategoryColumn) or (isinstance(column, TagsColumn) and not of_path):
        return column
    there = [n for n, c in items.features.items() if c.kind in kinds]
    what = f"of kind {column.kind!r}" if column is not None else "no feature of the items"
    wanted = "categories, from coarse to fine" if of_path else "a category or tags"
    raise RunFileError(
        f"`label.feature` must name {wanted}, but {feature!r} is {what}; there are: "
        f"{', '.join(there) or 'none'}."
    )


def _tags(column: TagsColumn) -> tuple[list[Path], NDArray[np.bool_], int]:
    """Every tag, and which items have it."""
    has = np.zeros((len(column), len(column.vocabulary)), bool)
    counts = np.diff(column.offsets)
    has[np.repeat(np.arange(len(counts)), counts), column.values] = True
    return [(str(value),) for value in column.vocabulary], has, 0


def _paths(
    columns: Sequence[CategoryColumn],
) -> tuple[list[Path], NDArray[np.bool_], int]:
    """Every path that an item has, which items have it, and how many have a part of one."""
    codes = np.stack([column.codes for column in columns], axis=1)
    whole = (codes >= 0).all(axis=1)
    distinct, member = np.unique(codes[whole], axis=0, return_inverse=True)
    has = np.zeros((len(codes), len(distinct)), bool)
    has[np.flatnonzero(whole), member.ravel()] = True
    paths = [
        tuple(str(column.vocabulary[code]) for column, code in zip(columns, row, strict=True))
        for row in distinct
    ]
    return paths, has, int(((codes >= 0).any(axis=1) & ~whole).sum())


def _distinct(paths: Sequence[Path]) -> tuple[str, ...]:
    met = Counter(path[-1] for path in paths)
    return tuple(path[-1] if met[path[-1]] == 1 else " / ".join(path) for path in paths)


def _told(names: tuple[str, ...]) -> str:
    return repr(names[0]) if len(names) == 1 else repr(list(names))
