"""Demand, from a tiny shop's events to forecasts that are served."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import tfmm
from tests.tasks.contract import TaskContract
from tests.tasks.demand.shops import run_of, write_shop
from tfmm.commands.main import main
from tfmm.export import export_model
from tfmm.tasks.demand.orders import orders_for
from tfmm.tasks.demand.parts import Origins
from tfmm.training import load_run, train


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return write_shop(tmp_path_factory.mktemp("店 é"))


@pytest.fixture(scope="module")
def run(shop, tmp_path_factory):
    return train(run_of(shop), tmp_path_factory.mktemp("run") / "run", say=lambda _: None)


class TestContract(TaskContract):
    simplest = ("wape", "last_value")

    @pytest.fixture(scope="class")
    @classmethod
    def run(cls, run):
        return run


def test_promotions_and_what_never_sold_are_learned(run):
    metrics = json.loads((run.path / "metrics.json").read_text("utf-8"))
    model, baselines = metrics["model"], metrics["baselines"]
    # Promotions double what sells; the average does not know of them.
    assert model["wape"] < 0.95 * baselines["moving_average"]["wape"]
    assert abs(model["bias"]) < 0.15
    assert 0.65 < model["coverage"] < 0.93
    cold = metrics["cold"]
    assert metrics["split"]["cold_series"] == 9
    assert cold["model"]["wape"] < 1.1 * cold["category_mean"]["wape"]
    report = (run.path / "report.md").read_text("utf-8")
    for said in ("What has never sold", "Forecasts by speed of sale", "2 without any event"):
        assert said in report
    for plot in ("best.png", "worst.png", "quantiles.png", "learning.png"):
        assert (run.path / "plots" / plot).exists()


def test_what_is_served_is_what_was_measured(run, tmp_path):
    version = export_model(run.path, tmp_path / "models", say=lambda _: None)
    served = tf.saved_model.load(str(version)).signatures
    loaded = load_run(run.path)
    series = loaded.task.series
    rows = np.arange(len(series))
    cold = series.start == series.periods
    now = Origins(rows, np.full(len(rows), series.periods), cold, series.periods)
    found = loaded.model.forecast(now)
    answer = served["forecast"](item_id=tf.constant(series.catalog.ids.tolist()))
    for name in ("mean", "low", "high", "quantiles"):
        expected = getattr(found, name)
        np.testing.assert_allclose(answer[name].numpy(), expected, rtol=2e-3, atol=2e-3)
    assert answer["period"].numpy()[0, 0].decode() == "2024-10-07"
    assert answer["known"].numpy().all()


def test_an_unknown_id_is_told_as_unknown_and_plans_count(run, tmp_path):
    version = export_model(run.path, tmp_path / "models", say=lambda _: None)
    served = tf.saved_model.load(str(version)).signatures
    unknown = served["forecast"](item_id=tf.constant(["no such thing"]))
    assert not unknown["known"].numpy().any()
    assert np.isfinite(unknown["mean"].numpy()).all()
    ids, as_it_is = tf.constant(["é/000"]), tf.fill([1, 3], np.nan)
    plain, promoted = (
        served["forecast_planned"](item_id=ids, promotion=tf.fill([1, 3], share), price=as_it_is)[
            "mean"
        ].numpy()
        for share in (0.0, 1.0)
    )
    # Twice as much is sold then; so short a training learns a part of it.
    assert (promoted > 1.15 * plain).all()
    same = served["forecast_planned"](item_id=ids, promotion=as_it_is, price=as_it_is)
    np.testing.assert_allclose(same["mean"], served["forecast"](item_id=ids)["mean"])


def test_new_things_are_forecast_by_their_words(run, tmp_path):
    version = export_model(run.path, tmp_path / "models", say=lambda _: None)
    served = tf.saved_model.load(str(version)).signatures["forecast_new"]
    asked = tf.constant(["帽子 nº 99", "💡 lamp nº 99", ""]), tf.constant(["帽子", "💡 lamp", ""])
    found = served(title=asked[0], kind=asked[1])
    mean = found["mean"].numpy().mean(axis=1)
    assert mean[0] > 3 * mean[1]
    assert found["known"].numpy().tolist() == [True, True, False]


def test_revenue_of_stores_is_forecast(shop, tmp_path):
    config = run_of(
        shop,
        series={"by": "store", "value": "revenue"},
        network={"window": 8, "horizon": 3, "hidden": 8, "members": 1},
        futures={},
        split={"test": 2, "valid": 3},
        train={"epochs": 2},
    )
    run = train(config, tmp_path / "run", say=lambda _: None)
    assert set(run.metrics["baselines"]) == {"last_value", "moving_average", "category_mean"}
    assert run.metrics["mix"] == 0
    version = export_model(run.path, tmp_path / "models", say=lambda _: None)
    served = tf.saved_model.load(str(version)).signatures["forecast"]
    answer = served(series_id=tf.constant(["店1"]))
    assert answer["known"].numpy().all()
    assert (answer["mean"].numpy() > 20).all()


def test_orders_fill_the_stock_for_a_service_level(run, tmp_path, capsys):
    stock = tmp_path / "stock.csv"
    stock.write_text("sku,held\né/000,9999\né/001,2\né/001,1\nother,5\n", "utf-8")
    out = tmp_path / "orders.parquet"
    options = ["--lead", "2", "--stock", str(stock), "--id", "sku", "--column", "held"]
    assert main(["demand", str(run.path), "--out", str(out), *options]) == 0
    said = capsys.readouterr().out
    assert "1 rows are of ids that the run lacks, and 43 series are not in it" in said
    assert "wrote 45 series" in said
    table = pd.read_parquet(out).set_index("id")
    assert table.loc["é/000", "order"] == 0
    assert table.loc["é/001", "stock"] == 3
    assert table.loc["é/001", "order"] == max(0, table.loc["é/001", "order_up_to"] - 3)
    assert table["new"].sum() == 2
    assert (table["order_up_to"] >= table["lead_time_mean"] - 1).all()
    sure = orders_for(run, service=0.99, lead=2).set_index("id")
    assert (sure["order_up_to"] >= table["order_up_to"]).all()
    assert (sure["order_up_to"] > table["order_up_to"]).any()
    assert main(["demand", str(run.path), "--out", str(out), "--lead", "9"]) == 1
    assert "not within the run's horizon of 3" in capsys.readouterr().err


def test_a_backtest_trains_before_each_window_and_less_error_is_better(shop, tmp_path):
    small = {"window": 8, "horizon": 3, "hidden": 8, "members": 1}
    config = run_of(shop, split={}, futures={}, network=small, train={"epochs": 1})
    found = tfmm.backtest(config, tmp_path / "out", windows=1, every="28d", say=lambda _: None)
    table = found.table()
    assert set(table["name"]) == {"model", "last_value", "moving_average", "category_mean"}
    assert table["origin"].nunique() == 1
    best = table.groupby("name")["wape"].mean().min()
    report = (tmp_path / "out" / "report.md").read_text("utf-8")
    assert f"**{best:.4f}**" in report
