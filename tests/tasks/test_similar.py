"""Items and those most like them, as a report's page shows them."""

from __future__ import annotations

import numpy as np
from PIL import Image

from tfmm.data.catalog import Catalog
from tfmm.data.columns import ImageColumn, TextColumn
from tfmm.evaluation.html.kept import kept_shelves
from tfmm.tasks.items.similar import show_similar, similar_items


def catalog(folder):
    Image.new("RGB", (30, 40), (200, 0, 0)).save(folder / "红.jpg")
    ids = np.array(["a/1", "b", "帽", "d"], object)
    titles = TextColumn(np.array(["Red <b>", "", "Hat", "Coat"], object))
    photos = ImageColumn(((folder / "红.jpg",), (), (), ()))
    return Catalog(ids, {"title": titles, "photo": photos})


def test_the_most_alike_by_cosine_come_first_and_never_the_item_itself(tmp_path):
    items = catalog(tmp_path)
    vectors = np.array([[1, 0], [10, 1], [0, 3], [-1, 0]], np.float32)
    found = similar_items(vectors, {"warm": np.array([0]), "cold": np.array([], int)}, items)
    assert list(found) == ["warm"]
    (row,) = found["warm"]
    assert row["item"] == "a/1"
    assert [one["item"] for one in row["similar"]] == ["b", "帽", "d"]
    assert [one["cosine"] for one in row["similar"]] == [0.995, 0.0, -1.0]


def test_a_page_shows_titles_and_pictures_and_ids_where_there_is_none(tmp_path):
    items = catalog(tmp_path)
    vectors = np.eye(4, dtype=np.float32)
    show_similar(similar_items(vectors, {"cold": np.array([1, 0])}, items), items, tmp_path / "p")
    (section,) = kept_shelves(tmp_path / "p")
    assert section.title == "New items and those like them"
    first, second = section.shelves
    assert [card.title for card in first.given] == ["b"]
    assert [card.title for card in first.answer] == ["Red <b>", "Hat", "Coat"]
    assert first.given[0].picture is None
    assert second.given[0].picture.is_file()
    show_similar({}, items, tmp_path / "none")
    assert kept_shelves(tmp_path / "none") == []
