"""Two stages in one request, over gRPC: candidates of retrieval in the order of a ranker."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf

from tests.tasks.ranking.shops import chosen, write_ranking_shop
from tfmm.data.catalog import Catalog
from tfmm.data.columns import CategoryColumn
from tfmm.export import check_stock, export_model, refresh_index
from tfmm.export.spread import LOWEST, Spread
from tfmm.export.two_stages import SecondStage
from tfmm.serving import Client, Server
from tfmm.training import train

QUIET = {"say": lambda _: None}
NONE = Catalog(np.array([], object), {})


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    shop = write_ranking_shop(folder)
    finder = {
        "name": "shop",
        "shop": chosen(shop),
        "items": {"encoders": {"brand": "embedding"}, "dim": 8},
        "train": {"epochs": 1, "batch_size": 256},
        "evaluate": {"baselines": []},
    }
    judge = {
        "task": "ranking",
        "shop": shop,
        "network": {"preset": "din", "hidden": [16], "dim": 8},
        "history": {"size": 6},
        "train": {"epochs": 1, "batch_size": 256},
        "evaluate": {"baselines": []},
    }
    for name, config in (("finder", finder), ("judge", judge)):
        train(config, folder / name, **QUIET)
    return folder / "finder", folder / "judge"


@pytest.fixture(scope="module")
def models(runs, tmp_path_factory):
    models = tmp_path_factory.mktemp("models")
    export_model(
        runs[0], models, rank=runs[1], candidates=30, by="buy", k=5, exclude_seen=False, **QUIET
    )
    return models


@pytest.fixture(scope="module")
def client(models):
    with (
        Server(models, grpc_port=0, rest_port=0) as server,
        Client(server.grpc_address, "shop") as made,
    ):
        yield made


CONTEXT = {"device": ["phone"], "time": [1_701_000_000]}


def texts(ids):
    return [one.decode() if isinstance(one, bytes) else str(one) for one in ids]


def test_the_order_is_the_rankers(client):
    found = client.ask("recommend", user_id=["ü🎈3"], exclude=[["品/1"]], allow=[[]], **CONTEXT)
    ids = texts(found["item_id"][0])
    assert len(ids) == 5
    assert "品/1" not in ids
    said = client.ask("rank", user_id=["ü🎈3"], item_id=[ids], **CONTEXT)
    best = dict(zip(texts(said["item_id"][0]), said["buy"][0], strict=True))
    for item, score in zip(ids, found["score"][0], strict=True):
        assert best[item] == pytest.approx(score, abs=1e-5)
    assert (np.diff(found["score"][0]) <= 0).all()
    np.testing.assert_allclose(found["score"], found["buy"])


def test_a_session_is_ranked_by_its_latest_items(client):
    # Of more than the ranker reads, with padding among them: the last six count.
    past = [f"品/{n}" for n in range(0, 36, 3)]
    asked = {"exclude": [[]], "allow": [[]], **CONTEXT}
    whole = client.ask("recommend_session", history=[past], **asked)
    ids = texts(whole["item_id"][0])
    said = client.ask("rank_session", history=[past[-6:]], item_id=[ids], **CONTEXT)
    best = dict(zip(texts(said["item_id"][0]), said["buy"][0], strict=True))
    for item, score in zip(ids, whole["score"][0], strict=True):
        assert best[item] == pytest.approx(score, abs=1e-5)


def test_what_is_written_is_stock_and_tells_of_both(models, runs):
    (verdict,) = check_stock(models)
    assert verdict.ok, str(verdict)
    card = json.loads(next(models.glob("shop/*/model_card.json")).read_text())
    assert card["export"]["second"] == {
        "run": str(runs[1]),
        "k": 5,
        "by": "buy",
        "diversity": 0.0,
        "cap": {},
    }


def test_a_refresh_keeps_the_second_stage(models, runs):
    done = refresh_index(runs[0], models, **QUIET)
    card = json.loads((done.version / "model_card.json").read_text())
    assert card["export"]["second"]["by"] == "buy"


def test_diverse_answers_are_less_alike_and_still_begin_with_the_best():
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(3, 4))
    vectors = tf.constant(centres[np.arange(12) // 4] + 0.01 * rng.normal(size=(12, 4)))
    vectors = tf.cast(vectors, tf.float32)

    def embed(item_id):
        return {"embedding": tf.gather(vectors, tf.strings.to_number(item_id, tf.int32))}

    ids = tf.strings.as_string(tf.range(12))[None]
    scores = tf.constant([np.linspace(1, 0, 12)], tf.float32)
    found = {}
    for diversity in (0.01, 0.9):
        spread = Spread(3, diversity, {}, NONE, embed)
        found[diversity] = spread.places(ids, scores).numpy()[0].tolist()
    # Three kinds of four items each: by the order alone the first kind, else the best of each.
    assert found == {0.01: [0, 1, 2], 0.9: [0, 4, 8]}
    padded = tf.where(tf.range(12)[None] < 2, scores, LOWEST)
    for diversity in (0.5, 0.99):
        spread = Spread(4, diversity, {}, NONE, embed)
        assert spread.places(ids, padded).numpy()[0, :2].tolist() == [0, 1]


def test_no_more_items_of_a_category_than_its_cap_as_long_as_there_are_others():
    codes = np.array([0, 0, 0, 1, -1, -1, -1, 0], np.int32)
    column = CategoryColumn(codes, np.array(["乙", "甲"], object))
    items = Catalog(np.array([f"品/{n}" for n in range(8)], object), {"牌": column})
    ids = tf.constant([[f"品/{n}" for n in range(7)] + [""]])
    scores = tf.constant([[*np.linspace(1, 0, 7), LOWEST]], tf.float32)
    # Items without a brand are free, and those past the cap come before padding.
    order = Spread(8, 0.0, {"牌": 1}, items, None).places(ids, scores).numpy()[0].tolist()
    assert order == [0, 3, 4, 5, 6, 1, 2, 7]
    order = Spread(3, 0.0, {"牌": 2}, items, None).places(ids, scores).numpy()[0].tolist()
    assert order == [0, 1, 3]
    with pytest.raises(ValueError, match=r"'品牌' is none.*There are: 牌"):
        Spread(3, 0.0, {"品牌": 2}, items, None)


def test_an_export_may_be_diverse_and_capped(runs, tmp_path):
    rank = {"rank": runs[1], "candidates": 30, "diversity": 0.5, "cap": {"brand": 1}}
    export_model(runs[0], tmp_path, k=5, **rank, **QUIET)
    server = Server(tmp_path, grpc_port=0, rest_port=0)
    with server, Client(server.grpc_address, "shop") as client:
        asked = {"exclude": [["品/2"]], "allow": [[]], **CONTEXT}
        found = client.ask("recommend", user_id=["ü🎈3"], **asked)
        ids = texts(found["item_id"][0])
        assert len({*ids, "品/2"}) == 6
    # Of three brands one each; the item without one is free.
    brands = [int(one.removeprefix("品/")) % 3 for one in ids if one != "品/3"]
    assert sorted(brands[:3]) == [0, 1, 2]


def test_what_cannot_be_is_refused(runs, tmp_path):
    with pytest.raises(ValueError, match="ranks nothing"):
        export_model(runs[0], tmp_path, rank=runs[0], **QUIET)
    with pytest.raises(ValueError, match="the first run has none"):
        export_model(runs[1], tmp_path, rank=runs[1], **QUIET)
    with pytest.raises(ValueError, match=r"no label 'bye'.*'buy'"):
        export_model(runs[0], tmp_path, rank=runs[1], by="bye", **QUIET)
    with pytest.raises(ValueError, match="give its run as `rank`"):
        export_model(runs[0], tmp_path, by="buy", **QUIET)
    with pytest.raises(ValueError, match="`diversity` must lie in"):
        SecondStage(run="x", k=1, diversity=1.0)
    with pytest.raises(ValueError, match="`cap` of 'brand' must be 1 or more, got 0"):
        SecondStage(run="x", k=1, cap={"brand": 0})
    with pytest.raises(ValueError, match=r"'brend' is none. Did you mean 'brand'"):
        export_model(runs[0], tmp_path, rank=runs[1], cap={"brend": 1}, **QUIET)
    assert not list(tmp_path.iterdir())
