import os
from pathlib import Path

import numpy as np
import pytest

from tfmm.data import load

PROJECT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("TFMM_DATA") or "no folder")

pytestmark = pytest.mark.realdata


def folder(name):
    if not (DATA / name).is_dir():
        pytest.skip(f"no folder {DATA / name}; set TFMM_DATA to where the data is")
    return DATA / name


def test_hm_loads_whole():
    folder("hm")
    data = load(PROJECT / "examples" / "hm" / "shop.yaml")
    assert (len(data.events), len(data.users), len(data.items)) == (74_620, 8_925, 3_186)
    assert data.items.ids[0] == "0111565001"
    assert all(column.present.all() for column in data.items.features.values())
    assert {finding.check for finding in data.report.findings} == {"duplicate_events"}


def test_ml100k_reports_its_duplicates():
    folder("ml100k")
    data = load(PROJECT / "examples" / "ml100k" / "shop.yaml")
    assert (len(data.events), len(data.users), len(data.items)) == (99_815, 943, 1_682)
    assert data.report.found("duplicate_items") == 64
    assert data.report.found("missing_images") == 19
    genres = data.items.features["genres"]
    toy_story = genres.vocabulary[genres.values[genres.offsets[0] : genres.offsets[1]]]
    assert toy_story.tolist() == ["Animation", "Children", "Comedy"]


def test_baby_loads_with_its_split():
    mapping = {
        "root": str(folder("baby")),
        "events": {"table": "baby.inter.gz", "user": "userID", "item": "itemID"},
    }
    data = load(mapping, extra_event_columns=("x_label",))
    assert (len(data.events), len(data.users), len(data.items)) == (160_792, 19_445, 7_050)


def test_tiktok_loads_with_vectors():
    root = folder("tiktok")
    vector = {"kind": "vector", "path": "image_feat.npy"}
    mapping = {
        "root": str(root),
        "items": {"id": "itemID", "features": {"image": vector}},
        "events": {"table": "tiktok.inter", "user": "userID", "item": "itemID"},
    }
    data = load(mapping, extra_event_columns=("x_label",))
    assert (len(data.events), len(data.users), len(data.items)) == (68_722, 9_308, 6_710)
    image = data.items.features["image"]
    assert image.present.all()
    stored = np.load(root / "image_feat.npy").astype(np.float32)
    np.testing.assert_array_equal(image.values[5], stored[int(data.items.ids[5])])
    assert set(data.events.extra["x_label"].tolist()) == {0, 1, 2}


def test_lastfm_loads_with_what_is_known_of_its_artists():
    folder("lastfm_kg")
    data = load(PROJECT / "examples" / "lastfm_kg" / "shop.yaml")
    assert (len(data.events), len(data.users), len(data.items)) == (21_173, 1_872, 3_846)
    counts = {"triples": 15_469, "relations": 58, "items": 3_844, "entities": 5_520}
    assert data.report.counts["knowledge"] == counts
    assert data.report.found("looped_triples") == 49


def test_ml100k_loads_with_what_is_known_of_its_films():
    folder("ml100k_kg")
    data = load(PROJECT / "examples" / "ml100k_kg" / "shop.yaml")
    counts = {"triples": 91_631, "relations": 24, "items": 1_598, "entities": 33_030}
    assert data.report.counts["knowledge"] == counts
    relations = data.knowledge.relations.tolist()
    assert {"film.film.actor", "film.director.film"} <= set(relations)
