"""Ratings of a small shop whose users have tastes."""

import numpy as np
import pytest

from tfmm.baselines.ratings import Ratings


def made(n_users=80, n_items=60, share=0.4, noise=0.3, seed=1):
    """Ratings of 1 to 5 by offsets and a taste of two kinds of items, and the items' kinds."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 2, n_items)
    taste = rng.choice([-1.0, 1.0], n_users)
    full = 3 + 0.4 * rng.normal(size=(n_users, 1)) + 0.4 * rng.normal(size=n_items)
    full = full + taste[:, None] * np.where(kind, 0.9, -0.9)
    full += noise * rng.normal(size=full.shape)
    user, item = np.nonzero(rng.random(full.shape) < share)
    value = np.clip(full[user, item], 1, 5).astype(np.float32)
    return Ratings(user, item, value, n_users, n_items), kind


def cut(ratings, rows):
    user, item, value, *sizes = ratings
    return Ratings(user[rows], item[rows], value[rows], *sizes)


@pytest.fixture(scope="session")
def parts():
    """Training and validation, a fifth, and vectors of the items."""
    ratings, kind = made()
    drawn = np.random.default_rng(2).random(len(ratings.value)) < 0.2
    return cut(ratings, ~drawn), cut(ratings, drawn), np.eye(2)[kind]
