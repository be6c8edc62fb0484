"""What is bought together: rules by FP-growth, sure ones first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.stats import norm

from tfmm.shoppers.intervals import mean_of_shoppers, wilson
from tfmm.shoppers.purchases import Purchases

#: Rules that are kept, and products that rules are looked for among.
_MOST, _MOST_ITEMS = 200, 2_000
#: Of the baskets that must hold a set; and products in one.
_SUPPORT, _LONGEST = 0.0001, 3


@dataclass(frozen=True, eq=False)
class Together:
    """Rules "who has these in the basket has that one too".

    Attributes:
        rules: surest first: `with_` (a tuple of one or two names), `also` (a name), `baskets` and
            `shoppers` that have all, `support` (share of the baskets), `confidence` (share of the
            baskets with `with_`), `low`, `high` (its interval of 95 %, by drawing shoppers), and
            `lift` (times the share of all baskets that have `also`), `lift_low`.
        baskets: in all.
        rare: products bought by fewer shoppers than may be told, and so in no rule.
        left_out: products among the rest that are too many to look at, the rarest ones.
    """

    rules: pd.DataFrame
    baskets: int
    rare: int
    left_out: int


def together(
    purchases: Purchases,
    value: NDArray[np.int64],
    names: NDArray[np.object_],
    at_least: int = 10,
) -> Together:
    """Rules among what orders hold.

    Frequent sets are found by FP-growth (Han, Pei and Yin, SIGMOD 2000) of the package mlxtend;
    rules are ordered by the low end of their lift, and told where it is above 1 both by drawing
    shoppers and, for all that were asked at once, by Wilson's interval; one with two products
    must say more than either alone.

    Args:
        purchases: of the shop.
        value: int64 `[N]`, what each item is looked at as: its own row, or its category's; -1 for
            none.
        names: object `[V]` of the values.
        at_least: shoppers who must have bought all of a rule.

    Raises:
        ModuleNotFoundError: mlxtend is not installed.
    """
    kept = (purchases.order >= 0) & (value[purchases.item] >= 0)
    what, order = value[purchases.item[kept]], purchases.order[kept]
    user = purchases.user[kept]
    baskets = len(np.unique(purchases.order[purchases.order >= 0]))
    pairs = pd.DataFrame({"order": order, "user": user, "value": what}).drop_duplicates()
    buyers = pairs.drop_duplicates(["user", "value"])["value"].value_counts()
    common = buyers[buyers >= at_least]
    chosen = common.index[:_MOST_ITEMS].to_numpy(np.int64)
    rare, left_out = len(buyers) - len(common), len(common) - len(chosen)
    pairs = pairs[pairs["value"].isin(chosen)]
    if not len(chosen) or pairs["order"].value_counts().max() < 2:
        return Together(_rules([]), baskets, rare, left_out)
    rows, orders = pd.factorize(pairs["order"])
    column = pd.Index(chosen).get_indexer(pairs["value"])
    held = sp.csr_array((np.ones(len(pairs), bool), (rows, column)), (len(orders), len(chosen)))
    owner = np.zeros(len(orders), np.int64)
    owner[rows] = pairs["user"].to_numpy()
    need = max(at_least, int(np.ceil(_SUPPORT * baskets)))
    sets = _frequent(held, need)
    columns = held.tocsc()
    share = np.asarray(held.sum(axis=0)).ravel() / baskets
    asked = [
        (found - {also}, also, n) for found, n in sets.items() if len(found) > 1 for also in found
    ]
    # So many are asked that some would seem sure by chance (Bonferroni).
    z = float(norm.isf(0.025 / max(len(asked), 1)))
    candidates = []
    for rest, also, count in asked:
        sure = float(wilson(count, sets[rest], z)[0])
        least = sure / share[also]
        # Of two products in the basket, the rule must say more than that of one of them.
        shorter = [
            sets[rest - {one} | {also}] / sets[rest - {one}] for one in rest if len(rest) > 1
        ]
        if least > 1 and sure > max(shorter, default=0):
            candidates.append((least, tuple(sorted(rest)), also, count))
    candidates.sort(key=lambda one: (-one[0], one[1], one[2]))
    rules: list[dict[str, Any]] = []
    for _, given, also, count in candidates:
        if len(rules) == _MOST:
            break
        having = _having(columns, given)
        hit = np.isin(having, _having(columns, (also,)))
        people = owner[having]
        buyers_of_all = len(np.unique(people[hit]))
        if buyers_of_all < at_least:
            continue
        by = pd.Series(hit.astype(np.float64)).groupby(people).agg(["mean", "size"])
        mean, low, high = mean_of_shoppers(
            by["mean"].to_numpy(np.float64), by["size"].to_numpy(np.float64)
        )
        if low / share[also] <= 1:
            continue
        rules.append(
            {
                "with_": tuple(str(names[chosen[one]]) for one in given),
                "also": str(names[chosen[also]]),
                "baskets": int(count),
                "shoppers": buyers_of_all,
                "support": count / baskets,
                "confidence": mean,
                "low": low,
                "high": high,
                "lift": mean / share[also],
                "lift_low": low / share[also],
            }
        )
    return Together(_rules(rules), baskets, rare, left_out)


def _rules(rows: list[dict[str, Any]]) -> pd.DataFrame:
    columns = "with_ also baskets shoppers support confidence low high lift lift_low".split()
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values("lift_low", ascending=False, kind="stable").reset_index(drop=True)


def _frequent(held: sp.csr_array, need: int) -> dict[frozenset[int], int]:
    """Baskets by set of columns, for all sets that at least `need` have."""
    from mlxtend.frequent_patterns import fpgrowth

    table = pd.DataFrame.sparse.from_spmatrix(sp.csr_matrix(held))
    # Of a share, so that `need` itself is enough whatever its rounding.
    least = (need - 0.5) / held.shape[0]
    found = fpgrowth(table, min_support=least, max_len=_LONGEST)
    counts = np.rint(found["support"].to_numpy() * held.shape[0]).astype(int)
    return {
        frozenset(int(one) for one in items): int(count)
        for items, count in zip(found["itemsets"], counts, strict=True)
    }


def _having(columns: sp.csc_array, values: tuple[int, ...]) -> NDArray[np.int64]:
    """Rows that have all of these columns."""
    rows = None
    for one in values:
        mine = columns.indices[columns.indptr[one] : columns.indptr[one + 1]]
        rows = mine if rows is None else np.intersect1d(rows, mine)
    assert rows is not None
    return np.sort(rows)
