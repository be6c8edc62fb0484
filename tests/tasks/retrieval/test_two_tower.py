"""The two-tower model: what it learns, what a history, a cold item and a newcomer get."""

import numpy as np
import pytest
import tensorflow as tf

import tfmm
from tfmm.layers.towers import UserTower
from tfmm.tasks.weights import restore_weights, save_weights, saved_states

LIGHT = {"title": "bag", "kind": "embedding", "price": "piecewise"}


def trained(shop, pairs, epochs=6, **config):
    tf.keras.utils.set_random_seed(1)
    model = tfmm.TwoTower.from_data(shop, pairs, **{"encoders": LIGHT, "dim": 16} | config)
    model.compile(optimizer=tfmm.LazyAdam(0.02))
    model.fit(model.batches(pairs, batch_size=128), epochs=epochs, verbose=0)
    return model


@pytest.fixture(scope="module")
def model(shop, parts):
    return trained(shop, parts.train)


def recall(model, parts, k=20):
    vectors = model.item_vectors()
    users = model.user_vectors(parts.train, items=vectors)
    found = tfmm.evaluate((users, vectors), parts.test, seen=parts.train, ks=(k,))
    return found["model"][f"recall@{k}"]


def test_training_finds_the_taste_of_each_shopper(model, parts):
    # A third of the items has the shopper's colour; 20 of 60 items by chance find .36 of the rest.
    assert recall(model, parts) > 0.9


@pytest.mark.parametrize("history", ["self_attention", "gru"])
def test_other_user_towers_learn_it_too(shop, parts, history):
    assert recall(trained(shop, parts.train, epochs=4, history=history), parts) > 0.8


def test_without_history_the_user_id_carries_the_taste(shop, parts):
    model = trained(shop, parts.train, epochs=25, history="none", user_id=True)
    assert recall(model, parts) > 0.7


def test_the_cnn_learns_from_pictures_alone(shop, parts):
    picture = {"photo": {"name": "cnn", "size": [16, 16], "widths": [8, 16]}}
    model = trained(shop, parts.train, epochs=12, encoders=picture, id=False, budget=16)
    assert recall(model, parts) > 0.8


def test_cold_items_are_served_by_content_and_never_by_an_untrained_id(shop, parts):
    cold = np.arange(0, 60, 10)
    warm = parts.train.subset(~np.isin(parts.train.item, cold))
    model = trained(shop, warm)
    before = model.item_vectors()
    table = model.item_tower.id_embedding
    table.assign(tf.tensor_scatter_nd_update(table, cold[:, None], tf.ones((len(cold), 16))))
    np.testing.assert_allclose(model.item_vectors(), before, atol=1e-6)
    same = [int(np.argsort(-(before @ before[c]))[1]) % 3 == c % 3 for c in cold]
    assert np.mean(same) > 0.8


def test_vectors_have_unit_length_and_scores_are_their_inner_product(model, parts):
    vectors = model.item_vectors()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    users = np.array([3, 0, 7])
    expected = model.user_vectors(parts.train, users) @ vectors.T
    np.testing.assert_allclose(model.score(users, parts.train), expected, atol=1e-5)


def test_session_gives_a_known_shopper_what_their_history_gives(model, parts):
    vectors = model.item_vectors()
    session = model.session_module()
    own = parts.train.item[slice(*parts.train.offsets[:2])]
    history = np.zeros((2, 50, 16), np.float32)
    mask = np.zeros((2, 50), bool)
    history[0, : len(own)], mask[0, : len(own)] = vectors[own], True
    out = session(tf.constant(history), tf.constant(mask)).numpy()
    np.testing.assert_allclose(out[0], model.user_vectors(parts.train, [0])[0], atol=1e-5)
    np.testing.assert_allclose(out[1], model.user_vectors(parts.train, [-1])[0], atol=1e-5)


@pytest.mark.parametrize("by", ["user", "time"])
@pytest.mark.parametrize("kind", [tfmm.TwoTower, tfmm.Graph])
def test_feeding_a_model_changes_nothing_of_what_it_learns(shop, kind, by):
    parts = tfmm.split(shop, by=by, valid=0.1, test=0.2, seed=1)

    def fitted(validate):
        tf.keras.utils.set_random_seed(1)
        model = kind.from_data(shop, parts.train, encoders=LIGHT, dim=16)
        model.compile(optimizer=tfmm.LazyAdam(0.02))
        valid = model.batches(parts.valid, 128, ordered=parts.ordered) if validate else None
        batches = model.batches(parts.train, 128, ordered=parts.ordered)
        losses = model.fit(batches, validation_data=valid, epochs=2, verbose=0).history["loss"]
        return model, losses

    (alone, losses), (beside, same) = fitted(False), fitted(True)
    assert same == losses
    known = np.zeros(len(shop.items), bool)
    known[parts.train.item] = True
    np.testing.assert_array_equal(beside.item_tower.known.numpy(), known)
    np.testing.assert_array_equal(beside.item_vectors(), alone.item_vectors())


def test_the_loss_of_another_part_is_measured_on_histories_of_training(shop, parts, model):
    for batch in model.batches(parts.valid, batch_size=32):
        rows = batch["items"].numpy()
        assert (batch["pair"].numpy() == -1).all()
        for user, history in zip(batch["user"].numpy(), batch["history"].numpy(), strict=True):
            own = parts.train.item[parts.train.user == user]
            assert sorted(rows[history[history >= 0]]) == sorted(own)


def test_a_model_made_for_no_part_says_how_to_make_one(shop, parts):
    for kind in (tfmm.TwoTower, tfmm.Graph):
        model = kind.from_data(shop, encoders={}, dim=8)
        with pytest.raises(ValueError, match=rf"tfmm\.{kind.__name__}\.from_data\(shop, parts"):
            model.batches(parts.train)


def test_a_warm_start_knows_the_items_of_its_own_part(shop, parts, model, tmp_path):
    save_weights(model, tmp_path, shop.items.ids, shop.users.ids)
    some = parts.train.subset(parts.train.item < 30)
    later = tfmm.TwoTower.from_data(shop, some, encoders=LIGHT, dim=16)
    restore_weights(later, tmp_path, shop.items.ids, shop.users.ids)
    np.testing.assert_array_equal(
        np.flatnonzero(later.item_tower.known.numpy()), np.unique(some.item)
    )
    np.testing.assert_array_equal(later.item_tower.id_embedding, model.item_tower.id_embedding)


def test_a_batch_computes_each_item_once_and_heavy_encoders_a_budget(shop, parts):
    encoders = {"title": {"name": "lstm", "units": 8}}
    model = tfmm.TwoTower.from_data(shop, parts.train, encoders=encoders, dim=16, budget=4)
    batch = next(iter(model.batches(parts.train, batch_size=64)))
    assert len(batch["encode"]["title"]["at"]) == 4
    filled = model.item_tower.content.filled["title"]
    assert not filled.numpy().any()
    model.compute_loss(batch, training=True)
    rows = batch["items"].numpy()[batch["encode"]["title"]["at"].numpy()]
    np.testing.assert_array_equal(np.flatnonzero(filled.numpy()), np.sort(rows))


def test_an_item_that_was_never_encoded_counts_as_missing_that_modality(shop):
    model = tfmm.TwoTower.from_data(
        shop, encoders={"title": {"name": "lstm", "units": 8}}, dim=16, id=False
    )
    items = {
        "items": tf.range(3),
        "present": tf.ones((3, 1), tf.bool),
        "features": {},
    }
    vectors, weights = model.item_tower(items)
    np.testing.assert_array_equal(vectors, np.zeros((3, 16)))
    np.testing.assert_array_equal(weights, np.zeros((3, 1)))


def test_batches_of_any_size_train(shop, parts):
    model = tfmm.TwoTower.from_data(shop, parts.train, encoders=LIGHT, dim=16, negatives=5)
    model.compile(optimizer=tfmm.LazyAdam(0.01))
    for size in (1, 7, 1000):
        few = parts.train.subset(np.arange(len(parts.train)) < 15)
        history = model.fit(model.batches(few, batch_size=size), verbose=0)
        assert np.isfinite(history.history["loss"][0])


def test_hard_negatives_and_log_q_change_the_loss(shop, parts):
    losses = set()
    for config in ({}, {"hard_negatives": 5}, {"log_q": False}):
        tf.keras.utils.set_random_seed(1)
        model = tfmm.TwoTower.from_data(shop, parts.train, encoders={}, dim=16, **config)
        batch = next(iter(model.batches(parts.train, batch_size=64)))
        losses.add(round(float(model.compute_loss(batch)), 4))
    assert len(losses) == 3


def test_the_target_met_again_in_the_batch_is_no_negative(shop, parts):
    model = tfmm.TwoTower.from_data(shop, parts.train, encoders={}, dim=16, log_q=False)
    batch = dict(next(iter(model.batches(parts.train, batch_size=2))))
    batch["target"] = tf.zeros(2, tf.int32)
    batch["probability"] = tf.ones(2)
    # Both examples have the same target, so nothing is left to tell it from.
    assert float(model.compute_loss(batch)) == pytest.approx(0.0, abs=1e-6)


def test_weights_return_by_name_when_the_catalogue_has_grown(shop, parts, model, tmp_path):
    save_weights(model, tmp_path, shop.items.ids, shop.users.ids)
    states = saved_states(tmp_path)
    grown = tfmm.TwoTower.from_data(shop, encoders=LIGHT, dim=16, states=states)
    order = np.roll(shop.items.ids, 1)
    order[0] = "new item"
    counts = restore_weights(grown, tmp_path, order, shop.users.ids)
    assert counts["new"] == 0
    assert counts["new_items"] == 1
    np.testing.assert_array_equal(
        grown.item_tower.id_embedding[1:], model.item_tower.id_embedding[:-1]
    )
    assert not grown.item_tower.known[0]


def test_weights_of_another_architecture_are_refused(shop, model, tmp_path):
    save_weights(model, tmp_path, shop.items.ids, shop.users.ids)
    other = tfmm.TwoTower.from_data(shop, encoders=LIGHT, dim=8)
    with pytest.raises(ValueError, match="trained with another architecture"):
        restore_weights(other, tmp_path, shop.items.ids, shop.users.ids)


def test_a_model_to_be_served_misses_no_weight(shop, model, tmp_path):
    save_weights(model, tmp_path, shop.items.ids, shop.users.ids)
    with np.load(tmp_path / "weights.npz") as saved:
        kept = {path: saved[path] for path in saved if path != "user_tower/newcomer"}
    np.savez(tmp_path / "weights.npz", **kept)
    other = tfmm.TwoTower.from_data(shop, encoders=LIGHT, dim=16, states=saved_states(tmp_path))
    ids = shop.items.ids, shop.users.ids
    assert restore_weights(other, tmp_path, *ids)["new"] == 1
    with pytest.raises(ValueError, match=r"weights.npz lacks the weight user_tower/newcomer"):
        restore_weights(other, tmp_path, *ids, served=True)


def test_masking_a_modality_moves_the_vectors_and_unknown_names_are_refused(model):
    assert np.abs(model.item_vectors(mask="title") - model.item_vectors()).max() > 0.01
    with pytest.raises(ValueError, match="no feature 'titel' to mask; the model reads title, kind"):
        model.item_vectors(mask="titel")


def test_modality_weights_are_shares(model):
    weights = model.modality_weights()
    assert set(weights) == set(LIGHT)
    assert all(0 <= w <= 1 for w in weights.values())


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"encoders": {"titel": "bag"}}, "the feature 'titel', which the shop file does not have"),
        ({"encoders": {"title": "lstmm"}}, "lstm"),
        ({"encoders": {}, "id": False}, "The item tower reads nothing"),
        ({"history": "average"}, "history must be one of mean, self_attention, gru, causal, none"),
        ({"history": "none"}, "The user tower reads nothing"),
        ({"temperature": 0.0}, "temperature must be positive, got 0.0"),
        ({"id_dropout": 1.0}, r"id_dropout must lie in \[0, 1\), got 1.0"),
        ({"histroy": "gru"}, "TwoTower.from_data: .*'histroy'.*'history'"),
        ({"dim": "64"}, "TwoTower.from_data: `items.dim` must be int, got '64'"),
    ],
)
def test_refusals_say_what_to_do(shop, config, message):
    with pytest.raises(ValueError, match=message):
        tfmm.TwoTower.from_data(shop, **{"encoders": LIGHT} | config)


def test_user_tower_ignores_padding(shop):
    tower = UserTower(3, 8)
    items = tf.random.normal((5, 8))
    short = tower(items, tf.constant([[1, 2]]))
    padded = tower(items, tf.constant([[1, 2, -1, -1]]))
    np.testing.assert_allclose(short, padded, atol=1e-6)
