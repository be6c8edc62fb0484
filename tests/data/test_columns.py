from pathlib import Path

import numpy as np
import pytest

from tfmm.data.catalog import Catalog
from tfmm.data.columns import (
    CategoryColumn,
    ImageColumn,
    NumberColumn,
    TagsColumn,
    TextColumn,
    VectorColumn,
)


def objects(*values):
    return np.array(values, dtype=object)


COLUMNS = [
    TextColumn(objects("a", "", "c")),
    ImageColumn(((Path("a"), Path("b")), (), (Path("c"),))),
    CategoryColumn(np.array([1, -1, 0], np.int32), objects("x", "y")),
    TagsColumn(np.array([0, 1, 1], np.int32), np.array([0, 2, 2, 3]), objects("x", "y")),
    NumberColumn(np.array([1, np.nan, 3], np.float32)),
    VectorColumn(np.array([[1, 2], [0, 0], [3, 4]], np.float32), np.array([True, False, True])),
]


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.kind)
def test_take_carries_values_and_presence(column):
    assert len(column) == 3
    assert column.present.dtype == bool
    assert column.present.tolist() == [True, False, True]
    taken = column.take([2, 1, 2])
    assert type(taken) is type(column)
    assert taken.present.tolist() == [True, False, True]
    assert len(column.take([])) == 0


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.kind)
def test_take_refuses_the_row_of_an_unknown_id(column):
    with pytest.raises(IndexError, match=r"rows must lie in 0\.\.2, got -1"):
        column.take([0, -1])


def test_taken_tags_are_those_of_the_rows():
    tags = COLUMNS[3].take([2, 0])
    assert tags.values.tolist() == [1, 0, 1]
    assert tags.offsets.tolist() == [0, 1, 3]


def test_catalog_finds_rows_by_id():
    catalog = Catalog(objects("a", "b", "c"), {"n": COLUMNS[4]})
    rows = catalog.rows(["c", "zz", "a"])
    assert rows.dtype == np.int32
    assert rows.tolist() == [2, -1, 0]
    assert catalog.rows([]).tolist() == []
    assert catalog.take([2, 0]).rows(["a"]).tolist() == [1]


def test_catalog_refuses_one_id_where_many_are_meant():
    with pytest.raises(TypeError, match="the single string 'abc'"):
        Catalog(objects("abc")).rows("abc")


def test_catalog_refuses_repeated_ids_and_short_columns():
    with pytest.raises(ValueError, match="'a' repeats"):
        Catalog(objects("a", "a"))
    with pytest.raises(ValueError, match="feature 'n' has 3 rows but there are 1 ids"):
        Catalog(objects("a"), {"n": COLUMNS[4]})
