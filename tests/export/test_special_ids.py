"""Ids of any characters, from a table to answers over both transports."""

from __future__ import annotations

import csv
from types import SimpleNamespace

import numpy as np
import pytest

from tfmm.data import load
from tfmm.export import export_model
from tfmm.serving import Client, Server

SPECIAL = [
    "a/b", "c\\d", "😀", "i,j", 'g"h', "e'f", "tab\tid", "true", "1e5", "0x1F", "商品/Étui", "NA",
    "../x", "%2F", "${HOME}", "x" * 300, "<b>", "-1", "a b", "ß",
]  # fmt: skip
MISSING = ["nan", "None", "NULL"]


def written(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


@pytest.fixture
def data(tmp_path):
    """A shop of 30 items and 12 users, of events of each user with an item."""
    items = [*SPECIAL, *(f"item {n}" for n in range(10))]
    users = SPECIAL[:12]
    written(tmp_path / "items.csv", [["id"], *([item] for item in items)])
    pairs = [(user, SPECIAL[19 - n]) for n, user in enumerate(users)]
    lost = [(bad, "a/b") for bad in MISSING] + [("a/b", bad) for bad in MISSING]
    spaced = [(f" {users[2]} ", f"{SPECIAL[0]} ")]
    written(tmp_path / "events.csv", [("user", "item"), *pairs, *lost, *spaced])
    return load(
        {
            "root": str(tmp_path),
            "items": {"table": "items.csv", "id": "id"},
            "events": {"table": "events.csv", "user": "user", "item": "item"},
        }
    )


def test_ids_of_any_characters_are_those_of_the_tables(data):
    assert data.items.ids[:20].tolist() == SPECIAL
    assert data.users.ids.tolist() == SPECIAL[:12]
    assert data.report.found("bad_ids") == 2 * len(MISSING)
    assert data.report.found("unknown_items") == 0
    assert data.items.ids[data.events.item[-1]] == "a/b"
    assert data.users.ids[data.events.user[-1]] == "😀"


def test_ids_of_any_characters_are_answered(run: SimpleNamespace, data, tmp_path) -> None:
    run.data.items.ids, run.data.users.ids = data.items.ids, data.users.ids
    run.data.events = data.events
    export_model(run, tmp_path / "models")
    users, items = run.model.user_vectors(None, None), run.model.item_vectors()
    scores = users @ items.T
    scores[data.events.user, data.events.item] = -np.inf
    best = [data.items.ids[np.argsort(-row, kind="stable")[:7]].tolist() for row in scores]
    with Server(tmp_path / "models", grpc_port=0, rest_port=0) as server:
        for transport in ("grpc", "rest"):
            address = server.grpc_address if transport == "grpc" else server.rest_address
            with Client(address, "little_shop", transport=transport) as client:
                hits = client.recommend(data.users.ids.tolist())
                assert [one.item_id for one in hits] == best
                first = [one.item_id[0] for one in hits]
                others = client.recommend(data.users.ids.tolist(), exclude=[[one] for one in first])
                assert [one.item_id[:6] for one in others] == [one[1:] for one in best]
                for item, one in zip(SPECIAL, client.similar(SPECIAL), strict=True):
                    assert len(one) == 7
                    assert item not in one.item_id
                    assert client.recommend_session([item]).item_id != []
