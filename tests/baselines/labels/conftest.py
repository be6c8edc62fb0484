"""Clicks of a small shop: by user, video, a device that is missing at times, and an age."""

import numpy as np
import pytest
from scipy.special import expit

from tfmm.baselines.labels import Labelled, Table

try:
    import lightgbm  # noqa: F401
except (ImportError, OSError):
    TREES = False
else:
    TREES = True

#: Why tests of boosted trees are skipped.
NO_TREES = "needs tfmm[boosted], and the library libgomp"

NAMES = {"number_names": ("年龄", "price"), "category_names": ("user", "video", "device")}


def made(n=6000, seed=1):
    rng = np.random.default_rng(seed)
    world = np.random.default_rng(0)  # the same users and videos whatever is drawn
    by_user, by_video = world.normal(size=60), 1.5 * world.normal(size=40)
    user, video, device = (rng.integers(0, size, n) for size in (60, 40, 3))
    age, price = rng.normal(40, 12, n), rng.lognormal(3, 2, n)
    odds = by_user[user] + by_video[video] + np.array([-1, 0, 1])[device] + (age - 40) / 12
    value = (rng.random(n) < expit(odds - 0.5)).astype(np.float32)
    numbers = np.stack([age, price], axis=1).astype(np.float32)
    numbers[rng.random(n) < 0.1, 0] = np.nan
    device[rng.random(n) < 0.1] = -1
    codes = np.stack([user, video, device], axis=1).astype(np.int32)
    return Labelled(Table(numbers, codes, **NAMES), value)


def cut(labelled, rows):
    return Labelled(labelled.table.rows(rows), labelled.value[rows])


@pytest.fixture(scope="session")
def parts():
    whole = made()
    return cut(whole, slice(0, 4000)), cut(whole, slice(4000, 5000)), cut(whole, slice(5000, None))
