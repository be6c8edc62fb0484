"""Tables of examples: their rows, their columns, and what is none."""

import numpy as np
import pytest

from tests.baselines.labels.conftest import NAMES
from tfmm.baselines.labels import Table

NUMBERS, CODES = np.arange(8, dtype=np.float32).reshape(4, 2), np.arange(12).reshape(4, 3)


def test_rows_and_columns_are_taken_in_the_tables_order():
    table = Table(NUMBERS, CODES.astype(np.int32), **NAMES)
    some = table.rows(np.array([False, True, False, True])).columns(["device", "price", "user"])
    np.testing.assert_array_equal(some.numbers, [[3], [7]])
    np.testing.assert_array_equal(some.categories, [[3, 5], [9, 11]])
    assert (some.number_names, some.category_names) == (("price",), ("user", "device"))
    assert len(table.columns([])) == 4


@pytest.mark.parametrize(
    ("numbers", "codes", "names", "message"),
    [
        (NUMBERS[:, :1], CODES, NAMES, r"`numbers` must be of shape \[n, 2\].* \[4, 1\]"),
        (NUMBERS, CODES[0], NAMES, r"`categories` must be of shape \[n, 3\].* \[3\]"),
        (NUMBERS[:3], CODES, NAMES, "as many rows, but have 3 and 4"),
        (NUMBERS, CODES, NAMES | {"number_names": ("a", "user")}, "'user' is there more than once"),
    ],
)
def test_what_is_no_table_is_refused(numbers, codes, names, message):
    with pytest.raises(ValueError, match=message):
        Table(numbers, codes, **names)


def test_a_column_that_is_not_there_is_refused():
    table = Table(NUMBERS, CODES.astype(np.int32), **NAMES)
    with pytest.raises(ValueError, match="no column 'autor', only 年龄, price, user"):
        table.columns(["autor"])
