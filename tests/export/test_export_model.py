"""export_model: from a run to a version folder."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from tests.export.shops import ITEMS, USERS
from tfmm.data import Catalog, SearchCatalog
from tfmm.data.columns import CategoryColumn, TextColumn
from tfmm.data.search_catalog import CATALOG_FILE
from tfmm.export import export_model
from tfmm.tasks.retrieval.config import IndexConfig
from tfmm.tasks.retrieval.serve import servable_of


def test_a_run_becomes_a_version(run: SimpleNamespace, tmp_path: Path) -> None:
    version = export_model(run, tmp_path, exclude_size=3, allow_size=2)
    assert version == tmp_path / "little_shop" / "1"
    card = json.loads((version / "model_card.json").read_text())
    assert card["data"] == {"items": 30, "users": 12, "events": 4, "distinct user-item pairs": 3}
    assert card["metrics"]["model"] == {"recall@20": 0.5}
    assert card["signatures"]["recommend"]["outputs"]["item_id"]["shape"] == [None, 7]
    assert card["signatures"]["recommend_session"]["inputs"]["history"]["shape"] == [None, 9]
    recommend = tf.saved_model.load(str(version)).signatures["recommend"]
    answer = recommend(
        user_id=tf.constant([USERS[3]]),
        exclude=tf.constant([[ITEMS[2], "", ""]]),
        allow=tf.constant([["kind=bag", ""]]),
    )
    # Bags are 2, 5, 8, …, 29; 8 was seen and 2 excluded.
    found = [int(item) for item in answer["item_id"].numpy()[0]]
    assert len(found) == 7
    assert set(found) <= {5, 11, 14, 17, 20, 23, 26, 29}


def test_a_version_holds_what_clients_search_by_keywords(
    run: SimpleNamespace, tmp_path: Path
) -> None:
    version = export_model(run, tmp_path, exclude_size=3, allow_size=2)
    assert not (version / CATALOG_FILE).exists()  # nothing here has a title
    titles = TextColumn(np.array([f"no {item}" for item in ITEMS], object))
    kind = run.data.items.features["kind"]
    features = {"kind": CategoryColumn(kind.codes, kind.vocabulary), "title": titles}
    run.data.items = Catalog(np.array(ITEMS, object), features)
    version = export_model(run, tmp_path, exclude_size=3, allow_size=2)
    catalog = SearchCatalog.load(version / CATALOG_FILE)
    assert catalog.title(ITEMS[4]) == f"no {ITEMS[4]}"
    assert catalog.facet_counts(ITEMS)["kind"]["bag"] == 10


def test_seen_items_may_stay_in(run: SimpleNamespace) -> None:
    for exclude_seen, items in ((True, [b"0008", b"0009"]), (False, [])):
        servable = servable_of(run, k=30, exclude_seen=exclude_seen)
        assert servable.seen_items([USERS[3]])[0].numpy().tolist() == items
        found = servable.serving_default(tf.constant([USERS[3]]))["item_id"].numpy()[0]
        assert (found != b"").sum() == 30 - len(items)


@pytest.mark.parametrize("kind", ["brute_force", "ivf", "scann"])
def test_every_kind_of_index_exports(run: SimpleNamespace, tmp_path: Path, kind: str) -> None:
    if kind == "scann":
        pytest.importorskip("scann")
    run.config.index = IndexConfig(kind="ivf", k=7, recall=0.9, storage="int8")
    version = export_model(run, tmp_path, exclude_size=3, allow_size=2, index=kind)
    answer = tf.saved_model.load(str(version)).signatures["serving_default"]
    assert answer(user_id=tf.constant([USERS[3]]))["item_id"].shape == (1, 7)


@pytest.mark.parametrize("kind", ["ivf", "scann"])
def test_an_index_that_is_exact_after_all_is_said_and_written(run, tmp_path, kind) -> None:
    if kind == "scann":
        pytest.importorskip("scann")
    lines: list[str] = []
    sizes = {"exclude_size": 3, "allow_size": 2}
    version = export_model(run, tmp_path, say=lines.append, index=kind, **sizes)
    assert lines == [
        f"The index is exact: 30 items are too few for {kind} to save what it would miss."
    ]
    card = json.loads((version / "model_card.json").read_text("utf-8"))
    assert (card["index"]["asked"], card["index"]["written"]) == (kind, "exact")
    assert "| written | exact |" in (version / "model_card.md").read_text("utf-8")
    assert card["export"]["index"] == kind  # what a refresh keeps asking for
    lines.clear()
    version = export_model(run, tmp_path, say=lines.append, **sizes)
    card = json.loads((version / "model_card.json").read_text("utf-8"))
    assert (card["index"]["asked"], card["index"]["written"], lines) == ("auto", "exact", [])


def test_an_unknown_index_is_refused(run: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Did you mean 'scann'"):
        export_model(run, tmp_path, index="scan")
