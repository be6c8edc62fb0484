"""Plots of labels open, whatever there is to show."""

import numpy as np
import pytest
from PIL import Image

from tfmm.evaluation.labels import reliability
from tfmm.evaluation.plots import classes, labels

RNG = np.random.default_rng(1)
STARS = RNG.integers(1, 6, 2000).astype(np.float32)
HALVES = RNG.normal(0, 10, 2000)


@pytest.mark.parametrize(
    "true",
    [STARS, HALVES, np.where(STARS > 3, STARS, np.nan), np.full(3, 4.0), np.zeros(0)],
    ids=["stars", "numbers", "missing", "one", "none"],
)
def test_ratings_said_and_true(tmp_path, true):
    said = np.nan_to_num(true) * 0.6 + 1.4 + RNG.normal(0, 0.5, len(true))
    with Image.open(labels.predicted_ratings(said, true, tmp_path / "评分.png")) as picture:
        assert picture.width > 500


def test_the_reliability_of_a_rare_label_fills_its_axes(tmp_path):
    said = RNG.beta(1, 40, 3000)
    rows = reliability(said, RNG.random(3000) < said)
    drawn = classes.reliability(rows, tmp_path / "点击/rare.png", label="点击 is_click $x$")
    with Image.open(drawn) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    # Dots, which are blue, reach the right half, where all would be in the left corner of 0 to 1.
    blue = (pixels[:, :, 2] - pixels[:, :, 0] > 60).nonzero()[1]
    assert blue.max() > 0.8 * pixels.shape[1]
    assert classes.reliability([], tmp_path / "none.png", label="kauft 😀").exists()
