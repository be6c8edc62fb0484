"""Scores, segments, groups of few, clusters and what they buy more."""

from __future__ import annotations

import numpy as np
import pytest

from tests.shoppers.shops import shop_of, write_log
from tfmm.data import load
from tfmm.shoppers.groups import OTHERS, joined
from tfmm.shoppers.intervals import mean_of_shoppers, wilson
from tfmm.shoppers.purchases import read_purchases
from tfmm.shoppers.segments.clusters import find_clusters
from tfmm.shoppers.segments.lifts import lifts
from tfmm.shoppers.segments.map import shopper_map
from tfmm.shoppers.segments.rfm import rfm, score_table


def test_wilson_is_that_of_the_textbook_and_bounded():
    low, high = wilson([0, 50, 10], [10, 100, 10])
    np.testing.assert_allclose(low, [0.0, 0.4038, 0.7225], atol=1e-4)
    np.testing.assert_allclose(high, [0.2775, 0.5962, 1.0], atol=1e-4)
    assert np.isnan(wilson(0, 0)[0])


def test_an_interval_of_a_mean_holds_it_about_95_times_of_100():
    rng = np.random.default_rng(0)
    held = 0
    for draw in range(60):
        mean, low, high = mean_of_shoppers(rng.exponential(3.0, 120), seed=draw)
        assert low < mean < high
        held += low <= 3.0 <= high
    assert held >= 50


def test_groups_of_few_are_joined_until_no_size_follows():
    labels = np.array(["a"] * 12 + ["b"] * 3 + ["c"] * 20, object)
    out, where = joined(labels, 10)
    assert where == {"b": OTHERS, "a": OTHERS}
    assert (out == OTHERS).sum() == 15
    same, none = joined(labels, 3)
    assert none == {}
    assert (same == labels).all()
    with pytest.raises(ValueError, match="groups smaller than 40"):
        joined(labels, 40)


def test_scores_are_equal_for_equal_shoppers_and_the_best_bought_lately_and_often(tmp_path):
    rows = [f"one{i:02d},a,2024-01-{1 + i % 20:02d}" for i in range(60)]
    rows += [f"two{i:02d},b,2024-02-{day:02d}" for i in range(20) for day in (1, 5, 20 + i % 8)]
    data = shop_of(tmp_path, "user,item,day\n" + "\n".join(rows) + "\n", time="day")
    found = rfm(read_purchases(data), 10)
    table = found.shoppers.assign(name=data.users.ids[found.shoppers["user"]])
    once = table[table["name"].str.startswith("one")]
    assert set(once["f"]) == {1}
    often = table[table["name"].str.startswith("two")]
    assert set(often["f"]) == {4}
    assert often["segment"].isin(["champions", "loyal", "others"]).all()
    assert found.segments["shoppers"].sum() == 80
    assert found.segments["shoppers"].min() >= 10
    assert found.segments["value"].isna().all()
    assert score_table(found.shoppers, 10)["shoppers"].min() >= 10
    assert once["recency"].max() == (
        np.datetime64("2024-02-27") - np.datetime64("2024-01-01")
    ).astype(int)


def test_revenue_is_shared_out_whole(tmp_path):
    found = rfm(read_purchases(load(write_log(tmp_path))), 10)
    assert found.segments["revenue_share"].sum() == pytest.approx(1)
    assert (found.segments["value_low"] <= found.segments["value"]).all()
    assert (found.segments["value"] <= found.segments["value_high"]).all()


def test_as_many_clusters_as_there_are_and_others_called_unstable():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 16)) * 3
    of = rng.choice(4, 900, p=[0.4, 0.3, 0.2, 0.1])
    found = find_clusters(centres[of] + rng.normal(size=(900, 16)) * 0.5)
    assert found.stable
    assert int(found.tried.loc[found.tried["chosen"], "clusters"].iloc[0]) == 4
    assert [len(set(of[found.of == number])) for number in range(4)] == [1] * 4
    assert np.bincount(found.of).tolist() == sorted(np.bincount(of).tolist(), reverse=True)
    noise = find_clusters(rng.normal(size=(600, 16)))
    assert noise.tried["silhouette"].max() < 0.2
    many = find_clusters(centres[of] + rng.normal(size=(900, 16)) * 0.5, 85)
    assert (many.tried["smallest"].dropna() * 900 >= 85).all()
    assert many.tried["smallest"].isna().any()
    with pytest.raises(ValueError, match="too few"):
        find_clusters(rng.normal(size=(12, 4)))


def test_a_cluster_is_named_by_what_only_it_buys(tmp_path):
    data = load(write_log(tmp_path))
    purchases = read_purchases(data)
    taste = np.array([int(name[-3:]) % 3 for name in data.users.ids])
    group = {user: int(taste[user]) for user in np.unique(purchases.user)}
    found = lifts(purchases.user, purchases.item, group, data.items, 10)
    best = found.drop_duplicates("group")
    assert dict(zip(best["group"], best["value"], strict=True)) == {
        0: "上衣",
        1: "shoe|$x$",
        2: "hat",
    }
    assert (found["low"] > 1).all()
    assert (found["shoppers"] >= 10).all()
    # Nobody of the others bought it: how many of them did is not told.
    assert best["share_of_others"].isna().all()


def test_groups_that_buy_alike_have_no_lifts(tmp_path):
    data = load(write_log(tmp_path))
    purchases = read_purchases(data)
    rng = np.random.default_rng(1)
    group = {int(user): int(rng.integers(0, 2)) for user in np.unique(purchases.user)}
    assert len(lifts(purchases.user, purchases.item, group, data.items, 10)) <= 2


def test_the_map_keeps_what_lies_apart_apart():
    rng = np.random.default_rng(0)
    of = np.arange(90) % 2
    vectors = np.where(of[:, None] == 0, 5.0, -5.0) * np.ones(8) + rng.normal(size=(90, 8))
    rows, places, told = shopper_map(vectors)
    assert told is not None
    assert told > 0.8
    side = places[:, 0] > 0
    assert len(set(side[of[rows] == 0])) == len(set(side[of[rows] == 1])) == 1
