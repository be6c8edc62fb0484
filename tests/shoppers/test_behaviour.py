"""Funnel, cohorts, gaps and baskets."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.shoppers.shops import shop_of, write_log
from tfmm.data import load
from tfmm.shoppers.behaviour.cohorts import cohorts
from tfmm.shoppers.behaviour.funnel import funnel, steps_of
from tfmm.shoppers.behaviour.gaps import again_by, gaps, kaplan_meier
from tfmm.shoppers.behaviour.together import together
from tfmm.shoppers.purchases import read_purchases


def test_the_funnel_goes_forward_in_time_alone(tmp_path):
    rows = [f"u{i},a,view,{10 + i}" for i in range(40)]
    rows += [f"u{i},a,buy,{1000 + i}" for i in range(20)]
    rows += [f"u{i},a,buy,1" for i in range(20, 40)]  # before they looked
    rows += [f"u{i},b,buy,2000" for i in range(20, 25)]  # another product
    text = "user,item,what,at\n" + "\n".join(rows) + "\n"
    data = shop_of(tmp_path, text, type="what", weights={"view": 1, "buy": 3}, time="at")
    steps = steps_of(data, "buy")
    assert steps == ["view", "buy"]
    table = funnel(data, steps).set_index("step")
    assert table.loc["buy", "shoppers"] == 40
    assert table.loc["buy", "shoppers_on"] == pytest.approx(25 / 40)
    assert table.loc["buy", "pairs_on"] == pytest.approx(20 / 40)
    assert table.loc["buy", "shoppers_on_low"] < 25 / 40 < table.loc["buy", "shoppers_on_high"]
    few = funnel(data, steps, at_least=30).set_index("step")
    assert np.isnan(few.loc["buy", "shoppers_on"])
    assert few.loc["buy", "shoppers"] == 40


def test_cohorts_count_who_came_back_and_hide_few(tmp_path):
    rows = [f"u{i:02d},a,2024-01-{1 + i % 28:02d}" for i in range(50)]
    rows += [f"u{i:02d},a,2024-02-11" for i in range(20)]
    rows += [f"u{i:02d},b,2024-03-11" for i in range(3)]
    rows += [f"v{i},b,2024-02-03" for i in range(4)]
    rows += ["u49,a,2024-03-31", "u48,a,2024-04-10"]
    data = shop_of(tmp_path, "user,item,day\n" + "\n".join(rows) + "\n", time="day")
    found = cohorts(read_purchases(data), 10)
    cells = found.cells.set_index("months")
    assert set(cells["cohort"]) == {"2024-01"}
    assert cells.loc[1, ["size", "back"]].tolist() == [50, 20]
    assert cells.loc[1, "share"] == pytest.approx(0.4)
    assert np.isnan(cells.loc[2, ["back", "share", "low"]].astype(float)).all()
    # April is not over.
    assert cells.index.max() == 2
    assert found.small == (1, 4)


def test_a_log_of_one_month_has_no_cohorts(tmp_path):
    text = "user,item,day\n" + "".join(f"u{i},a,2024-01-{1 + i:02d}\n" for i in range(20))
    assert cohorts(read_purchases(shop_of(tmp_path, text, time="day"))) is None


def test_kaplan_meier_by_hand_and_true_where_gaps_are_cut_off():
    curve = kaplan_meier([1, 2, 2, 3], [True, True, False, True])
    np.testing.assert_allclose(curve["again"], [0.25, 0.5, 1.0])
    rng = np.random.default_rng(0)
    gap, end = rng.exponential(30, 4000), rng.uniform(0, 60, 4000)
    curve = kaplan_meier(np.minimum(gap, end), gap <= end)
    said, low, high = again_by(curve, 30)
    assert low < 1 - np.exp(-1) < high
    assert said == pytest.approx(1 - np.exp(-1), abs=0.03)
    # A mean of those that ended would be far too short.
    assert gap[gap <= end].mean() < 22


def test_gaps_have_one_a_shopper_and_end_where_few_are_left(tmp_path):
    curves = gaps(read_purchases(load(write_log(tmp_path))), 10)
    assert set(curves["after"]) == {1, 2, 3}
    assert (curves["waiting"] >= 10).all()
    assert (curves["gaps"] <= 160).all()
    for _, curve in curves.groupby("after"):
        assert (np.diff(curve["again"].astype(float)) >= 0).all()


def test_what_is_bought_together_is_found_and_chance_is_not(tmp_path):
    rng = np.random.default_rng(2)
    rows = []
    for basket in range(400):
        held = set(rng.choice(30, 3).tolist())
        if basket % 4 == 0:
            held |= {40, 41}
        rows += [f"u{basket % 100},{item},{basket}" for item in held]
    rows += [f"only,{item},{basket}" for item in (50, 51) for basket in range(500, 540)]
    data = shop_of(tmp_path, "user,item,no\n" + "\n".join(rows) + "\n", ("no",))
    purchases = read_purchases(data, basket="no")
    own = np.arange(len(data.items))
    found = together(purchases, own, data.items.ids, 10)
    first = {(row.with_, row.also) for row in found.rules.head(2).itertuples()}
    assert first == {(("40",), "41"), (("41",), "40")}
    best = found.rules.iloc[0]
    assert best["confidence"] == pytest.approx(1.0)
    assert best["baskets"] == 100
    # One shopper who buys the same in each order makes no rule.
    assert not found.rules["also"].isin(["50", "51"]).any()
    assert found.rare == 2
    assert len(found.rules) <= 4


def test_shops_of_single_products_have_no_rules(tmp_path):
    text = "user,item,day\n" + "".join(f"u{i},a,2024-01-01\n" for i in range(30))
    data = shop_of(tmp_path, text, time="day")
    found = together(read_purchases(data), np.arange(1), data.items.ids)
    assert found.rules.empty
    assert list(found.rules.columns)[:2] == ["with_", "also"]
    assert isinstance(found.rules, pd.DataFrame)
