"""Events become series."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml

import tfmm
from tests.tasks.demand.shops import run_of, write_shop
from tfmm.tasks.base import Task
from tfmm.tasks.config import RunFileError
from tfmm.tasks.demand.config import DemandConfig
from tfmm.tasks.demand.parts import parts_of
from tfmm.tasks.demand.series.calendar import calendar
from tfmm.tasks.demand.series.periods import first_day, named, period_of, whole_periods
from tfmm.tasks.demand.series.read import series_of
from tfmm.training import train

DAY = 86_400_000_000


def micros(*days: str) -> np.ndarray:
    return np.array(days, "datetime64[us]").astype(np.int64)


def series(folder, rows, every="day", columns=("user", "item", "at", "pieces", "price"), **changes):
    """Series of a table of events."""
    folder.mkdir(exist_ok=True)
    pd.DataFrame(rows, columns=list(columns)).to_csv(folder / "events.csv", index=False)
    events = {"table": "events.csv", "user": "user", "item": "item", "time": "at"}
    shop = {"root": str(folder), "events": {**events, "quantity": "pieces", "price": "price"}}
    value = {"task": "demand", "shop": shop, "series": {"every": every}, **changes}
    value["series"] = {"every": every, **changes.get("series", {})}
    config = DemandConfig.from_dict(value)
    return series_of(tfmm.load(shop), config), config


@pytest.mark.parametrize("every", ["day", "week", "month"])
def test_periods_follow_each_other_and_begin_where_they_say(every):
    time = micros("1999-12-31", "2000-01-01", "2000-02-29", "2000-03-01", "2024-12-30")
    period = period_of(time, every)
    day = time // DAY
    assert (first_day(period, every) <= day).all()
    assert (first_day(period + 1, every) > day).all()
    if every == "week":
        assert {pd.Timestamp(one).day_name() for one in named(period, every)} == {"Monday"}


def test_what_the_log_holds_in_part_is_left_out():
    # From a Sunday to a Tuesday.
    assert whole_periods(micros("2024-01-07", "2024-01-20", "2024-01-30"), "week") == tuple(
        period_of(micros("2024-01-08", "2024-01-29"), "week")
    )
    # Monthly sums of the first of each month are whole.
    first, end = whole_periods(micros("2024-01-01", "2024-03-01"), "month")
    assert end - first == 3


def test_quantities_returns_and_starts_add_up(tmp_path):
    rows = [
        ("u", "帽/é", "2024-01-02", 2, 5.0),
        ("u", "帽/é", "2024-01-02", "", 5.0),
        ("u", "帽/é", "2024-01-04", -3, 5.0),
        ("u", "b", "2024-01-03", 400, 1.0),
        ("u", "b", "2024-01-05", 4, ""),
    ]
    found, _ = series(tmp_path, rows, series={"most": 100})
    at = {name: found.values[row].tolist() for row, name in enumerate(found.catalog.ids)}
    assert at == {"帽/é": [3, 0, 0, 0], "b": [0, 1, 0, 4]}
    assert found.start.tolist() == [0, 1]
    assert found.on_sale.sum() == 7
    assert found.counted["returns"] == 1
    assert found.counted["events without a quantity, which count as one piece"] == 1
    assert found.counted["events of more than 100 pieces, which count as one"] == 1
    assert found.counted["periods with more returns than sales, which count as 0"] == 1
    money, _ = series(tmp_path, rows, series={"value": "revenue"})
    assert money.values[1].tolist() == [0, 400, 0, 0]
    log, _ = series(tmp_path, rows, series={"start": "log"})
    assert log.start.tolist() == [0, 0]


def test_days_a_year_apart_are_a_series_of_zeros_between(tmp_path):
    rows = [("u", "a", "2023-05-01", 1, 2.0), ("u", "a", "2024-05-01", 2, 2.0)]
    found, config = series(tmp_path, rows)
    assert found.periods == 367
    assert found.values.sum() == 3
    parts = parts_of(found, config)
    assert parts.counts()["test"] == 8
    assert parts.valid.origin.max() + 4 <= parts.test.origin.min()


def test_two_weeks_of_events_are_answered_by_day_and_refused_by_week(tmp_path):
    rows = [("u", "a", f"2024-01-{day:02d}", 1, 2.0) for day in range(1, 15)]
    short, config = series(tmp_path, rows, "week")
    with pytest.raises(RunFileError, match=r"holds 2 whole weeks(.|\n)*split\.test"):
        parts_of(short, config)
    daily, config = series(
        tmp_path, rows, split={"test": 2, "valid": 2}, network={"horizon": 2, "window": 7}
    )
    assert parts_of(daily, config).counts()["train"] == 7


def test_what_cannot_be_forecast_is_refused_by_name(tmp_path):
    rows = [("u", "a", "2024-01-01", 1, "")] * 3
    with pytest.raises(RunFileError, match=r"no column of event types"):
        series(tmp_path, rows, series={"types": ["sale"]})
    with pytest.raises(RunFileError, match=r"none is left"):
        series(tmp_path, rows, split={"until": "2020-01-01"})
    with pytest.raises(RunFileError, match=r"quantiles` must ascend(.|\n)*0\.5"):
        series(tmp_path, rows, network={"quantiles": [0.1, 0.9]})
    items = {"items": {"id": "item", "features": {}}}
    shop = {
        "root": str(tmp_path),
        "events": {"table": "events.csv", "user": "user", "item": "item"},
    }
    config = DemandConfig.from_dict({"task": "demand", "shop": {**shop, **items}})
    with pytest.raises(RunFileError, match=r"needs the time of each sale"):
        series_of(tfmm.load(shop), config)


def test_no_part_sees_what_comes_after_it(tmp_path):
    shop = write_shop(tmp_path / "shop")
    config = DemandConfig.from_dict(run_of(shop))
    data = tfmm.load(str(shop), extra_event_columns=["promoted"])
    made = series_of(data, config)
    parts = parts_of(made, config)
    first_valid, first_test = int(parts.valid.origin.min()), int(parts.test.origin.min())
    assert parts.train.cut == first_valid
    assert parts.final.cut == first_test
    assert parts.train.origin.max() < first_valid
    assert parts.valid.origin.max() + 3 <= first_test
    cold = np.unique(parts.test.series[parts.test.cold])
    assert not np.isin(parts.final.series, cold).any()
    late = np.unique(parts.valid.series[parts.valid.cold])
    assert not np.isin(parts.train.series, late).any()
    assert np.isin(late, parts.final.series).all()
    # The plan tells of weeks to come, sales of the past alone.
    assert made.plan.names == ("promotion", "price")
    assert made.plan.values.shape == (45, made.periods + 3, 2)
    assert made.unknown.shape == (45, made.periods, 2)
    assert made.plan.values[..., 0].sum(axis=0).min() > 0
    assert (made.plan.values[..., 1] == 0).all()


def test_a_plan_of_other_things_is_refused(tmp_path):
    shop = write_shop(tmp_path / "shop")
    plan = pd.read_csv(tmp_path / "shop" / "plan.csv")
    plan.assign(id="other").to_csv(tmp_path / "shop" / "plan.csv", index=False)
    with pytest.raises(RunFileError, match=r"no row of .*plan\.csv(.|\n)*'other'"):
        train(run_of(shop), tmp_path / "run", say=lambda _: None)
    plan.assign(week="soon").to_csv(tmp_path / "shop" / "plan.csv", index=False)
    with pytest.raises(RunFileError, match=r"'week', row 1: 'soon' is no ISO time"):
        train(run_of(shop), tmp_path / "run", say=lambda _: None)


def test_holidays_are_counted_by_period():
    week = period_of(micros("2024-12-23", "2024-12-30"), "week")
    found = calendar(week, "week", "DE-BY")
    plain = calendar(week, "week", None)
    assert found.shape[1] == plain.shape[1] + 2
    # Both days of Christmas, and New Year's in the week after.
    assert found[0, -2:].tolist() == [2, 1]
    assert calendar(period_of(micros("2024-01-06"), "day"), "day", "DE-BY")[0, -2] == 1
    with pytest.raises(RunFileError, match="two letters"):
        calendar(week, "week", "nowhere")


def test_unknown_baselines_and_vectors_are_refused(tmp_path):
    from tfmm.tasks.registry import task_class

    kind: type[Task] = task_class("demand")
    shop = yaml.safe_load(write_shop(tmp_path / "shop").read_text("utf-8"))
    for change, said in (
        ({"evaluate": {"baselines": ["moving_averag"]}}, "moving_average"),
        ({"vectors": str(tmp_path)}, "no finished run"),
        ({"vectors": "x", "series": {"by": "kind"}}, "are of items"),
    ):
        with pytest.raises(RunFileError, match=said):
            kind.check(DemandConfig.from_dict({"task": "demand", "shop": shop, **change}))


def test_categories_are_series_with_what_their_items_share(tmp_path):
    shop = write_shop(tmp_path / "shop")
    table = pd.read_csv(tmp_path / "shop" / "items.csv")
    table["room"] = np.where(table.kind == "帽子", "Flur", "Küche")
    table["shade"] = ["red", "blue"] * 22 + ["red"]
    table.to_csv(tmp_path / "shop" / "items.csv", index=False)
    value = yaml.safe_load(shop.read_text("utf-8"))
    for name in ("room", "shade"):
        value["items"]["features"][name] = {"kind": "category", "column": name}
    run = {**run_of(shop, series={"by": "kind"}, futures={}), "shop": value}
    config = DemandConfig.from_dict(run)
    data = tfmm.load(value)
    made = series_of(data, config)
    assert sorted(made.catalog.ids) == sorted(["帽子", "café table", "💡 lamp"])
    assert list(made.catalog.features) == ["kind", "room"]
    whole = series_of(data, DemandConfig.from_dict({**run, "series": {"by": "item"}}))
    np.testing.assert_allclose(made.values.sum(axis=0), whole.values.sum(axis=0), atol=3)
