"""RMSE and MAE against scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from tfmm.evaluation.labels import mae, rmse


@pytest.mark.parametrize(
    ("ours", "theirs"), [(rmse, root_mean_squared_error), (mae, mean_absolute_error)]
)
def test_they_are_those_of_scikit_learn(ours, theirs):
    rng = np.random.default_rng(1)
    said, true = rng.normal(3, 1, 500), rng.integers(1, 6, 500).astype(np.float32)
    weight = rng.random(500)
    assert ours(said, true) == pytest.approx(theirs(true, said))
    assert ours(said, true, weight) == pytest.approx(theirs(true, said, sample_weight=weight))
    assert np.isnan(ours(np.zeros(0), np.zeros(0)))
    with pytest.raises(ValueError, match="missing labels"):
        ours(np.zeros(1), np.array([np.nan]))
    with pytest.raises(ValueError, match=r"\[3, 1\] \(`said`\)"):
        ours(np.zeros((3, 1)), np.zeros((3, 1)))
