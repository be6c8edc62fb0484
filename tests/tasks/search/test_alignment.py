"""Alignment: query towers learn to point at items, whatever these are made of."""

import numpy as np
import pytest
import tensorflow as tf

import tfmm
from tfmm.data.batches.aligned import aligned_batches
from tfmm.data.columns import TextColumn
from tfmm.layers.towers import unit
from tfmm.tasks.search.alignment import Alignment
from tfmm.tasks.search.measure import same_group, vector_metrics
from tfmm.tasks.search.query_tower import QueryTower
from tfmm.tasks.weights import restore_weights, save_weights, saved_states

PHOTO = {"name": "classic", "size": (16, 16), "scales": True}
CNN = {"name": "cnn", "size": (8, 8), "widths": (8,)}


def built(shop, train=None, photo=PHOTO, encoders=None, **config):
    """A model of items alone, or with shoppers where they have a training part."""
    tf.keras.utils.set_random_seed(1)
    chosen = {
        "encoders": {"photo": photo} if encoders is None else encoders,
        "dim": 16,
        "queries": {"title": "subwords"},
    } | config
    if train is None:
        return tfmm.ItemModel.from_data(shop, **chosen)
    return tfmm.TwoTower.from_data(shop, train, id=False, **chosen)


def fitted(model, epochs=6):
    rows = np.arange(model.item_tower.rows)
    model.compile(optimizer=tfmm.LazyAdam(0.02))
    return model.fit(model.batches(rows, 20), epochs=epochs, verbose=0).history["loss"]


def recall(model, shop):
    """How well the colour that a title names is found, k being as many as have it."""
    items, titles = model.item_vectors(), model.query_vectors("title")
    rows = np.flatnonzero(model.queries.present["title"])
    found = vector_metrics(titles[rows], items, same_group(np.arange(60) % 3, rows), (20,))
    return found["recall@20"]


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"heads": 2, "loss": "sigmoid"},
        {"encoders": {"title": "bag", "photo": PHOTO}},
        {
            "photo": {"name": "cnn", "size": (8, 8), "widths": (8,)},
            "queries": {"title": ["subwords", "bag"]},
        },
    ],
    ids=["softmax", "sigmoid of two heads", "picture and text", "a trained CNN, two text encoders"],
)
def test_titles_learn_to_find_their_items(shop, config):
    model = built(shop, **config)
    losses = fitted(model)
    assert losses[-1] < 0.8 * losses[0]
    assert recall(model, shop) > 0.6  # a third by chance


def test_search_and_recommendation_are_trained_together(shop):
    parts = tfmm.split(shop, by="user", valid=0.1, test=0.2, seed=1)
    model = built(shop, parts.train)
    model.compile(optimizer=tfmm.LazyAdam(0.02))
    rows = np.arange(len(shop.items))
    steps = -(-len(parts.train) // 128)
    aligned = aligned_batches(rows, model.items, model.queries, batch_size=20, steps=steps)
    before = recall(model, shop)
    model.fit(model.batches(parts.train, 128, aligned=aligned), epochs=5, verbose=0)
    vectors = model.item_vectors()
    users = model.user_vectors(parts.train, items=vectors)
    found = tfmm.evaluate((users, vectors), parts.test, seen=parts.train, ks=(20,))
    assert found["model"]["recall@20"] > 0.7
    assert recall(model, shop) > max(0.6, before)


def test_a_saved_model_asks_as_it_did(shop, tmp_path):
    model = built(shop, heads=2)
    fitted(model, epochs=1)
    save_weights(model, tmp_path, shop.items.ids, shop.users.ids)
    copy = built(shop, heads=2, states=saved_states(tmp_path))
    assert not np.allclose(copy.query_vectors("title"), model.query_vectors("title"))
    restore_weights(copy, tmp_path, shop.items.ids, shop.users.ids)
    np.testing.assert_allclose(copy.query_vectors("title"), model.query_vectors("title"), atol=1e-6)
    np.testing.assert_allclose(copy.item_vectors(), model.item_vectors(), atol=1e-6)


def test_every_head_counts_alike():
    vectors = unit(tf.constant([[3.0, 4.0, 0.01, 0.0], [0.0, 0.0, 0.0, 0.0]]), heads=2)
    np.testing.assert_allclose(vectors[0], np.array([0.6, 0.8, 1.0, 0.0]) / 2**0.5, rtol=1e-5)
    assert not vectors[1].numpy().any()


def test_hidden_items_show_one_of_their_features(shop):
    tower = built(shop).alignment.queries
    present = tf.constant([[True, True, True]] * 200 + [[False, True, True]] * 200)
    shown = Alignment(tower, hide=1.0).show(present).numpy()
    assert (shown.sum(1) == 1).all()
    assert not (shown & ~present.numpy()).any()
    assert set(shown[:200].argmax(1)) == {0, 1, 2}
    np.testing.assert_array_equal(Alignment(tower, hide=0.0).show(present), present)


def test_items_that_cannot_be_asked_for_cost_nothing(shop):
    model = built(shop)
    batch = next(iter(aligned_batches(np.arange(60), model.items, model.queries, batch_size=4)))
    items = tf.zeros([4, 16])
    assert float(model.alignment(items, batch)) == 0.0
    batch["asked"]["title"] = tf.zeros([4], tf.bool)
    assert float(model.alignment(tf.ones([4, 16]), batch)) == 0.0


def test_what_does_not_fit_is_refused(shop):
    model = built(shop)
    towers = model.alignment.queries
    with pytest.raises(ValueError, match="no query tower for 'photo'; it has title"):
        model.query_vectors("photo")
    with pytest.raises(ValueError, match="two items or more to learn from, got 0"):
        model.batches([])
    for options, message in [
        ({"queries": {}}, "at least one query tower"),
        ({"queries": towers, "heads": 2}, "heads=1, but the alignment heads=2"),
        ({"queries": towers, "loss": "hinge"}, "softmax, sigmoid"),
        ({"queries": towers, "temperature": 0.0}, "temperature must be"),
        ({"queries": towers, "hide": 2.0}, r"hide must lie in \[0, 1\]"),
    ]:
        with pytest.raises(ValueError, match=message):
            Alignment(options.pop("queries"), **options)
    for queries, message in [
        ({"tilte": "bag"}, "'tilte', which is no feature .*there are: title, photo"),
        ({"kind": "embedding"}, "of kind 'category'"),
        ({"title": "bags"}, "Did you mean 'bag'"),
        ({"title": []}, "adds up encoders of one kind and one length, but got none"),
    ]:
        with pytest.raises(ValueError, match=message):
            built(shop, queries=queries)
    with pytest.raises(ValueError, match="heads must divide dim, but got heads=3 and dim=16"):
        built(shop, heads=3)
    lengths = [tfmm.encoders.encoder("text", "bag", dim=dim) for dim in (4, 8)]
    for one in lengths:
        one.adapt(TextColumn(np.array(["red shirt"], object)))
    with pytest.raises(ValueError, match=r"\['text of 4', 'text of 8'\]"):
        QueryTower(lengths)
