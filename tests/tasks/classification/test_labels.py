"""Labels of a catalogue: from a category, from tags, and from a path of classes."""

from __future__ import annotations

import numpy as np
import pytest

from tfmm.data.catalog import Catalog
from tfmm.data.columns import CategoryColumn, TagsColumn, TextColumn
from tfmm.tasks.classification.labels import labels_of
from tfmm.tasks.config import RunFileError


def category(values: list[str]) -> CategoryColumn:
    vocabulary = sorted({value for value in values if value})
    codes = [vocabulary.index(value) if value else -1 for value in values]
    return CategoryColumn(np.array(codes, np.int32), np.array(vocabulary, object))


def catalog(**columns) -> Catalog:
    count = len(next(iter(columns.values())))
    return Catalog(np.array([f"i{i}" for i in range(count)], object), columns)


def test_a_category_gives_one_label_the_most_frequent_first_and_counts_what_is_rare() -> None:
    items = catalog(kind=category(["hat", "coat", "coat", "", "帽子", "coat", "hat"]))
    labels = labels_of(items, "kind", min_items=2)
    assert labels.names == ("coat", "hat")
    assert labels.codes.tolist() == [1, 0, 0, -1, -1, 0, 1]
    assert labels.rare == 1
    assert not labels.several
    assert labels.levels == ()


def test_tags_give_several_labels_and_none_of_them_is_an_answer() -> None:
    values, offsets = np.array([0, 1, 1], np.int32), np.array([0, 2, 2, 3], np.int64)
    tags = TagsColumn(values, offsets, np.array(["new", "sale"], object))
    labels = labels_of(catalog(tags=tags), "tags")
    assert labels.names == ("sale", "new")
    assert labels.has.tolist() == [[True, True], [False, False], [True, False]]
    assert labels.several
    assert labels.labelled.all()


def test_a_path_is_a_label_as_a_whole_whose_coarse_classes_hold_their_fine_ones() -> None:
    coarse = category(["fruit", "fruit", "fruit", "milk", "milk", "milk", "fruit", ""])
    fine = category(["apple", "pear", "other", "oat", "oat", "other", "", "oat"])
    labels = labels_of(catalog(coarse=coarse, fine=fine), ("coarse", "fine"))
    assert set(labels.names) == {"oat", "apple", "pear", "fruit / other", "milk / other"}
    assert labels.names[0] == "oat"
    assert labels.partial == 2
    assert labels.labelled.tolist() == [True] * 6 + [False] * 2
    (level,) = labels.levels
    assert level.feature == "coarse"
    spread = np.full((1, 5), 0.2)
    shares = dict(zip(level.names, level.sums(spread)[0], strict=True))
    assert shares == pytest.approx({"milk": 0.4, "fruit": 0.6})
    of = {name: level.names[code] for name, code in zip(labels.names, level.of, strict=True)}
    assert of["milk / other"] == "milk"
    assert of["pear"] == "fruit"


def test_a_trained_models_labels_keep_their_order_on_another_catalogue() -> None:
    before = labels_of(catalog(kind=category(["hat", "coat", "coat", "shoe"])), "kind")
    grown = catalog(kind=category(["shoe", "shoe", "belt", "coat"]))
    labels = labels_of(grown, "kind", paths=before.paths)
    assert labels.names == before.names
    assert [labels.names[c] if c >= 0 else None for c in labels.codes] == [
        "shoe",
        "shoe",
        None,
        "coat",
    ]


def test_what_cannot_be_a_label_is_refused_by_name() -> None:
    text = TextColumn(np.array(["a", "b"], object))
    tags = TagsColumn(np.array([0], np.int32), np.array([0, 1, 1]), np.array(["new"], object))
    items = catalog(kind=category(["hat", "coat"]), title=text, tags=tags)
    with pytest.raises(RunFileError, match="'title' is of kind 'text'; there are: kind, tags"):
        labels_of(items, "title")
    with pytest.raises(RunFileError, match=r"from coarse to fine, but 'tags' is of kind 'tags'"):
        labels_of(items, ("kind", "tags"))
    with pytest.raises(RunFileError, match="leaves 0 labels of 2 items or more"):
        labels_of(items, "kind", min_items=2)
