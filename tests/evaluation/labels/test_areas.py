"""AUC against scikit-learn's, and within shoppers against a loop over them."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tfmm.evaluation.labels import auc, auc_of_groups, auc_within
from tfmm.evaluation.ranking import NotANumberError


@pytest.fixture
def clicks():
    """Predictions with many ties, labels, shoppers (some with one class alone), weights."""
    rng = np.random.default_rng(1)
    said = np.round(rng.random(3000), 1).astype(np.float32)
    true = (rng.random(3000) < 0.2 + 0.5 * said).astype(np.float32)
    group = rng.integers(-1, 900, 3000)
    return said, true, group, rng.integers(0, 4, 3000).astype(float)


def test_it_is_that_of_scikit_learn_ties_and_weights_included(clicks):
    said, true, _, weight = clicks
    assert auc(said, true) == pytest.approx(roc_auc_score(true, said))
    wanted = roc_auc_score(true, said, sample_weight=weight)
    assert auc(said, true, weight) == pytest.approx(wanted)


def test_ties_count_half_and_any_scale_will_do():
    true = np.array([1, 0, 1, 0])
    assert auc(np.full(4, -7.0), true) == 0.5
    assert auc(np.array([np.inf, -np.inf, 3.0, 1.0]), true) == 1.0


@pytest.mark.parametrize("true", [[], [0.0, 0.0], [1.0, 1.0]])
def test_one_class_alone_or_nothing_has_none(true):
    true = np.array(true)
    assert np.isnan(auc(np.linspace(0, 1, len(true)), true))
    value, groups = auc_within(np.linspace(0, 1, len(true)), true, np.arange(len(true)))
    assert np.isnan(value)
    assert groups == 0


@pytest.mark.parametrize("weighted", [False, True])
def test_within_shoppers_it_is_the_mean_over_those_with_both_by_their_examples(clicks, weighted):
    said, true, group, weight = clicks
    worth = weight if weighted else np.ones(len(said))
    areas, sizes = [], []
    for one in np.unique(group):
        rows = np.flatnonzero((group == one) & (worth > 0))
        if 0 < true[rows].sum() < len(rows):
            areas.append(roc_auc_score(true[rows], said[rows], sample_weight=worth[rows]))
            sizes.append(worth[rows].sum())
    assert 100 < len(areas) < len(np.unique(group))
    value, groups = auc_within(said, true, group, weight if weighted else None)
    assert value == pytest.approx(np.average(areas, weights=sizes))
    assert groups == len(areas)


def test_who_clicks_much_does_not_count_within():
    """A model that only knows which shoppers click is perfect over all and chance within."""
    group = np.repeat([5, 6], 50)
    true = np.r_[np.ones(49), 0, np.zeros(49), 1]
    said = np.where(group == 5, 0.9, 0.1)
    assert auc(said, true) > 0.97
    assert auc_within(said, true, group) == (0.5, 2)


def test_each_group_has_its_own(clicks):
    found = auc_of_groups(*clicks[:3])
    np.testing.assert_array_equal(found.group, np.unique(clicks[2]))
    assert found.weight.sum() == 3000
    rows = clicks[2] == found.group[3]
    assert found.weight[3] == rows.sum()


def test_neither_order_nor_the_groups_names_matter(clicks):
    said, true, group, _ = clicks
    order = np.random.default_rng(2).permutation(len(said))
    turned = auc_within(said[order], true[order], 10_000 - group[order])
    assert turned == pytest.approx(auc_within(said, true, group))


@pytest.mark.parametrize(
    ("said", "true", "message"),
    [
        ([0.1, 0.2], [1.0], r"\[2\] \(`said`\), \[1\] \(`true`\)"),
        ([0.1, 0.2], [1.0, np.nan], "1 missing labels, NaN, among 2"),
        ([0.1, 0.2], [1.0, 3.0], "must be 0 or 1, but 1 of its 2 labels are not, such as 3"),
    ],
)
def test_what_is_no_label_is_refused(said, true, message):
    with pytest.raises(ValueError, match=message):
        auc(np.array(said), np.array(true))


def test_predictions_that_are_nan_and_weights_that_do_not_fit_are_refused():
    with pytest.raises(NotANumberError, match="1 NaN among 2 predictions"):
        auc(np.array([np.nan, 1]), np.array([0, 1]))
    with pytest.raises(ValueError, match=r"\[1\] \(`weight`\)"):
        auc(np.array([0.5, 1]), np.array([0, 1]), np.ones(1))
