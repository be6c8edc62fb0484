"""A causal user tower: its loss at every item, what order it learns, and what is refused."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import tfmm
from tfmm.export import export_model
from tfmm.tasks.retrieval.config import RetrievalConfig

USERS, ITEMS = 120, 30


@pytest.fixture(scope="module")
def ordered(tmp_path_factory):
    """A shop whose shoppers go around the items in steps of one, each from where they like."""
    folder = tmp_path_factory.mktemp("ordered")
    rng = np.random.default_rng(0)
    rows = [
        (f"u{user}", f"i{(first + step) % ITEMS}", step)
        for user, first in enumerate(rng.integers(0, ITEMS, USERS))
        for step in range(rng.integers(5, 9))
    ]
    pd.DataFrame(rows, columns=["user", "item", "at"]).to_csv(folder / "events.csv", index=False)
    (folder / "shop.yaml").write_text(
        "events: {table: events.csv, user: user, item: item, time: at}\n"
    )
    return tfmm.load(folder / "shop.yaml")


@pytest.fixture(scope="module")
def parts(ordered):
    return tfmm.split(ordered, by="leave_one_out")


def made(data, pairs, **config):
    tf.keras.utils.set_random_seed(1)
    options = {"encoders": {}, "dim": 16, "history": "causal", "dropout": 0.1, "negatives": 5}
    return tfmm.TwoTower.from_data(data, pairs, **(options | config))


def test_it_learns_what_comes_next(ordered, parts):
    def reached(**config):
        model = made(ordered, parts.train, **config)
        model.compile(optimizer=tfmm.LazyAdam(0.02, dense_rate=0.3))
        batches = model.batches(parts.train, batch_size=64, ordered=True)
        model.fit(batches, epochs=15, verbose=0)
        items = model.item_vectors()
        users = model.user_vectors(parts.train, items=items)
        found = tfmm.evaluate((users, items), parts.valid, seen=parts.train, ks=(1,))
        return found["model"]["recall@1"]

    assert reached() > 0.9
    assert reached(history="mean") < 0.9


def test_the_loss_is_the_mean_over_all_places_written_out_in_numpy(ordered, parts):
    model = made(ordered, parts.train, log_q=False, negatives=0, temperature=0.2)
    items, asked = model.item_vectors(), model.session_module()
    count = 0
    for batch in model.batches(parts.train, batch_size=40):
        rows, target = batch["items"].numpy(), batch["target"].numpy()
        candidates = rows[np.unique(target)]
        often = np.bincount(target)[np.unique(target)]
        losses = []
        for (whose, steps), at in zip(batch["read"].numpy(), target, strict=True):
            history = rows[batch["history"].numpy()[whose, :steps]]
            vector = session(asked, items[history])
            score = items[candidates] @ vector / 0.2
            own = items[rows[at]] @ vector / 0.2
            # An item that is a target several times is as many negatives; the target is none.
            weight = np.where(candidates == rows[at], 1, often)
            losses.append(np.log(np.sum(weight * np.exp(score))) - own)
        np.testing.assert_allclose(model.compute_loss(batch), np.mean(losses), rtol=1e-4)
        count += len(losses)
    assert count == len(parts.train)


def session(asked, vectors):
    history = np.zeros((1, 10, 16), np.float32)
    history[0, : len(vectors)] = vectors
    mask = np.arange(10)[None, :] < len(vectors)
    return asked(tf.constant(history), tf.constant(mask)).numpy()[0]


def test_other_parts_come_as_pairs_with_the_histories_of_training(ordered, parts):
    model = made(ordered, parts.train)
    batch = next(iter(model.batches(parts.valid, batch_size=32, ordered=True)))
    assert "read" not in batch
    assert np.isfinite(model.compute_loss(batch))
    # An equal part is the same part.
    assert "read" in next(iter(model.batches(parts.train.subset(parts.train.user >= 0))))


def test_balance_is_refused(ordered, parts):
    with pytest.raises(ValueError, match="`balance` draws some pairs more often"):
        made(ordered, parts.train).batches(parts.train, balance=0.5)


def test_the_run_file_sets_the_tower():
    users = {"history": "causal", "depth": 3, "attention_heads": 4, "dropout": 0.2}
    config = RetrievalConfig.from_dict({"shop": "shop.yaml", "users": users})
    again = RetrievalConfig.from_dict(config.to_dict())
    assert again.sha256 == config.sha256
    assert again.users.model_dump().items() >= users.items()


def test_what_is_served_is_what_the_model_scores(ordered, tmp_path):
    config = {
        "name": "ordered",
        "shop": str(ordered.shop.file),
        "split": {"by": "leave_one_out"},
        "items": {"encoders": {}, "dim": 16},
        "users": {"history": "causal", "dropout": 0.1, "history_size": 6},
        "train": {"epochs": 3, "batch_size": 128, "negatives": 5},
        "blend": {"ease": False},
        "prior": {"weight": 0},
        "evaluate": {"k": [10], "baselines": []},
    }
    run = tfmm.train(config, tmp_path / "run", say=lambda _: None)
    pairs, users = run.task.pairs, np.array([3, 50])
    scores = run.model.score(users, pairs)
    for row, user in enumerate(users):
        scores[row, pairs.item[pairs.user == user]] = -np.inf
    ids = np.asarray(ordered.items.ids).astype(bytes)
    expected = ids[np.argsort(-scores, axis=1)[:, :5]]

    done = export_model(run.path, tmp_path / "models", k=5, say=lambda _: None)
    served = tf.saved_model.load(str(done)).signatures
    names = np.asarray(ordered.users.ids)[users]
    none = {
        name: tf.fill([2, served["recommend"].structured_input_signature[1][name].shape[1]], "")
        for name in ("exclude", "allow")
    }
    known = served["recommend"](user_id=tf.constant(names), **none)
    np.testing.assert_array_equal(known["item_id"], expected)

    history = np.full((2, 6), b"", object)
    latest = pairs.latest(users, 6)
    for row in range(2):
        own = latest[row][latest[row] >= 0]
        history[row, : len(own)] = ids[own]
    # Shoppers never seen do not have their older items left out: these do.
    older = served["recommend_session"](history=tf.constant(history), **none)
    seen = [set(ids[pairs.item[pairs.user == user]]) for user in users]
    for row in range(2):
        answer = [item for item in older["item_id"].numpy()[row] if item not in seen[row]]
        assert answer == expected[row].tolist()[: len(answer)]
        assert len(answer) >= 3
