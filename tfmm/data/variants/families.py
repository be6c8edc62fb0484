"""Which product each row of a table of variants is of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# What WooCommerce writes before an id where a parent has no SKU.
_BY_ID = "id:"


@dataclass(frozen=True, eq=False)
class Families:
    """The products of a table of n rows.

    Args:
        ids: object[m] the products' ids, by their first rows.
        product: int64[n] the product of each row; -1 of rows that are left out.
        own: bool[n], rows that are a product's own, at most one of each.
        known: object[k] every id there is, of products first.
        of: int64[k] the product of each.
        named: whether parents name products that have no rows of their own.
        orphans: bool[n], variants whose parent is not in the table, where the others' are.
        chained: bool[n], variants whose parent has a parent itself.
        circling: bool[n], those of them whose parents lead back to them.
        repeated: bool[n], rows of an id that a row of another product had before.
    """

    ids: NDArray[np.object_]
    product: NDArray[np.int64]
    own: NDArray[np.bool_]
    known: NDArray[np.object_]
    of: NDArray[np.int64]
    named: bool
    orphans: NDArray[np.bool_]
    chained: NDArray[np.bool_]
    circling: NDArray[np.bool_]
    repeated: NDArray[np.bool_]

    def rows(self) -> NDArray[np.int64]:
        """int64: the rows that are kept, by product, its own first, then as in the table."""
        kept = np.flatnonzero(self.product >= 0)
        return kept[np.lexsort((kept, ~self.own[kept], self.product[kept]))]


def find_families(
    ids: NDArray[np.object_],
    parents: NDArray[np.object_],
    usable: NDArray[np.bool_],
    by: Sequence[tuple[str, NDArray[np.object_]]],
) -> Families:
    """The products of a table.

    A parent is found among `by`; where most parents are found nowhere, they are names of products
    themselves, as Shopify's handles are. Chains lead to their end, circles to their first row. A
    row without an id that has a parent is a further row of its product.

    ```python
    import numpy as np

    from tfmm.data.variants.families import find_families

    ids = np.array(["hat", "hat-S", "hat-M"], object)
    parents = np.array(["", "hat", "hat"], object)
    found = find_families(ids, parents, ids != "", [("id", ids)])
    found.ids, found.product, found.of  # ["hat"], [0, 0, 0], and so are all ids known
    ```

    Args:
        ids: object[n] of str.
        parents: object[n] of str, "" where a row has none.
        usable: bool[n], whether an id is one.
        by: columns that parents are looked up in, with their names: object[n] of str each.
    """
    n = len(ids)
    first = np.zeros(n, bool)
    places = np.flatnonzero(usable)
    first[places] = ~pd.Series(ids[places]).duplicated().to_numpy()
    has = parents != ""
    codes, distinct = pd.factorize(parents)
    # A product without an id of its own may still be found by another column.
    rows = _looked_up(np.asarray(distinct, object), by, first | ~usable)
    named = np.count_nonzero(distinct != "") > 2 * np.count_nonzero(rows >= 0)
    if named:
        rows = np.full(len(distinct), -1)
    up = np.where(has, rows[codes], -1)
    up[up == np.arange(n)] = -1  # its own parent is a product
    unknown = has & (rows[codes] < 0)
    root, circling = _roots(up)
    # Products without a row are numbered behind the rows.
    label = np.where(unknown[root], n + codes[root], root)
    if named:
        same = pd.Index(distinct).get_indexer(pd.Index(ids))
        label = np.where(usable & ~has & (same >= 0), n + same, label)
    named_by = np.full(n, -1)
    named_by[rows[rows >= 0][::-1]] = np.flatnonzero(rows >= 0)[::-1]
    there = has | first | (named_by >= 0)
    where_first = pd.Series(np.flatnonzero(first), index=ids[first])
    of_id = np.where(usable, where_first.reindex(ids).fillna(-1).to_numpy(np.int64), -1)
    repeated = usable & ~first & (~has | (label != label[of_id]))
    kept = np.flatnonzero(there & ~repeated)
    order, product = _numbered(label[kept])
    whole = np.full(n, -1, np.int64)
    whole[kept] = product
    own = np.zeros(n, bool)
    own[order[order < n]] = True
    rowed = order < n
    names = np.empty(len(order), object)
    has_id = rowed & np.append(usable, False)[np.where(rowed, order, n)]
    names[has_id] = ids[order[has_id]]
    spelled = np.where(rowed, np.append(named_by, -1)[np.where(rowed, order, n)], order - n)
    taken = set(names[has_id])
    for place in np.flatnonzero(~has_id).tolist():
        name = str(distinct[spelled[place]])
        bare = name.removeprefix(_BY_ID)
        names[place] = name if bare in taken else bare
    variants = np.flatnonzero(first & (whole >= 0))
    known = pd.Series(
        np.append(np.arange(len(names)), whole[variants]), index=np.append(names, ids[variants])
    )
    known = known[~known.index.duplicated()]
    return Families(
        names,
        whole,
        own,
        np.asarray(known.index, object),
        known.to_numpy(np.int64),
        bool(named),
        unknown & ~np.bool_(named),
        (up >= 0) & ((up[up] >= 0) | unknown[up]),
        circling,
        repeated,
    )


def _looked_up(
    names: NDArray[np.object_],
    by: Sequence[tuple[str, NDArray[np.object_]]],
    first: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """The row that each parent names, -1 where there is none."""
    found = np.full(len(names), -1, np.int64)
    prefixed = np.array([name.startswith(_BY_ID) for name in names], bool)
    bare = np.array([name.removeprefix(_BY_ID) for name in names], object)
    # A parent by its id is not one by a number that is its SKU.
    of_ids = sorted(by, key=lambda one: one[0].strip().casefold() != "id")
    tried = [(bare, prefixed, cells) for _, cells in of_ids]
    tried += [(names, ~prefixed | (found < 0), cells) for _, cells in by]
    for wanted, which, cells in tried:
        rows = np.flatnonzero(first & (cells != ""))
        index = pd.Index(cells[rows])
        rows, index = rows[~index.duplicated()], index[~index.duplicated()]
        place = index.get_indexer(pd.Index(wanted))
        taken = which & (found < 0) & (wanted != "") & (place >= 0)
        found[taken] = rows[place[taken]]
    return found


def _roots(up: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Where parents lead to from each row in the end, and which rows are of a circle."""
    step = np.where(up >= 0, up, np.arange(len(up)))
    root = step
    for _ in range(max(len(up), 1).bit_length()):
        root = root[root]
    circling = np.zeros(len(up), bool)
    root = root.copy()
    # Where a step still moves, what was reached is a place of a circle.
    for place in np.unique(root[step[root] != root]).tolist():
        circle = [place]
        while (following := int(step[circle[-1]])) != place:
            circle.append(following)
        circling[circle] = True
        root[root == place] = min(circle)
    return root, circling


def _numbered(labels: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The distinct labels by their first rows, and the number of each row's."""
    codes, distinct = pd.factorize(labels)
    return np.asarray(distinct, np.int64), codes.astype(np.int64)
