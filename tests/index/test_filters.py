"""TermFilter: which items `feature=value` terms allow."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from tfmm.index import BruteForce, TermFilter


class Column(SimpleNamespace):
    def __len__(self) -> int:
        return self.n


def category(values: list[str]) -> Column:
    vocabulary = np.array(sorted({v for v in values if v}), object)
    codes = np.array([vocabulary.tolist().index(v) if v else -1 for v in values], np.int32)
    return Column(kind="category", codes=codes, vocabulary=vocabulary, n=len(values))


def tags(values: list[list[str]]) -> Column:
    vocabulary = np.array(sorted({v for vs in values for v in vs}), object)
    flat = np.array([vocabulary.tolist().index(v) for vs in values for v in vs], np.int32)
    offsets = np.cumsum([0, *map(len, values)]).astype(np.int64)
    return Column(kind="tags", values=flat, offsets=offsets, vocabulary=vocabulary, n=len(values))


COLORS = ["red", "blue", "", "red", "dark red"]
TAGS = [["a=b", "new"], [], ["new", "new"], ["50% off", "line\nbreak"], ["back\\slash", "a=b"]]


@pytest.fixture
def filters() -> TermFilter:
    return TermFilter({"color": category(COLORS), "tag": tags(TAGS)}, 5)


def allowed(filters: TermFilter, *terms: str) -> list[int]:
    return np.flatnonzero(filters.mask(tf.constant([terms]))[0]).tolist()


@pytest.mark.parametrize(
    ("terms", "rows"),
    [
        (("", ""), [0, 1, 2, 3, 4]),
        (("color=red", ""), [0, 3]),
        (("color=red", "color=blue"), [0, 1, 3]),
        (("color=red", "color=red"), [0, 3]),
        (("color=dark red",), [4]),
        (("tag=a=b",), [0, 4]),
        (("tag=new", "color=red"), [0]),
        (("tag=new", "tag=a=b", "color=red", "color=dark red"), [0, 4]),
        (("tag=line\nbreak",), [3]),
        (("tag=back\\slash",), [4]),
        (("tag=back\\\\slash",), []),
        (("color=green",), []),
        (("color=green", "color=red"), [0, 3]),
        (("color=green", "tag=new"), []),
        (("size=9",), []),
        (("size=9", "color=red"), []),
        (("red",), []),
        (("=",), []),
        (("=red", "color=red"), []),
        (("color=",), []),
        ((b"color=\xff\xfe", b"color=red"), [0, 3]),
    ],
)
def test_or_within_a_feature_and_across_features(filters, terms, rows) -> None:
    assert allowed(filters, *terms) == rows


def test_each_query_has_terms_of_its_own(filters: TermFilter) -> None:
    terms = tf.constant([["color=red", "tag=new"], ["", ""], ["tag=a=b", ""], ["size=1", ""]])
    mask = filters.mask(terms)
    assert mask.shape == (4, 5)
    assert [np.flatnonzero(row).tolist() for row in mask] == [[0], [0, 1, 2, 3, 4], [0, 4], []]
    assert filters.mask(tf.zeros([0, 2], tf.string)).shape == (0, 5)


def test_search_takes_bound_terms(filters: TermFilter, monkeypatch: pytest.MonkeyPatch) -> None:
    index = BruteForce(k=3).index(np.eye(5))
    terms = tf.constant([["color=red"], [""], ["tag=new"]])
    monkeypatch.setattr("tfmm.index.base._FILTERED_BLOCK_SCORES", 5)  # a query a block
    _, rows = index.search(tf.ones([3, 5]), allowed=filters.bind(terms))
    assert rows.numpy().tolist() == [[0, 3, -1], [0, 1, 2], [0, 2, -1]]


def test_catalogue_without_filterable_features() -> None:
    filters = TermFilter({}, 3)
    assert allowed(filters, "") == [0, 1, 2]
    assert allowed(filters, "color=red") == []
    assert filters.examples == ()


def test_from_catalog_takes_category_and_tags_columns() -> None:
    class Catalog(SimpleNamespace):
        def __len__(self) -> int:
            return 5

    catalog = Catalog(features={"color": category(COLORS), "price": Column(kind="number", n=5)})
    filters = TermFilter.from_catalog(catalog)
    assert filters.features == ("color",)
    assert set(filters.examples) == {"color=red", "color=blue", "color=dark red"}


def test_survives_saving(filters: TermFilter, tmp_path) -> None:
    module = tf.Module()
    module.filters = filters
    spec = tf.TensorSpec([None, None], tf.string, name="terms")
    function = tf.function(lambda terms: {"mask": filters.mask(terms)}, input_signature=[spec])
    tf.saved_model.save(module, str(tmp_path), signatures=function.get_concrete_function())
    loaded = tf.saved_model.load(str(tmp_path)).signatures["serving_default"]
    mask = loaded(terms=tf.constant([["color=red", "tag=line\nbreak"]]))["mask"]
    assert np.flatnonzero(mask[0]).tolist() == [3]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"price": Column(kind="number", n=5)}, "kind 'number'"),
        ({"a=b": category(COLORS)}, "rename the feature"),
        ({"color": category(COLORS[:3])}, "3 entries for 5 items"),
    ],
)
def test_bad_columns_are_refused(columns, message) -> None:
    with pytest.raises(ValueError, match=message):
        TermFilter(columns, 5)
