"""All metrics of a label at once, and the interval of a difference."""

import time

import numpy as np
import pytest

from tfmm.evaluation.labels import (
    auc_within,
    label_counts,
    label_difference,
    label_metrics,
    log_loss,
    mae,
    ndcg_of_lists,
    rmse,
)


@pytest.fixture
def clicks():
    """A good model, a worse one, labels of which some are missing, and shoppers."""
    rng = np.random.default_rng(1)
    chance = rng.beta(2, 5, 4000)
    true = (rng.random(4000) < chance).astype(np.float32)
    true[::17] = np.nan
    return chance, rng.beta(2, 5, 4000), true, rng.integers(0, 300, 4000)


def test_missing_labels_are_left_out_and_counted(clicks):
    said, _, true, group = clicks
    there = ~np.isnan(true)
    assert label_metrics("binary", said, true, group) == label_metrics(
        "binary", said[there], true[there], group[there]
    )
    counts = label_counts("binary", true, group)
    assert counts["missing"] == (~there).sum()
    assert counts["examples"] == there.sum()
    assert counts["positives"] == np.nansum(true)
    assert counts["groups_with_both"] == auc_within(said[there], true[there], group[there])[1]


def test_each_kind_has_its_metrics(clicks):
    said, _, true, group = clicks
    found = label_metrics("binary", said, true, group)
    assert list(found) == ["auc", "auc_within", "log_loss", "calibration_error", "ndcg@10"]
    assert all(type(value) is float for value in found.values())
    stars = np.array([5.0, 1, 3, np.nan])
    found = label_metrics("rating", np.array([4.0, 1, 3, 3]), stars, np.array([0, 0, 1, 1]))
    assert found == {"rmse": pytest.approx(3**-0.5), "mae": pytest.approx(1 / 3), "ndcg@10": 1.0}
    assert label_counts("rating", stars, np.array([0, 0, 1, 1])) == {
        "examples": 3,
        "missing": 1,
        "groups": 2,
    }


def test_ratings_below_zero_gain_from_the_lowest_on():
    true, said = np.array([-3.0, 0.0, 2.0]), np.array([0.0, 1.0, 2.0])
    group = np.zeros(3, int)
    assert label_metrics("rating", said, true, group)["ndcg@10"] == 1.0
    assert label_metrics("rating", -said, true, group)["ndcg@10"] < 0.8


@pytest.mark.parametrize("kind", ["binary", "rating"])
def test_nothing_has_no_metric(kind):
    empty = np.zeros(0)
    assert all(np.isnan(v) for v in label_metrics(kind, empty, empty, empty.astype(int)).values())
    missing = label_metrics(kind, np.full(2, 0.5), np.full(2, np.nan), np.zeros(2, int))
    assert all(np.isnan(value) for value in missing.values())


def test_another_kind_is_refused():
    with pytest.raises(ValueError, match="`kind` is 'star', but it must be one of binary, rating"):
        label_metrics("star", np.ones(1), np.ones(1), np.zeros(1, int))


def test_a_million_examples_take_about_a_second():
    rng = np.random.default_rng(1)
    said, group = rng.random(1_000_000, np.float32), rng.integers(0, 30_000, 1_000_000)
    true = (rng.random(1_000_000) < said).astype(np.float32)
    start = time.process_time()
    label_metrics("binary", said, true, group)
    assert time.process_time() - start < 8  # a slow, busy machine included


@pytest.mark.parametrize(
    ("metric", "measure"),
    [
        ("auc_within", lambda said, true, group: auc_within(said, true, group)[0]),
        ("log_loss", lambda said, true, group: log_loss(said, true)),
        ("rmse", lambda said, true, group: rmse(said, true)),
        ("mae", lambda said, true, group: mae(said, true)),
        ("ndcg@5", lambda said, true, group: ndcg_of_lists(said, true, group, 5).ndcg),
    ],
)
def test_the_difference_is_that_of_the_metric_and_the_interval_that_of_resampled_shoppers(
    clicks, metric, measure
):
    a, b, true, group = clicks
    found = label_difference(metric, a, b, true, group, draws=400)
    a, b, true, group = (array[~np.isnan(true)] for array in (a, b, true, group))
    assert found["difference"] == pytest.approx(measure(a, true, group) - measure(b, true, group))
    assert found["low"] < found["difference"] < found["high"]
    assert found["low"] * found["high"] > 0  # the good model is better
    rng, draws = np.random.default_rng(5), []
    rows_of = [np.flatnonzero(group == one) for one in range(300)]
    for _ in range(200):
        drawn = rng.integers(0, 300, 300)
        rows = np.concatenate([rows_of[one] for one in drawn])
        copies = np.repeat(np.arange(300), [len(rows_of[one]) for one in drawn])
        draws.append(measure(a[rows], true[rows], copies) - measure(b[rows], true[rows], copies))
    low, high = np.quantile(draws, [0.025, 0.975])
    width = high - low
    assert found["low"] == pytest.approx(low, abs=0.2 * width)
    assert found["high"] == pytest.approx(high, abs=0.2 * width)


def test_a_model_does_not_differ_from_itself(clicks):
    said, _, true, group = clicks
    for metric in ("rmse", "auc_within"):
        found = label_difference(metric, said, said, true, group, draws=20)
        assert found == {"difference": 0.0, "low": 0.0, "high": 0.0}


def test_where_no_shopper_counts_there_is_no_difference():
    found = label_difference("auc_within", *np.full((2, 3), 0.5), np.ones(3), np.arange(3))
    assert all(np.isnan(value) for value in found.values())


def test_a_metric_that_is_no_mean_over_shoppers_is_refused(clicks):
    with pytest.raises(ValueError, match="`metric` is 'auc', but it must be auc_within, ndcg@k"):
        label_difference("auc", *clicks)
