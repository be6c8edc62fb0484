"""The funnel: how many shoppers, and how many of the products they met, go on to the next step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tfmm.data.shop import ShopData
from tfmm.shoppers.intervals import mean_of_shoppers, wilson


def steps_of(data: ShopData, bought: str) -> list[str]:
    """Types of event from the lightest to what is bought, which comes last.

    Types that weigh more than a purchase follow no purchase and are left out.
    """
    kinds, spec = data.examples.type, data.shop.events
    assert kinds is not None
    assert spec is not None
    weight = {str(name): float(spec.weights.get(str(name), 0.0)) for name in kinds.vocabulary}
    lighter = [n for n in weight if n != bought and weight[n] <= weight[bought]]
    return [*sorted(lighter, key=lambda name: (weight[name], name)), bought]


def funnel(data: ShopData, steps: Sequence[str], at_least: int = 10) -> pd.DataFrame:
    """How many get from each step to the next, and not back.

    A shopper (or a shopper with a product) takes a step by an event of its type, not before the
    first event of the step before where there are times.

    Args:
        data: the shop, with types of event.
        steps: the types, in order.
        at_least: shoppers of whom something is said.

    Returns:
        A row a step: `step`, `shoppers` and `pairs` (of shoppers and products) with such an event;
        `shoppers_on` and `pairs_on`, the shares of the step before that went on to this one, each
        with `_low` and `_high` (95 %: Wilson's for shoppers, for pairs by drawing shoppers). NaN
        where fewer than `at_least` shoppers are counted.
    """
    kinds, examples = data.examples.type, data.examples
    assert kinds is not None
    time = np.zeros(len(examples)) if examples.time is None else examples.time
    events = pd.DataFrame(
        {"user": examples.user, "item": examples.item, "type": kinds.codes, "time": time}
    )
    rows: list[dict[str, object]] = []
    before: dict[str, pd.DataFrame] = {}
    for step in steps:
        code = int(np.flatnonzero(kinds.vocabulary == step)[0])
        mine = events[events["type"] == code]
        row: dict[str, object] = {"step": step}
        now: dict[str, pd.DataFrame] = {}
        for what, keys in (("shoppers", ["user"]), ("pairs", ["user", "item"])):
            times = mine.groupby(keys)["time"].agg(["min", "max"])
            now[what] = times
            people = times.index.get_level_values("user").nunique()
            row[what] = len(times) if people >= at_least else np.nan
            row |= dict.fromkeys((f"{what}_on", f"{what}_on_low", f"{what}_on_high"), np.nan)
            if what not in before:
                continue
            both = before[what].join(times.add_suffix("_now"), how="left")
            on = both["max_now"] >= both["min"]
            went = both.index.get_level_values("user")[on].nunique()
            if went < at_least:
                continue
            if what == "shoppers":
                low, high = wilson(on.sum(), len(both))
                shares = (float(on.mean()), float(low), float(high))
            else:
                by = on.groupby(level="user").agg(["mean", "size"])
                shares = mean_of_shoppers(
                    by["mean"].to_numpy(np.float64), by["size"].to_numpy(np.float64)
                )
            row |= dict(
                zip((f"{what}_on", f"{what}_on_low", f"{what}_on_high"), shares, strict=True)
            )
        before = now
        rows.append(row)
    return pd.DataFrame(rows)
