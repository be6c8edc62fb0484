"""The parts of labelled items: strata, groups, numbers, columns."""

from __future__ import annotations

import numpy as np
import pytest

from tests.tasks.classification.test_labels import catalog, category
from tfmm.data.columns import NumberColumn, TextColumn
from tfmm.tasks.classification.config import SplitConfig
from tfmm.tasks.classification.labels import labels_of
from tfmm.tasks.classification.parts import parts_of

KINDS = ["hat"] * 40 + ["coat"] * 20 + ["shoe"] * 4 + [""] * 6


def made(split: SplitConfig, reads=(), **columns):
    items = catalog(kind=category(KINDS), **columns)
    labels = labels_of(items, "kind")
    return parts_of(items, labels, split, list(reads)), labels


def test_each_label_is_in_each_part_by_its_share_and_the_unlabelled_in_none() -> None:
    parts, labels = made(SplitConfig(valid=0.25, test=0.25))
    counts = {
        name: np.bincount(labels.codes[getattr(parts, name)], minlength=3).tolist()
        for name in ("train", "valid", "test")
    }
    assert counts == {"train": [20, 10, 2], "valid": [10, 5, 1], "test": [10, 5, 1]}
    every = np.concatenate([parts.train, parts.valid, parts.test])
    assert sorted(every) == list(range(64))
    again, _ = made(SplitConfig(valid=0.25, test=0.25))
    other, _ = made(SplitConfig(valid=0.25, test=0.25, seed=2))
    assert (again.test == parts.test).all()
    assert (other.test != parts.test).any()


def test_near_copies_and_items_of_one_class_stay_together() -> None:
    titles = TextColumn(np.array([f"Item {i // 2}!" for i in range(70)], object))
    maker = category([f"m{i // 5}" if i % 10 else "" for i in range(70)])
    split = SplitConfig(by="groups", feature="maker", valid=0.2, test=0.2)
    parts, _ = made(split, ["title"], title=titles, maker=maker)
    of = np.full(70, -1)
    for number, rows in enumerate((parts.train, parts.valid, parts.test)):
        of[rows] = number
    for values in (np.arange(70) // 2, np.where(maker.codes >= 0, maker.codes, -1)):
        for value in np.unique(values[values >= 0]):
            members = of[(values == value) & (of >= 0)]
            assert len(set(members.tolist())) <= 1
    # Without the feature, the two halves of a maker may part.
    loose, _ = made(SplitConfig(by="groups", valid=0.2, test=0.2), ["title"], title=titles)
    assert set(loose.test.tolist()) != set(parts.test.tolist())


def test_items_without_a_class_of_the_feature_are_alone() -> None:
    maker = category([""] * 69 + ["m"])
    split = SplitConfig(by="groups", feature="maker", valid=0.25, test=0.25)
    parts, _ = made(split, maker=maker)
    assert parts.counts() == {"train": 32, "valid": 16, "test": 16}


def test_numbers_part_by_time_and_columns_as_their_authors_did() -> None:
    year = NumberColumn(np.arange(70, dtype=np.float32)[::-1])
    parts, _ = made(SplitConfig(by="number", feature="year", valid=0.25, test=0.25), year=year)
    assert year.values[parts.train].max() < year.values[parts.valid].min()
    assert year.values[parts.valid].max() < year.values[parts.test].min()
    part = category((["train", "valid", "test", "other", ""] * 14)[:70])
    split = SplitConfig(by="column", feature="part", train="train", valid="valid", test="test")
    parts, _ = made(split, part=part)
    assert {i % 5 for i in parts.train.tolist()} == {0}
    assert {i % 5 for i in parts.test.tolist()} == {2}


@pytest.mark.parametrize("by", ["groups", "column"])
def test_parts_by_what_is_no_category_are_refused(by) -> None:
    year = NumberColumn(np.arange(70, dtype=np.float32))
    with pytest.raises(ValueError, match=f"a category feature for `by: {by}`, got 'year'"):
        made(SplitConfig(by=by, feature="year"), year=year)
