import numpy as np
import pyarrow as pa
import pytest

from tfmm.data import ShopFileError
from tfmm.data.cells.amounts import parse_amounts

NAN = float("nan")


def read(*cells, decimal=None):
    return parse_amounts(pa.chunked_array([list(cells)], pa.string()), "price", decimal)


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["€ 1.234,56", "€ 2,00"], [1234.56, 2]),
        (["1 299,00 €", "12,50 €"], [1299, 12.5]),
        (["1\u202f299,00\xa0€"], [1299]),
        (["$1,299.00", "$1,299"], [1299, 1299]),
        (["¥12,800", "¥980"], [12800, 980]),
        (["￥１２，８００", "12800円"], [12800, 12800]),
        (["12.50 USD", "USD 1,000.5"], [12.5, 1000.5]),
        (["CHF 1'299.50", "12.–"], [1299.5, 12]),
        (["1.299,- kr", "12,50 kr"], [1299, 12.5]),
        (["₹1,29,900.00"], [129900]),
        (["1.234.567", "1.234"], [1234567, 1234]),
        (["1,234,567", "1,234"], [1234567, 1234]),
        (["-5,5", "(1.234,56)", "3,00-", "−2,0"], [-5.5, -1234.56, -3, -2]),
        (["-$4.99", "$-4.99", "+1.5"], [-4.99, -4.99, 1.5]),
        (["0,125", "1,250"], [0.125, 1.25]),
        (["0.125", "1.250"], [0.125, 1.25]),
        (["1.5e3", "inf", "2.5"], [1500, np.inf, 2.5]),
        ([",5", "1,250"], [0.5, 1.25]),
        (["", " ", "n/a", "free", "12 kg", "1-2"], [NAN] * 6),
        (["12", " 7 ", "x"], [12, 7, NAN]),
        (["R$ 1.299,90", "R$5,00"], [1299.9, 5]),
        (["1.2,3.4", "1,23,4.5", "5.5"], [NAN, NAN, 5.5]),
    ],
)
def test_amounts_are_read_as_the_column_writes_them(cells, values):
    found = read(*cells)
    np.testing.assert_array_equal(found.values, values)
    assert not found.unclear.any()


@pytest.mark.parametrize(
    "cells", [["1.299", "2.500"], ["1,299", "12"], ["€ 1.299"], ["1.299 €", "5"]]
)
def test_mark_that_could_be_either_is_not_guessed(cells):
    found = read(*cells)
    marked = ["." in cell or "," in cell for cell in cells]
    assert found.unclear.tolist() == marked
    assert np.isnan(found.values[marked]).all()
    assert read(*cells, decimal=".").unclear.tolist() == [False] * len(cells)


def test_cells_that_contradict_leave_the_unclear_ones_unclear():
    found = read("1.234,56", "1,234.56", "1,299")
    assert found.values[:2].tolist() == [1234.56] * 2
    assert found.unclear.tolist() == [False, False, True]


def test_given_mark_decides():
    assert read("1.299", "1,5", decimal=",").values.tolist() == [1299, 1.5]
    assert read("1,299", "1.5", decimal=".").values.tolist() == [1299, 1.5]
    assert read("1.299", decimal=".").values.tolist() == [1.299]


def test_one_late_cell_decides_for_all():
    found = read(*["1.299"] * 100_000, "5.5")
    assert set(found.values[:-1]) == {1.299}
    assert set(read(*["1.299"] * 10, "5,5").values[:-1]) == {1299}


def test_currencies_are_told_apart():
    found = read("5 €", "6 EUR", "$7", "8")
    assert found.foreign.tolist() == [False, False, True, False]
    assert found.currencies == {"EUR": 2, "$": 1}
    assert not read("$5", "6 USD", "7").foreign.any()
    assert read("$5", "6 USD", "7 CAD").foreign.sum() == 2


def test_prices_of_a_shop_are_numbers_and_that_is_said(shop):
    shop.write("items.csv", "id;title;colour;price;tags\n001;a;b;€ 1.234,56;c\n002;a;b;2.500 €;c\n")
    data = shop.load()
    np.testing.assert_allclose(data.items.features["price"].values, [1234.56, 2500])
    said = [note.said for note in data.report.notes if note.column == "price"]
    assert said == ["numbers have a decimal comma", "amounts of EUR are read as numbers"]
    assert data.report.findings == []


def test_unclear_prices_are_found_and_decided_by_the_shop_file(shop):
    shop.write("items.csv", "id,title,colour,price,tags\n001,a,b,1.250,c\n002,a,b,2.500,c\n")
    data = shop.load()
    (finding,) = data.report.findings
    assert (finding.check, finding.count) == ("unclear_numbers", 2)
    assert "decimal" in finding.detail
    shop.mapping["items"]["format"] = {"decimal": ","}
    assert shop.load().items.features["price"].values.tolist() == [1250, 2500]
    shop.mapping["items"]["format"] = {"decimal": ";"}
    with pytest.raises(ShopFileError, match=r"items\.format\.decimal.* must be `\.` or `,`"):
        shop.load()


def test_amounts_in_another_currency_are_masked_or_kept(shop):
    shop.write("items.csv", "id,title,colour,price,tags\n001,a,b,€5,c\n002,a,b,€6,c\n3,a,b,$7,c\n")
    data = shop.load()
    assert [finding.check for finding in data.report.findings] == ["mixed_currencies"]
    assert data.items.features["price"].present.tolist() == [True, True, False]
    kept = shop.load(policies={"mixed_currencies": "keep"})
    assert kept.items.features["price"].values.tolist() == [5, 6, 7]


def test_ratings_may_have_a_decimal_comma(shop):
    shop.write("events.csv", "user;item;when\nu1;001;4,5\nu2;002;3,0\n")
    shop.mapping["events"]["rating"] = shop.mapping["events"].pop("time")
    assert shop.load().examples.rating.tolist() == [4.5, 3]
