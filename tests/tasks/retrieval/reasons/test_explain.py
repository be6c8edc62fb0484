"""The signatures `explain` and `explain_session` of trained shops, asked as a server asks them."""

import numpy as np
import pytest
import tensorflow as tf
import yaml

import tfmm
from tests.conftest import write_shop
from tfmm.tasks.retrieval.serve import servable_of
from tfmm.training import load_run, train

RUN = {
    "items": {"dim": 8},
    "train": {"epochs": 3, "batch_size": 256},
    "evaluate": {"baselines": []},
}


def trained(folder, **sections):
    shop = write_shop(folder / "商店")
    config = {**RUN, "shop": str(shop), **sections}
    file = folder / "run é.yaml"
    file.write_text(yaml.safe_dump(config, allow_unicode=True))
    return load_run(train(file, folder / "run").path)


@pytest.fixture(scope="module", params=["mean", "self_attention", "gru"])
def run(request, tmp_path_factory):
    users = {"history": request.param, "id": request.param == "gru"}
    return trained(tmp_path_factory.mktemp(request.param), users=users)


def test_the_first_reason_counts_for_more_than_another(run):
    """By deletion: the shop loses the event, and the score is computed anew."""
    servable = servable_of(run, k=3)
    pairs, model = run.task.pairs, run.model.as_of(run.task.pairs)
    vectors = model.item_vectors()
    users = np.flatnonzero(pairs.user_counts() > 2)[:30]
    ids = tf.constant(run.data.users.ids[users].tolist())
    items = servable.serving_default(ids)["item_id"][:, 0]
    answer = {name: one.numpy() for name, one in servable.explain(ids, items).items()}

    def rows(found):
        return run.data.items.rows([one.decode() for one in found])

    asked, first = rows(items.numpy()), rows(answer["reason_item_id"][:, 0])
    own = [pairs.item[pairs.user == user] for user in users]
    rng = np.random.default_rng(1)
    other = np.array([rng.choice(had[had != one]) for had, one in zip(own, first, strict=True)])

    def scores(without):
        gone = np.full(pairs.n_users, -1)
        gone[users] = without
        kept = pairs.subset(pairs.item != gone[pairs.user])
        return np.sum(model.user_vectors(kept, users, vectors) * vectors[asked], axis=1)

    whole, less = scores(-1), scores(first)
    assert all(one in had for one, had in zip(first, own, strict=True))
    np.testing.assert_allclose(answer["score"], whole, atol=1e-4)
    np.testing.assert_allclose(answer["reason_drop"][:, 0], whole - less, atol=1e-4)
    assert len(users) > 10
    assert np.mean(less < scores(other)) >= 0.9


def test_shares_are_of_one_whole(run):
    servable = servable_of(run, k=3)
    asked = servable.samples(16)
    answer = servable.explain(tf.constant(asked["user_id"]), tf.constant(asked["item_id"]))
    parts = [answer[f"{name}_share"].numpy() for name in ("history", "shopper", "prior")]
    summed = np.abs(parts).sum(0)
    assert (summed <= 1 + 1e-5).all()
    assert (summed > 0).any()
    assert (np.abs(answer["reason_share"]).sum(1) <= 1 + 1e-5).all()
    drop = answer["reason_drop"].numpy()
    assert (np.diff(drop, axis=1) <= 0).all()
    assert (drop >= 0).all()
    np.testing.assert_array_equal(drop > 0, answer["reason_item_id"].numpy() != b"")
    weights = answer["modality_weight"].numpy().sum(1)
    assert set(np.round(weights, 4)) <= {0.0, 1.0}


def test_unknown_items_and_shoppers_have_no_reasons(run):
    servable = servable_of(run, k=3)
    item, user = run.data.items.ids[0], run.data.users.ids[0]
    answer = servable.explain(tf.constant([user, "谁?"]), tf.constant(["没有/🎩", item]))
    assert not (answer["reason_item_id"].numpy() != b"").any()
    assert answer["score"][0] == 0
    assert answer["score"][1] != 0
    assert answer["history_share"].numpy().tolist() == [0, 0]


def test_a_session_is_explained_as_the_user_with_that_history(run):
    if run.model.learned.user_tower.id:
        pytest.skip("a session has no id")
    servable = servable_of(run, k=3)
    user = int(np.argmax(run.task.pairs.user_counts()))
    own = run.data.items.ids[run.task.pairs.item[run.task.pairs.user == user]].tolist()
    history = np.full((1, servable.history_size), "", object)
    history[0, : len(own)] = own
    item = tf.constant([run.data.items.ids[1]])
    one = servable.explain(tf.constant([run.data.users.ids[user]]), item)
    other = servable.explain_session(tf.constant(history), item)
    for name in one:
        if one[name].dtype == tf.float32:
            np.testing.assert_allclose(one[name], other[name], atol=1e-5, err_msg=name)


def test_a_model_that_reads_no_history_explains_nothing(tmp_path):
    users = {"history": "none", "id": True}
    made = trained(tmp_path, users=users, blend={"ease": False})
    assert "explain" not in servable_of(made).arguments()


def test_a_blend_with_ease_is_exported_with_its_reasons(tmp_path):
    made = trained(tmp_path, blend={"ease": True}, prior={"weight": 1.0})
    version = tfmm.export_model(made, tmp_path / "models", k=3, say=lambda line: None)
    served = tf.saved_model.load(str(version)).signatures
    asked = tf.constant([made.data.users.ids[0]]), tf.constant([made.data.items.ids[0]])
    answer = served["explain"](user_id=asked[0], item_id=asked[1])
    ours = servable_of(made, k=3).explain(*asked)
    for name in ("score", "reason_share", "prior_share"):
        np.testing.assert_allclose(answer[name], ours[name], rtol=1e-3, atol=1e-4)
