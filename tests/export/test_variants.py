"""Ids of variants in requests stand for their products."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf

from tfmm.data import load
from tfmm.export import export_model

SIZES = ("S", "größer/大")


@pytest.fixture
def data(tmp_path):
    """30 products of two variants each, as their events name them."""
    products = [f"帽 {n}" for n in range(30)]
    rows = [f"{item},,Hat {n}" for n, item in enumerate(products)]
    rows += [f"{item}-{size},{item}," for item in products for size in SIZES]
    rows += ["lost,nowhere,Hat", "帽 3-S-again,帽 3-S,"]
    (tmp_path / "items.csv").write_text("\n".join(["id,parent,title", *rows]), encoding="utf-8")
    events = [f"u{n % 12},{item}-S" for n, item in enumerate(products)]
    (tmp_path / "events.csv").write_text("\n".join(["who,item", *events]), encoding="utf-8")
    return load(
        {
            "root": str(tmp_path),
            "items": {"table": "items.csv", "id": "id", "parent": "parent"},
            "events": {"table": "events.csv", "user": "who", "item": "item"},
        }
    )


def test_variants_have_the_rows_of_their_products(data):
    ids = data.items.ids
    told = dict(zip(data.items.variants.ids, ids[data.items.variants.rows], strict=True))
    assert told["帽 7-S"] == "帽 7"
    assert told["帽 7-größer/大"] == "帽 7"
    assert told["帽 3-S-again"] == "帽 3"
    assert not {*told} & {*ids}
    some = data.items.take([5, 3])
    assert some.ids.tolist() == ["帽 5", "帽 3"]
    left = dict(zip(some.variants.ids, some.variants.rows.tolist(), strict=True))
    assert left == {
        "帽 3-S": 1,
        "帽 3-größer/大": 1,
        "帽 3-S-again": 1,
        "帽 5-S": 0,
        "帽 5-größer/大": 0,
    }


def test_a_variant_is_asked_for_as_its_product(run, data, tmp_path):
    items = data.items.take(range(30))
    run.data.items.ids, run.data.items.variants = items.ids, items.variants
    version = export_model(run, tmp_path / "models", say=lambda line: None)
    served = tf.saved_model.load(str(version)).signatures

    def ask(name, **given):
        inputs = served[name].structured_input_signature[1]
        for key, spec in inputs.items():
            width = (spec.shape[1],) if spec.shape.rank == 2 else ()
            row = np.full((1, *width), "", object)
            if key in given:
                row.flat[: len(given[key])] = given[key]
            given[key] = tf.constant(row)
        return {key: value.numpy() for key, value in served[name](**given).items()}

    def same(name, one, other):
        first, second = ask(name, **one), ask(name, **other)
        return all((first[key] == second[key]).all() for key in first)

    product, variant = ["帽 4"], ["帽 4-größer/大"]
    nothing = ask("similar_items", item_id=["帽 4-XXL"])["item_id"]
    assert not any(nothing.ravel())
    for name, key in (
        ("similar_items", "item_id"),
        ("embed_item", "item_id"),
        ("recommend_session", "history"),
    ):
        assert same(name, {key: variant}, {key: product})
        assert not same(name, {key: variant}, {key: ["帽 4-XXL"]})
    # Two variants of a product in a history are one item of it.
    both = ["帽 4-S", "帽 9", "帽 4-größer/大", "帽 4"]
    assert same("recommend_session", {"history": both}, {"history": ["帽 4", "帽 9"]})
    best = ask("recommend_session", history=["帽 9"])["item_id"][0, 0].decode()
    exclude = {"history": ["帽 9"], "exclude": [f"{best}-S"]}
    assert same("recommend_session", exclude, exclude | {"exclude": [best]})
    assert best.encode() not in ask("recommend_session", **exclude)["item_id"]
    card = json.loads((version / "model_card.json").read_text("utf-8"))
    assert card["data"]["variants"] == card["sizes"]["variants"] == len(items.variants)
    assert any("variant" in limit for limit in card["limits"])


def test_a_model_without_variants_has_no_table_of_them(run, tmp_path):
    version = export_model(run, tmp_path / "models", say=lambda line: None)
    names = {path.name for path in (version / "assets").iterdir()}
    assert names == {"item_ids.txt", "user_ids.txt", *(n for n in names if n.startswith("term"))}
    assert "variants" not in json.loads((version / "model_card.json").read_text("utf-8"))["data"]
