"""A learned model and a linear part in one inner product."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from tfmm.data.events.pairs import Pairs
from tfmm.layers.towers import ItemTower, UserTower
from tfmm.tasks.retrieval import two_tower as module
from tfmm.tasks.retrieval.blend.blend import Blend
from tfmm.tasks.retrieval.blend.linear_part import LinearPart

N, U, R, D = 12, 6, 5, 8


@pytest.fixture(scope="module")
def pairs():
    rng = np.random.default_rng(0)
    pairs = [(u, i) for u in range(U - 1) for i in rng.choice(N, u + 1, replace=False)]
    user, item = np.array(pairs, np.int32).T
    log = SimpleNamespace(user=user, item=item, time=None, weight=np.full(len(user), 3.0, "f"))
    return Pairs.from_events(log, U, N)


@pytest.fixture(scope="module")
def model():
    tf.keras.utils.set_random_seed(1)
    empty = module.FeatureColumns({}, np.ones((N, 0), bool), {})
    made = module.TwoTower(ItemTower(N, D), UserTower(U, D), empty)
    made.item_tower.known.assign(np.ones(N, bool))
    return made


def linear_part(**changes):
    rng = np.random.default_rng(4)
    given = {
        "history": rng.normal(size=(N, R)).astype("f"),
        "candidates": rng.normal(size=(N, R)).astype("f"),
        "known": np.ones(N, bool),
        "weight": 0.5,
    }
    return LinearPart(**{**given, **changes})


@pytest.mark.parametrize("scale", ["sum", "unit"])
def test_scores_are_the_sum_of_both_parts(model, pairs, scale):
    linear = linear_part(scale=scale)
    blend = Blend(model, linear)
    items = blend.item_vectors()
    assert items.shape == (N, D + R)
    scores = blend.user_vectors(pairs, items=items) @ items.T
    histories = (pairs.csr().toarray() > 0).astype("f")
    own = histories @ linear.history
    if scale == "unit":
        own /= np.maximum(np.linalg.norm(own, axis=1, keepdims=True), 1e-12)
    users = np.arange(U)
    expected = model.score(users, pairs) + 0.5 * own @ linear.candidates.T
    np.testing.assert_allclose(scores, expected, atol=1e-5)


@pytest.mark.parametrize("scale", ["sum", "unit"])
def test_a_session_is_scored_as_a_user_with_that_history(model, pairs, scale):
    blend = Blend(model, linear_part(scale=scale))
    items = blend.item_vectors()
    table = blend.history_vectors(items)
    rows = np.full((U, 7), -1)
    for user in range(U):
        own = pairs.item[pairs.user == user]
        rows[user, : len(own)] = own
    sessions = blend.session_module()(tf.constant(table[np.maximum(rows, 0)]), rows >= 0)
    np.testing.assert_allclose(sessions, blend.user_vectors(pairs), atol=1e-5)


def test_strangers_get_the_vector_of_no_history(model, pairs):
    blend = Blend(model, linear_part())
    vectors = blend.user_vectors(pairs, np.array([3, -1, U - 1]))
    np.testing.assert_allclose(vectors[0], blend.user_vectors(pairs)[3], atol=1e-6)
    np.testing.assert_allclose(vectors[1], vectors[2], atol=1e-6)
    assert not vectors[1, D:].any()


def test_items_it_was_not_fitted_on_take_after_their_nearest():
    learned = np.eye(N, D, dtype="f")
    learned[10] = learned[2] + 0.5 * learned[3]  # nearest 2, then 3
    learned[11] = 0
    known = np.arange(N) != 10
    linear = linear_part(known=known)
    filled = linear.filled(learned, neighbours=2)
    for name in ("history", "candidates"):
        before, after = getattr(linear, name), getattr(filled, name)
        np.testing.assert_allclose(after[10], before[[2, 3]].mean(axis=0), atol=1e-6)
        np.testing.assert_array_equal(after[known], before[known])
    nobody = linear_part(known=np.zeros(N, bool))
    assert nobody.filled(learned) is nobody


def test_it_is_read_back_by_the_names_of_its_rows(tmp_path):
    assert LinearPart.load(tmp_path, ["a"]) is None
    ids = [f"{i:03}" for i in range(N)]
    known = np.arange(N) != 4
    linear = linear_part(known=known, scale="unit")
    linear.save(tmp_path, np.array(ids, object))
    moved = LinearPart.load(tmp_path, ["new", *ids[::-1]])
    assert (moved.weight, moved.scale) == (0.5, "unit")
    np.testing.assert_array_equal(moved.history[1:], linear.history[::-1])
    np.testing.assert_array_equal(moved.candidates[1:], linear.candidates[::-1])
    np.testing.assert_array_equal(moved.known, [False, *known[::-1]])
    assert not moved.history[0].any()
    assert [path.name for path in tmp_path.iterdir()] == ["linear_part.npz"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"known": np.ones(3, bool)}, r"must be of shapes \[N, R\], \[N, R\] and \[N\]"),
        ({"scale": "mean"}, "`scale` must be one of sum, unit, got 'mean'"),
        ({"weight": -1.0}, "`weight` must be 0 or more, got -1.0"),
    ],
)
def test_bad_input_says_what_is_expected(changes, message):
    with pytest.raises(ValueError, match=message):
        linear_part(**changes)
