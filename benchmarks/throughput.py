"""Training throughput beside the same model written as TensorFlow Recommenders' tutorials write it.

Both models have the same towers (user: mean of the history's item vectors and an id embedding;
item: id and category embeddings), the same in-batch softmax with `tfrs.tasks.Retrieval`, the same
optimizer and the same batches' size. The tutorial's way: string ids in a
`tf.data.Dataset.from_tensor_slices`, `shuffle`, `batch`, `cache`, StringLookup layers in the model,
the default Keras loop, the retrieval metric off during training, as the tutorials advise. Epochs of
the two are taken in turn in one process.

    python benchmarks/throughput.py
"""

from __future__ import annotations

import argparse
import time

import common
import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

from tfmm.data.batches.pipeline import FeatureColumns
from tfmm.data.columns import CategoryColumn
from tfmm.data.events.pairs import Pairs
from tfmm.encoders import encoder
from tfmm.layers.fusion import fusion
from tfmm.layers.towers import Content, ItemTower, UserTower
from tfmm.tasks.retrieval.two_tower import TwoTower


class TutorialModel(tfrs.Model):
    """The towers as the tutorials build them, lookups inside."""

    def __init__(self, users, items, categories, dim: int, history: bool) -> None:
        super().__init__()
        layers = tf.keras.layers
        self.user_lookup = layers.StringLookup(vocabulary=users, mask_token=None)
        self.user_embedding = layers.Embedding(len(users) + 1, dim)
        self.item_lookup = layers.StringLookup(vocabulary=items, mask_token="")
        self.item_embedding = layers.Embedding(len(items) + 2, dim)
        self.category_lookup = layers.StringLookup(vocabulary=categories, mask_token="")
        self.category_embedding = layers.Embedding(len(categories) + 2, dim)
        self.with_history = history
        self.task = tfrs.tasks.Retrieval(temperature=0.2)

    def item_model(self, item, category):
        vector = self.item_embedding(self.item_lookup(item))
        vector += self.category_embedding(self.category_lookup(category))
        return tf.math.l2_normalize(vector, -1)

    def compute_loss(self, features, training=False):
        query = self.user_embedding(self.user_lookup(features["user_id"]))
        if self.with_history:
            past = self.item_model(features["history"], features["history_category"])
            there = tf.cast(features["history"] != "", tf.float32)[:, :, None]
            query += tf.reduce_sum(past * there, 1) / tf.maximum(tf.reduce_sum(there, 1), 1.0)
        query = tf.math.l2_normalize(query, -1)
        candidate = self.item_model(features["item_id"], features["category"])
        return self.task(
            query,
            candidate,
            candidate_ids=features["item_id"],
            candidate_sampling_probability=features["probability"],
            compute_metrics=not training,
        )


def make_events(users: int, items: int, events: int, categories: int, seed: int):
    """A shop with Zipf-like popularity: distinct pairs, and the category of each item."""
    rng = np.random.default_rng(seed)
    popularity = 1.0 / np.arange(1, items + 1) ** 0.8
    item = rng.choice(items, events, p=popularity / popularity.sum()).astype(np.int32)
    user = np.sort(rng.integers(0, users, events)).astype(np.int32)
    pairs = np.unique(np.stack([user, item], 1), axis=0)
    order = np.lexsort((rng.random(len(pairs)), pairs[:, 0]))
    pairs = pairs[order]
    weight = np.ones(len(pairs), np.float32)
    made = Pairs(pairs[:, 0], pairs[:, 1], None, weight, users, items)
    return made, rng.integers(0, categories, items).astype(np.int32)


def tutorial_dataset(pairs, category, user_ids, item_ids, names, size, length, history):
    count = np.bincount(pairs.item, minlength=pairs.n_items) / len(pairs.item)
    columns = {
        "user_id": user_ids[pairs.user],
        "item_id": item_ids[pairs.item],
        "category": names[category[pairs.item]],
        "probability": count[pairs.item].astype(np.float32),
    }
    if history:
        past = np.full((len(pairs.item), length), -1, np.int64)
        place = np.arange(len(pairs.item)) - pairs.offsets[pairs.user]
        total = np.diff(pairs.offsets)[pairs.user]
        for step in range(length):
            other = pairs.offsets[pairs.user] + (place + 1 + step) % total
            past[:, step] = np.where(step < total - 1, pairs.item[other], -1)
        columns["history"] = np.where(past >= 0, item_ids[past], "")
        columns["history_category"] = np.where(past >= 0, names[category[past]], "")
    data = tf.data.Dataset.from_tensor_slices(
        {k: v.astype("S") if v.dtype.kind in "OU" else v for k, v in columns.items()}
    )
    return data.shuffle(100_000, seed=1).batch(size).prefetch(tf.data.AUTOTUNE)


def ours(pairs, category, n_categories, dim, history) -> TwoTower:
    column = CategoryColumn(category, np.array([f"c{i:04d}" for i in range(n_categories)], object))
    made = encoder("category", dim=dim)
    made.adapt(column)
    content = Content(
        {"category": made}, fusion("weighted", dim=dim, modality_dropout=0.0), pairs.n_items
    )
    return TwoTower(
        ItemTower(pairs.n_items, dim, content=content, id_dropout=0.0),
        UserTower(
            pairs.n_users,
            dim,
            id=True,
            id_dropout=0.0,
            history="mean" if history else "none",
            history_size=20,
        ),
        FeatureColumns({"category": made.prepare(column)}, np.ones((pairs.n_items, 1), bool)),
        train=pairs,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=50_000)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--categories", type=int, default=200)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--batch", type=int, default=2048)
    parser.add_argument("--epochs", type=int, default=3)
    args = parser.parse_args()
    pairs, category = make_events(args.users, args.items, args.events, args.categories, 1)
    user_ids = np.array([f"user-{i:07d}" for i in range(args.users)])
    item_ids = np.array([f"item-{i:07d}" for i in range(args.items)])
    names = np.array([f"c{i:04d}" for i in range(args.categories)])
    rows = []
    for history in (False, True):
        tutorial = TutorialModel(user_ids, item_ids, names, args.dim, history)
        tutorial.compile(optimizer=tf.keras.optimizers.Adagrad(0.1))
        theirs = tutorial_dataset(
            pairs, category, user_ids, item_ids, names, args.batch, 20, history
        )
        model = ours(pairs, category, args.categories, args.dim, history)
        model.compile(optimizer=tf.keras.optimizers.Adagrad(0.1))
        mine = model.batches(pairs, args.batch)
        seconds: dict[str, list[float]] = {"tutorial": [], "tfmm": []}
        for epoch in range(args.epochs + 1):
            for name, one, data in (("tutorial", tutorial, theirs), ("tfmm", model, mine)):
                started = time.perf_counter()
                one.fit(data, epochs=1, verbose=0)
                if epoch:
                    seconds[name].append(time.perf_counter() - started)
        per = {name: len(pairs) / float(np.median(t)) for name, t in seconds.items()}
        rows.append(
            {
                "user tower": "id + history of 20" if history else "id",
                "tutorial, examples/s": f"{per['tutorial']:,.0f}",
                "tfmm, examples/s": f"{per['tfmm']:,.0f}",
                "ratio": round(per["tfmm"] / per["tutorial"], 2),
            }
        )
    common.report("throughput", rows, vars(args))


if __name__ == "__main__":
    main()
