"""Shoppers' models over items of no, one or three pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import yaml

import tfmm
from tests.tasks.classification.test_several_pictures import CNN, write_several
from tfmm.tasks.retrieval.graph.model import Graph


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> tfmm.ShopData:
    """Shoppers who each buy items of one colour, which their pictures tell together."""
    file = write_several(tmp_path_factory.mktemp("shop") / "店", items=48)
    rng = np.random.default_rng(0)
    bought = [
        (f"u{user}", f"商品{item}")
        for user in range(30)
        for item in rng.choice(np.arange(user % 3, 48, 3), 8, replace=False)
    ]
    pd.DataFrame(bought, columns=["who", "sku"]).to_csv(file.with_name("events.csv"), index=False)
    value = yaml.safe_load(file.read_text("utf-8"))
    value["events"] = {"table": "events.csv", "user": "who", "item": "sku"}
    return tfmm.load(value | {"root": str(file.parent)})


@pytest.mark.parametrize(
    "photo",
    [CNN, {"name": "classic", "pool": "attention"}],
    ids=["trained", "frozen, attention"],
)
def test_colours_of_later_pictures_are_learned(shop: tfmm.ShopData, photo, tmp_path: Path) -> None:
    tf.keras.utils.set_random_seed(1)
    parts = tfmm.split(shop, by="user", valid=0.1, test=0.2, seed=1)
    options = {"encoders": {"照片": photo}, "id": False, "dim": 16, "budget": 20}
    model = tfmm.TwoTower.from_data(shop, parts.train, cache=tmp_path, **options)
    model.compile(optimizer=tfmm.LazyAdam(0.01))
    model.fit(model.batches(parts.train, batch_size=64), epochs=8, verbose=0)
    vectors = model.item_vectors()
    # Whatever else is encoded with an item, and how wide, its vector stays.
    np.testing.assert_allclose(model.item_vectors(batch_size=16), vectors, rtol=1e-3, atol=1e-5)
    paths = shop.items.features["照片"].paths
    several = np.flatnonzero([len(files) > 1 for files in paths])
    scores = vectors[several] @ vectors[several].T
    colour = several % 3
    same = colour[:, None] == colour
    np.fill_diagonal(scores, -np.inf)
    assert same[np.arange(len(several)), scores.argmax(axis=1)].mean() > 0.8


def test_a_graph_joins_items_by_all_their_pictures(shop: tfmm.ShopData, tmp_path: Path) -> None:
    parts = tfmm.split(shop, by="user", valid=0.1, test=0.2, seed=1)
    photo = {"name": "classic", "pool": "attention"}
    graph = {"similar": ["照片"], "neighbours": 3}
    model = Graph.from_data(
        shop, parts.train, cache=tmp_path, encoders={"照片": photo}, dim=8, graph=graph
    )
    (edges,) = model.content_edges
    rows, near = edges.matrix.nonzero()
    several = np.array([len(files) > 1 for files in shop.items.features["照片"].paths])
    assert (rows % 3 == near % 3)[several[rows] & several[near]].mean() > 0.8
