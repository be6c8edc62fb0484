"""The prior: what it counts, what new items borrow, how it joins the scores, and how it is kept."""

import numpy as np
import pytest
import tensorflow as tf

from tests.tasks.retrieval.test_blend import D, N, U, linear_part
from tests.tasks.retrieval.test_blend import model as model  # a fixture
from tfmm.data.events.pairs import DAY, Log, Pairs
from tfmm.data.events.parts import Split
from tfmm.tasks.retrieval.blend.blend import Blend
from tfmm.tasks.retrieval.blend.prior import Prior, load_priors, new_share, priors_of, save_priors


def timed(rows, users=U, items=N):
    user, item, day = np.array(rows, np.int64).T
    log = Log(user.astype(np.int32), item.astype(np.int32), day * DAY, np.ones(len(user), "f"))
    return Pairs.from_events(log, users, items)


@pytest.fixture(scope="module")
def pairs():
    rng = np.random.default_rng(3)
    rows = [(u, i, d) for d, (u, i) in enumerate(rng.integers(0, (U - 1, N - 2), (60, 2)))]
    return timed([*rows, *((u, i, d + 60) for u, i, d in rows[:9])])


def test_it_counts_every_event_by_its_age():
    pairs = timed([(0, 0, 0), (0, 1, 4), (0, 0, 8), (1, 1, 8)], 2, 3)
    prior = Prior.fit(pairs, 4.0)
    worth = np.array([0.25 + 1, 0.5 + 1, 0])
    np.testing.assert_allclose(prior.share, worth / worth.sum(), rtol=1e-6)
    np.testing.assert_allclose(prior.lasting, [0.5, 0.5, 0])
    assert prior.known.tolist() == [True, True, False]
    np.testing.assert_allclose(Prior.fit(pairs, None).share, [0.5, 0.5, 0])


def test_probabilities_sum_to_one_and_new_items_have_their_share():
    learned = np.random.default_rng(1).normal(size=(6, 3)).astype("f")
    pairs = timed([(0, 0, 0), (0, 1, 4), (0, 2, 8), (1, 3, 8)], 2, 6)
    p = np.exp(Prior.fit(pairs, 4.0, new_share=0.3).log_p(learned))
    assert p.sum() == pytest.approx(1, abs=1e-5)
    assert p[4:].sum() == pytest.approx(0.3, abs=1e-5)


def test_new_items_borrow_the_early_days_of_items_like_them():
    # Items of 0 to 29 begin one a day: those of even number sell five times at once, the odd ones
    # but once then and ten times a month later. Items 30 and 31 are new, like even and odd ones.
    rows = []
    for item in range(30):
        start = 5 + item
        early, late = (5, 0) if item % 2 == 0 else (1, 10)
        rows += [(item % U, item, start)] * early + [(item % U, item, start + 30)] * late
    rows += [(0, 0, 0), (1, 1, 90)]
    pairs = timed(sorted(rows, key=lambda row: row[2]), U, 32)
    learned = np.zeros((32, 2), "f")
    learned[np.arange(32), np.arange(32) % 2] = 1
    prior = Prior.fit(pairs, 2.0, new_share=0.1)
    early = prior.early[4:28]
    assert np.nanmean(early[::2]) > 2 * np.nanmean(early[1::2])
    p = np.exp(prior.log_p(learned))
    assert p[30] > 2 * p[31]
    # By what sells now it would be the other way round.
    assert prior.lasting[1:28:2].mean() > prior.lasting[2:28:2].mean()


def test_without_beginnings_new_items_borrow_what_items_like_them_have_now():
    pairs = timed([(0, 0, 0)] * 9 + [(0, 1, 0)], 2, 4)
    learned = np.array([[1, 0], [0, 1], [0.9, 0.1], [0.1, 0.9]], "f")
    p = np.exp(Prior.fit(pairs, None, new_share=0.2).log_p(learned, neighbours=1))
    assert p[2] / p[3] == pytest.approx(9, rel=1e-3)


def test_a_catalogue_of_new_items_alone_has_one_prior_for_all():
    prior = Prior.fit(Pairs.empty(2, 3, timed=True), 7.0, new_share=0.5)
    found = prior.log_p(np.ones((3, 2), "f"))
    assert np.isfinite(found).all()
    assert len(set(found.tolist())) == 1


@pytest.mark.parametrize("linear", [False, True])
def test_scores_are_the_sum_of_the_parts(model, pairs, linear):
    learned = model.item_vectors()
    prior = Prior.fit(pairs, 7.0, new_share=0.1, weight=0.2, newcomers=0.9)
    part = linear_part() if linear else None
    blend, bare = Blend(model, part, [prior]), Blend(model, part)
    items = blend.item_vectors()
    assert items.shape == (N, blend.width + 1)
    scores = blend.user_vectors(pairs, items=items) @ items.T
    plain = bare.user_vectors(pairs) @ bare.item_vectors().T
    weight = np.where(pairs.user_counts() > 0, 0.2, 0.9)[:, None]
    expected = plain + weight * (prior.log_p(learned) - prior.log_p(learned).mean())
    np.testing.assert_allclose(scores, expected, atol=1e-4)
    stranger = blend.user_vectors(pairs, np.array([-1]), items)
    assert stranger[0, -1] == pytest.approx(9.0)


@pytest.mark.parametrize("linear", [False, True])
def test_a_session_is_scored_as_a_user_with_that_history(model, pairs, linear):
    prior = Prior.fit(pairs, 7.0, weight=0.2, newcomers=0.9)
    blend = Blend(model, linear_part() if linear else None, [prior])
    items = blend.item_vectors()
    table = blend.history_vectors(items)
    table = items[:, : blend.width] if table is None else table
    rows = np.full((U, N), -1)
    for user in range(U):
        own = pairs.item[pairs.user == user]
        rows[user, : len(own)] = own
    sessions = blend.session_module()(tf.constant(table[np.maximum(rows, 0)]), rows >= 0)
    np.testing.assert_allclose(sessions, blend.user_vectors(pairs, items=items), atol=1e-4)


def test_later_events_make_another_prior_of_the_same_settings(model, pairs):
    early = Prior.fit(pairs.subset(pairs.time < 30 * DAY), 7.0, new_share=0.1, weight=0.2)
    (late,) = Blend(model, None, [early]).as_of(pairs).priors
    np.testing.assert_array_equal(late.share, Prior.fit(pairs, 7.0).share)
    assert (late.weight, late.new_share) == (0.2, 0.1)
    assert model.as_of(pairs) is model


def test_what_is_saved_is_loaded_by_id(pairs, tmp_path):
    ids = [f"物/{row}" for row in range(N)]
    priors = [
        Prior.fit(pairs, 3.0, new_share=0.1, weight=0.2, newcomers=0.0),
        Prior.fit(pairs, None, new_share=0.1, weight=0.0, newcomers=0.9),
    ]
    assert load_priors(tmp_path, ids) == ()
    save_priors(priors, tmp_path, ids)
    for again, prior in zip(load_priors(tmp_path, [*ids[::-1], "neu"]), priors, strict=True):
        np.testing.assert_array_equal(again.share[:N], prior.share[::-1])
        np.testing.assert_array_equal(again.early[:N], prior.early[::-1])
        assert not again.known[N]
        assert np.isnan(again.early[N])
        settings = (again.half_life, again.new_share, again.weight, again.newcomers)
        assert settings == (prior.half_life, 0.1, prior.weight, prior.newcomers)


def test_files_of_one_prior_are_read(pairs, tmp_path):
    ids = [str(row) for row in range(N)]
    prior = Prior.fit(pairs, 3.0, new_share=0.1, weight=0.2, newcomers=0.9)
    arrays = {name: getattr(prior, name) for name in ("share", "lasting", "early")}
    numbers = {"half_life": 3.0, "new_share": 0.1, "weight": 0.2, "newcomers": 0.9}
    np.savez(tmp_path / "prior.npz", ids=np.array(ids), **arrays, **numbers)
    (again,) = load_priors(tmp_path, ids)
    np.testing.assert_array_equal(again.share, prior.share)
    assert (again.half_life, again.weight, again.newcomers) == (3.0, 0.2, 0.9)


def test_shoppers_without_a_history_may_have_a_prior_of_their_own(model, pairs):
    choice = {"weight": 2.0, "half_life": 7.0, "newcomers": 9.0, "newcomers_half_life": None}
    choice["new_share"] = 0.1
    priors = priors_of(choice, pairs, 0.1)
    blend = Blend(model, None, priors)
    items = blend.item_vectors()
    assert items.shape == (N, blend.width + 2)
    scores = blend.user_vectors(pairs, items=items) @ items.T
    plain = model.user_vectors(pairs) @ model.item_vectors().T
    has = (pairs.user_counts() > 0)[:, None]
    assert 0 < has.sum() < U
    some, none = (
        Prior.fit(pairs, days, new_share=0.1).log_p(model.item_vectors()) for days in (7.0, None)
    )
    joined = np.where(has, 0.2 * (some - some.mean()), 0.9 * (none - none.mean()))
    np.testing.assert_allclose(scores, plain + joined, atol=1e-4)
    nobody = blend.session_module()(np.zeros((1, 3, blend.dim), "f"), np.zeros((1, 3), bool))
    np.testing.assert_allclose(nobody[0, -2:], [0, 9.0], atol=1e-5)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, [(7.0, 0.2, 0.9)]),  # a run of before knows one half-life
        ({"newcomers_half_life": 7.0}, [(7.0, 0.2, 0.9)]),
        ({"newcomers_half_life": 3.0}, [(7.0, 0.2, 0.0), (3.0, 0.0, 0.9)]),
        ({"newcomers_half_life": 3.0, "weight": 0.0}, [(3.0, 0.0, 0.9)]),
        ({"newcomers_half_life": 3.0, "newcomers": 0.0}, [(7.0, 0.2, 0.0)]),
        ({"weight": 0.0, "newcomers": 0.0}, []),
    ],
)
def test_there_are_as_many_priors_as_half_lives_that_count(pairs, given, expected):
    choice = {"weight": 2.0, "half_life": 7.0, "newcomers": 9.0, "new_share": 0.1} | given
    found = priors_of(choice, pairs, 0.1)
    settings = [(prior.half_life, prior.weight, prior.newcomers) for prior in found]
    assert [row[0] for row in settings] == [row[0] for row in expected]
    for row, wanted in zip(settings, expected, strict=True):
        assert row[1:] == pytest.approx(wanted[1:])


def parts_of(train, valid, test, cold, cold_items=((), ())):
    of_valid, of_test = (np.array(items, np.int32) for items in cold_items)
    return Split(
        train=train,
        valid=valid,
        test=test,
        cold_valid=of_valid,
        cold_test=of_test,
        cold_valid_pairs=cold,
        cold_test_pairs=Pairs.empty(3, 5),
        by="time",
        ordered=True,
        refit=True,
    )


def test_the_share_of_new_items_is_counted_on_what_came_next():
    none = Pairs.empty(3, 5)
    before, after = timed([(0, 0, 0), (0, 1, 1)], 3, 5), timed([(1, 0, 2), (1, 3, 2)], 3, 5)
    assert new_share(parts_of(before, after, none, none)) == 0.5
    assert new_share(parts_of(before, before, none, none)) == 0.25  # half a pair of two
    assert 0 < new_share(parts_of(before, none, none, none)) < 1
    # Half of the warm pairs are in validation, and so many of the cold ones count.
    cold = timed([(0, 4, 0), (1, 4, 1), (2, 4, 2), (0, 3, 0)], 3, 5)
    assert new_share(parts_of(before, before, none, cold, ((3, 4), ()))) == 2 / 4
    # One more item is held out for the test, and is new as well: half as many again.
    assert new_share(parts_of(before, before, none, cold, ((3, 4), (2,)))) == 3 / 5


def test_the_learned_vectors_come_first(model, pairs):
    blend = Blend(model, None, [Prior.fit(pairs, None)])
    np.testing.assert_array_equal(blend.item_vectors()[:, :D], model.item_vectors())
