"""What validation chooses of the prior, for shoppers with a history and for those without."""

import numpy as np
import pytest

from tests.tasks.retrieval.test_prior import timed
from tfmm.data.events.pairs import DAY, Pairs
from tfmm.data.events.parts import Split
from tfmm.tasks.retrieval.blend.choice import Chooser
from tfmm.tasks.retrieval.config import PriorConfig

ITEMS = 60


class Indifferent:
    """A learned model to which all items are alike."""

    def item_vectors(self):
        return np.zeros((ITEMS, 2), np.float32)

    def user_vectors(self, pairs, users=None, items=None):
        return np.zeros((pairs.n_users, 2), np.float32)


def shop(new_users):
    """Shoppers who buy what always sold, and newcomers who buy what sold in the last days."""
    rng = np.random.default_rng(1)
    old = 80
    rows = [(u, i, d) for d in range(90) for u, i in rng.integers(0, (old, 20), (6, 2))]
    rows += [(u, i + 30, 89) for u, i in rng.integers(0, (old, 20), (60, 2))]
    users = old + new_users
    train = timed(rows, users, ITEMS)
    later = [(u, i, 95) for u in range(old) for i in rng.choice(20, 4, replace=False)]
    later += [(u, i + 30, 95) for u in range(old, users) for i in rng.choice(20, 4, replace=False)]
    none = Pairs.empty(users, ITEMS, timed=True)
    return Split(
        train=train,
        valid=timed(later, users, ITEMS),
        test=none,
        cold_valid=np.array([], np.int32),
        cold_test=np.array([], np.int32),
        cold_valid_pairs=none,
        cold_test_pairs=none,
        by="time",
        ordered=True,
        refit=True,
    )


def chosen(new_users, **prior):
    parts = shop(new_users)
    assert parts.train.time.max() == 89 * DAY
    return Chooser(Indifferent(), parts, 0.1).choose(None, PriorConfig(**prior))[1]


def test_newcomers_have_a_half_life_of_their_own():
    choice = chosen(60)
    assert choice.weight > 0
    assert choice.newcomers > 0
    assert choice.newcomers_half_life <= 3
    assert choice.half_life is None or choice.half_life > 7


def test_few_newcomers_share_it():
    choice = chosen(49)
    assert (choice.newcomers, choice.newcomers_half_life) == (choice.weight, choice.half_life)


@pytest.mark.parametrize("new_users", [49, 60])
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"half_life": 14, "newcomers": 3.0}, (3.0, 14)),
        ({"newcomers": 3.0, "newcomers_half_life": 2.5}, (3.0, 2.5)),
    ],
)
def test_what_the_run_file_gives_is_not_chosen(new_users, given, expected):
    choice = chosen(new_users, **given)
    assert (choice.newcomers, choice.newcomers_half_life) == expected
