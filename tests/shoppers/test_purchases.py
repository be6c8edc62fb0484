"""What counts as a purchase, an order and its value."""

from __future__ import annotations

import numpy as np
import pytest

from tests.shoppers.shops import shop_of
from tfmm.shoppers.purchases import read_purchases

TYPED = "user,item,what,day\n甲,a,view,2024-01-01\n甲,a,购买,2024-01-01\n乙,b,购买,2024-01-02\n"


def test_purchases_are_found_by_name_before_weight(tmp_path):
    weights = {"view": 9, "购买": 1}
    data = shop_of(tmp_path, TYPED, type="what", weights=weights, time="day")
    purchases = read_purchases(data)
    assert len(purchases) == 2
    assert "购买" in purchases.said[0]


def test_a_type_that_is_not_there_is_refused_with_those_that_are(tmp_path):
    data = shop_of(tmp_path, TYPED, type="what", weights={"view": 1, "购买": 4}, time="day")
    with pytest.raises(ValueError, match=r"'sold'; there are view, 购买"):
        read_purchases(data, "sold")
    with pytest.raises(ValueError, match="no types of event"):
        read_purchases(shop_of(tmp_path, TYPED, time="day"), "sold")


def test_the_heaviest_type_is_bought_where_no_name_says_so(tmp_path):
    text = TYPED.replace("购买", "x1")
    data = shop_of(tmp_path, text, type="what", weights={"view": 1, "x1": 4}, time="day")
    assert len(read_purchases(data)) == 2


RETURNS = (
    "user,item,n,eur,day\n"
    "u,a,2,10,2024-01-01\n"
    "u,b,1,5,2024-01-01\n"
    "u,a,-1,10,2024-01-09\n"
    "v,a,1,10,2024-01-03\n"
    "v,a,-1,-10,2024-01-04\n"
    "w,c,1,,2024-01-05\n"
)


def test_returns_lower_the_value_and_make_no_order(tmp_path):
    data = shop_of(tmp_path, RETURNS, quantity="n", price="eur", time="day")
    purchases = read_purchases(data)
    orders = purchases.orders()
    names = data.users.ids[orders["user"]]
    # All that v bought went back: no order. The two lines of u's day are one.
    assert list(names) == ["u", "w"]
    assert orders["value"].tolist() == [25.0, 0.0]
    brought = np.bincount(purchases.user, weights=purchases.value)
    assert brought[data.users.rows(["u", "v", "w"])].tolist() == [15.0, 0.0, 0.0]
    told = " ".join(purchases.said)
    assert "2 returns" in told
    assert "1 of 6 purchases have no price" in told


def test_what_was_paid_in_all_may_stand_in_a_column(tmp_path):
    columns = {"quantity": "n", "price": "eur", "time": "day"}
    data = shop_of(tmp_path, RETURNS, ("eur",), **columns)
    assert read_purchases(data, paid="eur").orders()["value"].tolist() == [15.0, 0.0]
    with pytest.raises(ValueError, match=r"--paid: .*'total'"):
        read_purchases(data, paid="total")


def test_orders_go_by_a_column_of_baskets(tmp_path):
    text = (
        "user,item,no,day\nu,a,1,2024-01-01\nu,b,2,2024-01-01\nu,c,2,2024-01-02\nv,c,,2024-01-02\n"
    )
    data = shop_of(tmp_path, text, ("no",), time="day")
    assert len(read_purchases(data).orders()) == 3
    assert len(read_purchases(data, basket="no").orders()) == 3
    assert read_purchases(data, basket="no").order.tolist() == [0, 1, 1, 2]


def test_a_shop_without_times_and_prices_has_orders_all_the_same(tmp_path):
    data = shop_of(tmp_path, "user,item\nu,a\nu,b\nv,a\n")
    purchases = read_purchases(data)
    assert purchases.day is None
    assert purchases.value is None
    assert len(purchases.orders()) == 3


def test_a_shop_without_events_is_refused(tmp_path):
    (tmp_path / "items.csv").write_text("id\na\n")
    from tfmm.data import load

    items = load({"root": str(tmp_path), "items": {"table": "items.csv", "id": "id"}})
    with pytest.raises(ValueError, match="no events"):
        read_purchases(items)
