"""BG/NBD, Gamma-Gamma and the Keras model, against formulas, simulations and a published fit."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import hyp2f1

from tfmm.shoppers.returning import network
from tfmm.shoppers.returning.bgnbd import fit_bgnbd
from tfmm.shoppers.returning.gammagamma import fit_gamma_gamma
from tfmm.shoppers.returning.history import History, by_day, future_of, history_at
from tfmm.shoppers.returning.holdout import calibration_of, deciles, measure
from tfmm.shoppers.returning.network import Forecast, earlier_cuts

CDNOW = Path(os.environ.get("TFMM_DATA", "/nowhere")) / "cdnow" / "sample_2357.csv.gz"


def simulated(n: int = 3000, seed: int = 0) -> pd.DataFrame:
    """Orders of shoppers as BG/NBD has them: r 0.8, alpha 25 days, a 0.9, b 2.5."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(n):
        rate, stop = rng.gamma(0.8, 1 / 25), rng.beta(0.9, 2.5)
        day, worth = float(rng.integers(0, 100)), 20 * rng.gamma(3.0) / rng.gamma(4.0)
        alive, orders = True, 0
        while day < 600 and alive:
            rows.append((user, np.floor(day), worth * rng.gamma(6.0) / 6))
            orders += 1
            alive = orders == 1 or rng.random() >= stop  # nobody stops after the first order
            day += max(rng.exponential(1 / max(rate, 1e-9)), 1.0)
    return pd.DataFrame(rows, columns=["user", "day", "value"])


@pytest.fixture(scope="module")
def days() -> pd.DataFrame:
    return by_day(simulated())


def test_a_history_sees_nothing_of_the_cut_or_later():
    orders = pd.DataFrame(
        {"user": [1, 1, 1, 2, 3], "day": [0.0, 4, 10, 3, 12], "value": [1.0, 3, 5, 7, 9]}
    )
    days = by_day(orders)
    history = history_at(days, 10)
    assert history.user.tolist() == [1, 2]
    assert history.repeats.tolist() == [1, 0]
    assert history.recency.tolist() == [4, 0]
    assert history.age.tolist() == [9, 6]
    assert history.mean_value.tolist() == [2, 7]
    future = future_of(days, history, 10, 5)
    assert future.orders.tolist() == [1, 0]
    assert future.value.tolist() == [5, 0]
    with pytest.raises(ValueError, match="nothing was bought"):
        history_at(days, 0)


def test_expected_orders_are_those_of_the_published_formula(days):
    history = history_at(days, 300)
    model = fit_bgnbd(history)
    r, alpha, a, b, t = model.r, model.alpha, model.a, model.b, 120.0
    x, age = history.repeats, history.age
    whole = (a + b + x - 1) / (a - 1)
    decay = ((alpha + age) / (alpha + age + t)) ** (r + x)
    series = hyp2f1(r + x, b + x, a + b + x - 1, t / (alpha + age + t))
    told = whole * (1 - decay * series) * model.alive(history)
    np.testing.assert_allclose(model.expected(history, t), told, rtol=2e-3, atol=2e-3)


def test_bgnbd_finds_what_happens_next(days):
    history = history_at(days, 300)
    model = fit_bgnbd(history)
    future = future_of(days, history, 300, 150)
    expected = model.expected(history, 150)
    assert expected.sum() / future.orders.sum() == pytest.approx(1, abs=0.2)
    back = model.comes_back(history, 150)
    assert ((back >= 0) & (back <= 1)).all()
    assert back.mean() == pytest.approx((future.orders > 0).mean(), abs=0.08)
    longer = model.expected(history, 300)
    assert (longer >= expected).all()


@pytest.mark.parametrize("kind", ["equal rates", "nobody twice", "everyone daily", "one shopper"])
def test_the_fit_does_not_diverge_where_the_likelihood_has_no_top(kind):
    rng = np.random.default_rng(0)
    n = 1 if kind == "one shopper" else 800
    age = np.full(n, 200.0)
    x = {
        "equal rates": rng.poisson(4.0, n),
        "nobody twice": np.zeros(n),
        "everyone daily": np.full(n, 199),
        "one shopper": np.array([2]),
    }[kind].astype(float)
    last = np.where(x > 0, age * (x / (x + 1)), 0.0)
    if kind == "everyone daily":
        last = np.full(n, 199.0)
    history = History(np.arange(n), x, last, age, np.full(n, 10.0), x + 1)
    model = fit_bgnbd(history)
    fitted = np.array([model.r, model.alpha, model.a, model.b])
    assert np.isfinite(fitted).all()
    assert (fitted < 1e5).all()
    expected = model.expected(history, 100)
    assert np.isfinite(expected).all()
    # As many as so far, or less: never a multiple.
    assert expected.mean() <= 1.5 * max(x.mean() / 2, 0.05)
    assert np.isfinite(fit_gamma_gamma(history).order_value(history)).all()


def test_gamma_gamma_draws_single_orders_towards_the_mean(days):
    history = history_at(days, 300)
    money = fit_gamma_gamma(history)
    told = money.order_value(history)
    once, often = history.orders == 1, history.orders > 6
    far = np.abs(np.log(told / history.mean_value))
    assert far[often].mean() < 0.4 * far[once].mean()
    assert told.mean() == pytest.approx(history.mean_value.mean(), rel=0.2)
    none = History(
        history.user,
        history.repeats,
        history.recency,
        history.age,
        np.full(len(history), np.nan),
        history.orders,
    )
    assert fit_gamma_gamma(none) is None


def test_cuts_leave_a_horizon_or_what_there_is():
    assert earlier_cuts(0, 400, 100)[-1] == 300
    assert all(0 < cut < 273 for cut in earlier_cuts(0, 273, 273))


def test_the_network_starts_as_bgnbd_and_learns(days, monkeypatch):
    monkeypatch.setattr(network, "MEMBERS", 1)
    monkeypatch.setattr(network, "LENGTH", 4)
    monkeypatch.setattr(network, "_EPOCHS", 4)
    days = days[days["user"] < 1500]
    found = measure(days, 0.0, 300.0, 150.0)
    table = found.table().set_index("forecast")
    assert table.loc["Keras", "auc"] > 0.7
    assert table.loc["Keras", "mae"] < table.loc["rate alone", "mae"]
    assert abs(table.loc["Keras", "bias"]) < 0.35
    said = found.forecasts["Keras"]
    assert ((said.comes_back > 0) & (said.comes_back < 1)).all()
    assert (said.orders >= said.comes_back - 1e-6).all()
    assert np.isfinite(said.value).all()


def test_the_network_reads_nothing_of_its_cut_or_later(days, monkeypatch):
    monkeypatch.setattr(network, "MEMBERS", 1)
    monkeypatch.setattr(network, "LENGTH", 4)
    monkeypatch.setattr(network, "_EPOCHS", 1)
    days = days[days["user"] < 300]
    whole = measure(days, 0.0, 300.0, 150.0).forecasts["Keras"]
    cut = measure(days[days["day"] < 300], 0.0, 300.0, 150.0).forecasts["Keras"]
    np.testing.assert_allclose(whole.orders, cut.orders, rtol=1e-4)


def test_calibration_mends_a_forecast_that_says_too_much():
    rng = np.random.default_rng(0)
    chance = rng.uniform(0.05, 0.5, 4000)
    from tfmm.shoppers.returning.history import Future

    back = (rng.random(4000) < chance).astype(float)
    said = Forecast(chance**0.5, 2 * chance, 20 * chance)
    mended = calibration_of(said, Future(back, 10 * back))(said)
    assert mended.comes_back.mean() == pytest.approx(back.mean(), abs=0.01)
    assert np.abs(mended.comes_back - chance).mean() < 0.03
    assert mended.orders.sum() == pytest.approx(back.sum())
    table = deciles(mended, Future(back, back), 10)
    assert len(table) == 10
    assert np.abs(table["expected"] - table["happened"]).max() < 0.08


@pytest.mark.realdata
@pytest.mark.skipif(not CDNOW.is_file(), reason="needs the data set cdnow in TFMM_DATA")
def test_the_published_fit_is_reproduced():
    table = pd.read_csv(CDNOW)
    day = (pd.to_datetime(table["date"].astype(str)) - pd.Timestamp(0)).dt.days.astype(float)
    orders = pd.DataFrame({"user": table["customer_id"], "day": day, "value": table["dollars"]})
    cut = (pd.Timestamp("1997-10-01") - pd.Timestamp(0)).days
    model = fit_bgnbd(history_at(by_day(orders), cut))
    assert model.log_likelihood == pytest.approx(-9582.4, abs=0.05)
    told = (model.r, model.alpha / 7, model.a, model.b)
    np.testing.assert_allclose(told, (0.243, 4.414, 0.793, 2.426), rtol=0.01)
