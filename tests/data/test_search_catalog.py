"""The client's catalogue: from a shop, into a file and back, facets and filters."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from tfmm.data import Catalog, SearchCatalog
from tfmm.data.columns import CategoryColumn, NumberColumn, TagsColumn, TextColumn
from tfmm.data.search_catalog import SearchCatalogError


def texts(*values: str) -> np.ndarray:
    return np.array(values, object)


@pytest.fixture
def catalog() -> SearchCatalog:
    items = Catalog(
        texts("a", "b", "c"),
        {
            "name": TextColumn(texts("Red shoe", "Blue shoe", "")),
            "about": TextColumn(texts("for running", "", "warm")),
            "brand": CategoryColumn(np.array([1, 0, -1], np.int32), texts("Acme", "Zoom")),
            "labels": TagsColumn(
                np.array([0, 1, 1], np.int32), np.array([0, 2, 2, 3]), texts("new", "sale")
            ),
            "price": NumberColumn(np.array([34.95, np.nan, 0], np.float32)),
        },
    )
    return SearchCatalog.from_shop(items)


def same(one: SearchCatalog, other: SearchCatalog) -> bool:
    ids = [str(i) for i in one.ids]
    return (
        all(
            (getattr(one, name) == getattr(other, name)).all()
            for name in ("ids", "titles", "words")
        )
        and one.facet_counts(ids) == other.facet_counts(ids)
        and list(one.facets) == list(other.facets)
        and list(one.numbers) == list(other.numbers)
        and all(
            np.array_equal(one.numbers[n].values, other.numbers[n].values, equal_nan=True)
            for n in one.numbers
        )
    )


def test_words_are_texts_facets_and_the_id(catalog):
    assert catalog.words[0].split("\n") == ["Red shoe", "for running", "Zoom", "new sale", "a"]
    assert catalog.words[2].split("\n") == ["warm", "sale", "c"]


def test_a_title_falls_back_to_the_id(catalog):
    assert catalog.title("a") == "Red shoe"
    assert catalog.title("c") == "c"
    assert catalog.title("gone") == "gone"


def test_facets_count_the_values_of_the_hits(catalog):
    assert catalog.facet_counts(["a", "c", "gone"]) == {
        "brand": {"Zoom": 1},
        "labels": {"sale": 2, "new": 1},
    }
    assert catalog.facet_counts([]) == {"brand": {}, "labels": {}}


def test_allow_is_or_within_a_feature_and_and_across(catalog):
    assert catalog.allowed([]).tolist() == [True] * 3
    assert catalog.allowed(["brand=Acme", "brand=Zoom"]).tolist() == [True, True, False]
    assert catalog.allowed(["brand=Zoom", "labels=sale"]).tolist() == [True, False, False]
    assert not catalog.allowed(["brand=nobody"]).any()
    for term in ("colour=red", "brand"):
        with pytest.raises(SearchCatalogError, match="its features are: brand, labels"):
            catalog.allowed([term])


def test_a_file_holds_the_same(catalog, tmp_path):
    file = catalog.save(tmp_path / "new" / "catalog.parquet")
    assert same(SearchCatalog.load(file), catalog)
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_facets_without_any_value_survive_the_file(tmp_path):
    empty = TagsColumn(np.zeros(0, np.int32), np.zeros(2, np.int64), texts())
    one = SearchCatalog(texts("a"), texts("x"), texts("x"), {"tags": empty})
    assert SearchCatalog.load(one.save(tmp_path / "c.parquet")).facet_counts(["a"]) == {"tags": {}}


def test_a_shop_file_gives_pictures_and_chosen_texts(shop_file):
    catalog = SearchCatalog.from_shop(shop_file, words=["title"])
    assert len(catalog) == 60
    assert catalog.title("00003") == "red coat no 3"
    assert catalog.picture("00003").name == "00003.jpg"
    assert catalog.picture("00005") is None
    assert catalog.facet_counts(["00003", "00007"])["kind"] == {"coat": 2}


def test_what_is_no_catalogue_is_refused(catalog, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no\.parquet"):
        SearchCatalog.load(tmp_path / "no.parquet")
    (tmp_path / "text").write_text("no parquet")
    pa.parquet.write_table(pa.table({"item_id": ["a"]}), tmp_path / "other.parquet")
    for name in ("text", "other.parquet"):
        with pytest.raises(SearchCatalogError, match="is no search catalogue"):
            SearchCatalog.load(tmp_path / name)
    file = catalog.save(tmp_path / "c.parquet")
    about = {b"tfmm_search_catalog": b'{"format": 9}'}
    pa.parquet.write_table(pa.parquet.read_table(file).replace_schema_metadata(about), file)
    with pytest.raises(SearchCatalogError, match="has the form 9, expected 1"):
        SearchCatalog.load(file)


def test_features_that_are_not_there_are_named(shop_file):
    with pytest.raises(SearchCatalogError, match="no text feature 'nome'; they have: title"):
        SearchCatalog.from_shop(shop_file, title="nome")
    with pytest.raises(SearchCatalogError, match="they have: none"):
        SearchCatalog.from_shop(Catalog(texts("a")))
