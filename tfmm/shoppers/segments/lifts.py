"""What a group of shoppers buys more than the others."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from tfmm.data.catalog import Catalog
from tfmm.data.columns import CategoryColumn, TagsColumn, TextColumn
from tfmm.shoppers.intervals import Z

#: Categories with more values than this name next to single items.
_MOST_VALUES = 5_000


def item_values(items: Catalog) -> dict[str, tuple[sp.csr_array, NDArray[np.object_]]]:
    """What items are told apart by: a matrix `[N, V]` of 0 and 1 and its values, by feature.

    Categories and tags; without any, the items themselves under the name `item`, by their titles.
    """
    found: dict[str, tuple[sp.csr_array, NDArray[np.object_]]] = {}
    n = len(items)
    for name, column in items.features.items():
        if not isinstance(column, (CategoryColumn, TagsColumn)):
            continue
        if not 2 <= len(column.vocabulary) <= _MOST_VALUES:
            continue
        if isinstance(column, CategoryColumn):
            rows = np.flatnonzero(column.present)
            codes = column.codes[rows]
        else:
            rows = np.repeat(np.arange(n), np.diff(column.offsets))
            codes = column.values
        shape = (n, len(column.vocabulary))
        found[name] = (
            sp.csr_array((np.ones(len(rows), np.float32), (rows, codes)), shape),
            column.vocabulary,
        )
    if not found:
        found["item"] = (sp.eye_array(n, dtype=np.float32, format="csr"), item_names(items))
    return found


def item_names(items: Catalog) -> NDArray[np.object_]:
    """A name for each item: its title, else its id; object `[N]`."""
    texts = {n: c for n, c in items.features.items() if isinstance(c, TextColumn)}
    titles = next((texts[name] for name in ("title", "name") if name in texts), None)
    titles = titles if titles is not None else next(iter(texts.values()), None)
    if titles is None:
        return items.ids
    return np.where(titles.values != "", titles.values, items.ids).astype(object)


def lifts(
    user: NDArray[np.int64],
    item: NDArray[np.int64],
    group: Mapping[int, int],
    items: Catalog,
    at_least: int = 10,
) -> pd.DataFrame:
    """Values that more of a group's shoppers bought than of the others.

    Args:
        user, item: `[m]`, purchases.
        group: of each shopper who is looked at.
        items: the catalogue.
        at_least: shoppers of the group who bought the value.

    Returns:
        Rows by `group`, surest first: `feature`, `value`, `shoppers` of the group who bought it,
        `share` of the group, `share_of_others`, `lift` (their ratio) and `low`, `high` (its
        interval of 95 %, Katz et al., Biometrics 1978, with half a shopper added to each); those
        whose `low` is above 1.
    """
    people = np.array(sorted(group), np.int64)
    of = np.array([group[int(one)] for one in people])
    place = np.searchsorted(people, user)
    place[place == len(people)] = 0
    known = people[place] == user
    shape = (len(people), len(items))
    bought = sp.csr_array(
        (np.ones(int(known.sum()), np.float32), (place[known], item[known])), shape
    )
    rows = []
    for feature, (matrix, values) in item_values(items).items():
        met = (bought @ matrix).tocsc()
        met.data[:] = 1.0
        total = np.asarray(met.sum(axis=0)).ravel()
        for number in np.unique(of):
            mine = of == number
            n, others = int(mine.sum()), int((~mine).sum())
            hits = np.asarray(met.tocsr()[mine].sum(axis=0)).ravel()
            rest = total - hits
            p, q = (hits + 0.5) / (n + 1), (rest + 0.5) / (others + 1)
            spread = np.sqrt(1 / (hits + 0.5) - 1 / (n + 1) + 1 / (rest + 0.5) - 1 / (others + 1))
            low, high = (p / q * np.exp(sign * Z * spread) for sign in (-1, 1))
            # Of a few others who bought it too, nothing is said but that they are few.
            for code in np.flatnonzero((hits >= at_least) & (low > 1)):
                few = rest[code] < at_least
                rows.append(
                    (
                        int(number),
                        feature,
                        str(values[code]),
                        int(hits[code]),
                        hits[code] / n,
                        np.nan if few else rest[code] / max(others, 1),
                        p[code] / q[code],
                        low[code],
                        high[code],
                    )
                )
    columns = "group feature value shoppers share share_of_others lift low high".split()
    found = pd.DataFrame(rows, columns=columns)
    return found.sort_values(["group", "low"], ascending=[True, False], kind="stable").reset_index(
        drop=True
    )
