"""What is said of a score's parts, against scores of histories that really lack the item."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from tfmm.data.events.pairs import Pairs
from tfmm.layers.towers import ItemTower, UserTower
from tfmm.tasks.retrieval.blend.blend import Blend
from tfmm.tasks.retrieval.blend.linear_part import LinearPart
from tfmm.tasks.retrieval.blend.prior import Prior
from tfmm.tasks.retrieval.reasons.attribution import Attribution
from tfmm.tasks.retrieval.two_tower import FeatureColumns, TwoTower

N, U, R, D, WINDOW = 14, 9, 5, 8, 5
RNG = np.random.default_rng(0)
#: User u has u items, so that one has none and some have more than are read.
EVENTS = [(u, i) for u in range(U) for i in RNG.choice(N, u, replace=False)]


def pairs_of(events):
    user, item = np.array(events, np.int32).T
    log = SimpleNamespace(user=user, item=item, time=None, weight=np.ones(len(user), "f"))
    return Pairs.from_events(log, U, N)


def blended(pooling, scale, own):
    tf.keras.utils.set_random_seed(2)
    tower = UserTower(U, D, history=pooling, history_size=WINDOW, id=own)
    empty = FeatureColumns({}, np.ones((N, 0), bool), {})
    model = TwoTower(ItemTower(N, D), tower, empty)
    model.item_tower.known.assign(np.ones(N, bool))
    for variable in tower.trainable_variables:
        variable.assign(RNG.normal(0, 0.4, variable.shape))
    if scale is None:
        return Blend(model)
    vectors = [RNG.normal(size=(N, R)).astype("f") for _ in range(2)]
    linear = LinearPart(*vectors, np.ones(N, bool), 0.3, scale)
    share = RNG.dirichlet(np.ones(N)).astype("f")
    nan = np.full(N, np.nan, "f")
    return Blend(model, linear, [Prior(share, share, nan, weight=0.02, newcomers=0.1)])


def scores(model, events):
    """Of all users for all items, float32 `[U, N]`; priors stay those of all events."""
    items = model.item_vectors()
    return model.user_vectors(pairs_of(events), items=items) @ items.T


def told(model, item):
    """The parts of every user's score of an item, and the items of their histories."""
    pairs, vectors = pairs_of(EVENTS), model.item_vectors()
    rows = pairs.latest(np.arange(U), U)
    table = model.history_vectors(vectors)
    history = (vectors[:, : model.width] if table is None else table)[np.maximum(rows, 0)]
    lengths = model.learned.user_lengths(pairs, vectors[:, :D])
    whole = None
    if lengths is not None:
        whole = model.user_vectors(pairs, items=vectors)[:, :D] * lengths[:, None]
    made = Attribution(model.learned.user_tower, model.linear, model.priors)
    candidate = np.tile(vectors[item], (U, 1))
    split = candidate[:, : model.width], candidate[:, model.width :]
    return made(tf.constant(history), tf.constant(rows >= 0), *split, whole), rows


@pytest.mark.parametrize(
    ("pooling", "scale", "own"),
    [
        ("mean", None, False),
        ("mean", "unit", True),
        ("self_attention", "sum", True),
        ("gru", "unit", False),
        ("causal", "sum", False),
    ],
)
def test_a_drop_is_what_deletion_takes(pooling, scale, own):
    model = blended(pooling, scale, own)
    parts, rows = told(model, 3)
    whole = scores(model, EVENTS)[:, 3]
    np.testing.assert_allclose(parts.score, whole, atol=1e-5)
    expected = np.zeros_like(parts.drop)
    for place in range(rows.shape[1]):
        gone = {(u, rows[u, place]) for u in range(U)}
        without = scores(model, [pair for pair in EVENTS if pair not in gone])[:, 3]
        expected[:, place] = np.where(rows[:, place] >= 0, whole - without, 0)
    np.testing.assert_allclose(parts.drop, expected, atol=2e-5)
    assert np.abs(expected).max() > 0.05


@pytest.mark.parametrize(("scale", "own"), [(None, False), ("sum", True), ("unit", True)])
def test_parts_of_a_mean_add_up_to_the_score(scale, own):
    parts, rows = told(blended("mean", scale, own), 7)
    summed = tf.reduce_sum(parts.part, 1) + parts.shopper + parts.prior
    np.testing.assert_allclose(summed, parts.score, atol=1e-5)
    assert not parts.part.numpy()[rows < 0].any()


def test_who_has_no_history_has_the_score_of_newcomers():
    model = blended("gru", "sum", False)
    parts, _ = told(model, 2)
    nobody = model.user_vectors(pairs_of(EVENTS), np.array([-1])) @ model.item_vectors()[2]
    np.testing.assert_allclose(parts.score[0], nobody[0], atol=1e-5)
    np.testing.assert_allclose(parts.shopper[0] + parts.prior[0], nobody[0], atol=1e-5)
