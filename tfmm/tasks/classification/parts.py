"""The parts of a catalogue's labelled items."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfmm.data.catalog import Catalog
from tfmm.data.columns import CategoryColumn, NumberColumn
from tfmm.encoders.near_copies import components, near_copies
from tfmm.tasks.base import RowParts
from tfmm.tasks.classification.config import SplitConfig
from tfmm.tasks.classification.labels import Labels
from tfmm.tasks.config import RunFileError

BY = ("random", "groups", "number", "column")


def parts_of(items: Catalog, labels: Labels, config: SplitConfig, reads: list[str]) -> RowParts:
    """Divides the labelled items.

    Args:
        items: the catalogue.
        labels: of its items.
        config: how.
        reads: the features that the model reads; near-copies are told by them.

    Raises:
        RunFileError: an unknown `by`, a feature of the wrong kind, shares out of range, or a part
            that is left empty.
    """
    rows = np.flatnonzero(labels.labelled)
    if config.by not in BY:
        raise RunFileError(f"`split.by` must be one of {', '.join(BY)}, got {config.by!r}.")
    if config.by == "column":
        part = _by_column(items, rows, config)
    else:
        shares = tuple(_share(name, getattr(config, name)) for name in ("valid", "test"))
        if sum(shares) >= 1:
            raise RunFileError(
                f"`split.valid` and `split.test` must be below 1 together, got {config.valid} and "
                f"{config.test}."
            )
        if config.by == "number":
            part = _by_number(items, rows, config, shares)
        else:
            groups = np.arange(len(items), dtype=np.int32)
            if config.by == "groups":
                groups = _together(items, reads, config)
            part = _at_random(labels, rows, groups[rows], shares, config.seed)
    train, valid, test = (rows[part == number] for number in range(3))
    made = RowParts(train, valid, test, refit=config.refit)
    for name, count in made.counts().items():
        if not count:
            raise RunFileError(
                f"`split` leaves the {name} part empty, of {len(rows):,} labelled items; raise its "
                "share, or check the values of its column."
            )
    return made


def _together(items: Catalog, reads: list[str], config: SplitConfig) -> NDArray[np.int32]:
    """The group of each item: near-copies, and items of one class of the feature, if there is."""
    copies = near_copies(items, reads)
    if config.feature is None:
        return copies
    codes = _category(items, config).codes
    alone = np.arange(len(items)) + int(codes.max(initial=0)) + 1
    return components([copies, np.where(codes >= 0, codes, alone)])


def _category(items: Catalog, config: SplitConfig) -> CategoryColumn:
    column = items.features.get(config.feature or "")
    if not isinstance(column, CategoryColumn):
        raise RunFileError(
            f"`split.feature` must name a category feature for `by: {config.by}`, got "
            f"{config.feature!r}."
        )
    return column


def _share(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1:
        raise RunFileError(f"`split.{name}` must be a share between 0 and 1, got {value!r}.")
    return float(value)


def _at_random(
    labels: Labels,
    rows: NDArray[np.int64],
    groups: NDArray[np.integer],
    shares: tuple[float, ...],
    seed: int,
) -> NDArray[np.int8]:
    """0 for training, 1 for validation, 2 for the test; whole groups, label by label.

    A group goes by the label of its first item. Of each label's groups the test gets its share,
    rounded to what keeps the share over all labels, and training the first.
    """
    rng = np.random.default_rng(seed)
    _, first, member = np.unique(groups, return_index=True, return_inverse=True)
    strata = labels.has[rows[first]].argmax(axis=1)
    order = rng.permutation(len(first))
    part = np.zeros(len(first), np.int8)
    owed = np.zeros(2)
    for stratum in np.unique(strata):
        mine = order[strata[order] == stratum]
        taken = 0
        for number, share in ((2, shares[1]), (1, shares[0])):
            owed[number - 1] += share * len(mine)
            count = min(round(owed[number - 1]), max(0, len(mine) - 1 - taken))
            part[mine[taken : taken + count]] = number
            owed[number - 1] -= count
            taken += count
    return part[member]


def _by_number(
    items: Catalog, rows: NDArray[np.int64], config: SplitConfig, shares: tuple[float, ...]
) -> NDArray[np.int8]:
    """By two cuts through the values of a number; items of one value stay together."""
    column = items.features.get(config.feature or "")
    if not isinstance(column, NumberColumn):
        raise RunFileError(
            f"`split.feature` must name a number feature for `by: number`, got {config.feature!r}."
        )
    values = np.asarray(column.values, np.float64)[rows]
    if not np.isfinite(values).all():
        raise RunFileError(
            f"`split.feature` {config.feature!r} is missing for "
            f"{int((~np.isfinite(values)).sum()):,} labelled items."
        )
    ordered = np.sort(values)
    cuts = [ordered[int(len(ordered) * (1 - sum(shares[i:])))] for i in (0, 1)]
    return (values >= cuts[0]).astype(np.int8) + (values >= cuts[1]).astype(np.int8)


def _by_column(items: Catalog, rows: NDArray[np.int64], config: SplitConfig) -> NDArray[np.int8]:
    column = _category(items, config)
    names = np.array([*map(str, column.vocabulary), ""], object)
    values = names[column.codes[rows]]
    part = np.full(len(rows), 0 if config.train is None else -1, np.int8)
    if config.train is not None:
        part[values == str(config.train)] = 0
    part[values == str(config.valid)] = 1
    part[values == str(config.test)] = 2
    return part
