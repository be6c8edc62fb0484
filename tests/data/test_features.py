import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tfmm.data import ShopFileError


def feature(shop, **spec):
    shop.features(it=spec)
    return shop.load().items.features["it"]


def write_items(shop, *rows, header="id,a,b"):
    shop.write("items.csv", "\n".join([header, *rows]) + "\n")


def write_jsonl(shop, *entries):
    lines = [json.dumps({"id": f"00{i + 1}", **entry}) for i, entry in enumerate(entries)]
    shop.write("items.jsonl", "\n".join(lines) + "\n")
    shop.mapping["items"]["table"] = "items.jsonl"


def test_columns_join_to_one_text_without_the_empty_ones(shop):
    write_items(shop, "001,hat,red", "002,,blue", "003,,  ", '004,"  x ",')
    column = feature(shop, kind="text", columns=["a", "b"])
    assert column.values.tolist() == ["hat red", "blue", "", "x"]
    column = feature(shop, kind="text", columns=["b", "a"], separator=". ")
    assert column.values.tolist()[0] == "red. hat"


def test_text_may_be_numbers_or_lists(shop):
    write_jsonl(shop, {"a": ["x", "y"], "b": 3}, {"a": None, "b": None})
    column = feature(shop, kind="text", columns=["a", "b"])
    assert column.values.tolist() == ["x y 3", ""]


def test_category_codes_point_into_sorted_values(shop):
    write_items(shop, "001,red,", "002,,", "003,NA,", "004,red,")
    column = feature(shop, kind="category", column="a")
    assert column.vocabulary.tolist() == ["NA", "red"]
    assert column.codes.tolist() == [1, -1, 0, 1]
    assert column.codes.dtype == np.int32


def test_category_of_integers_with_gaps_has_no_decimal_point(shop):
    pd.DataFrame({"id": ["001", "002"], "a": [3.0, None]}).to_parquet(shop.folder / "items.parquet")
    shop.mapping["items"]["table"] = "items.parquet"
    assert feature(shop, kind="category", column="a").vocabulary.tolist() == ["3"]


def test_category_of_lists_points_to_tags(shop):
    write_jsonl(shop, {"a": ["x"]}, {"a": []})
    with pytest.raises(ShopFileError, match="holds lists; declare 'it' as kind tags"):
        feature(shop, kind="category", column="a")


def tags_of(column):
    return [
        [column.vocabulary[tag] for tag in column.values[start:end]]
        for start, end in zip(column.offsets[:-1], column.offsets[1:], strict=True)
    ]


def test_tags_split_trimmed_and_once_each(shop):
    write_items(shop, "001,b | a|b,", "002,,", "003,c||,")
    column = feature(shop, kind="tags", column="a")
    assert tags_of(column) == [["a", "b"], [], ["c"]]
    assert (column.values.dtype, column.offsets.dtype) == (np.int32, np.int64)
    write_items(shop, '001,"b;a|b",', "002,,")
    assert tags_of(feature(shop, kind="tags", column="a", separator=";")) == [["a|b", "b"], []]


def test_tags_may_be_lists(shop):
    write_jsonl(shop, {"a": ["y", "x", "y"]}, {"a": None}, {"a": []}, {"a": ["z", None]})
    assert tags_of(feature(shop, kind="tags", column="a")) == [["x", "y"], [], [], ["z"]]


def test_tags_may_be_flags(shop):
    write_items(shop, "001,0,1", "002,1,True", "003,,false", header="id,war,art")
    column = feature(shop, kind="tags", columns=["war", "art"])
    assert column.vocabulary.tolist() == ["art", "war"]
    assert tags_of(column) == [["art"], ["art", "war"], []]


def test_flags_that_are_none_are_refused(shop):
    write_items(shop, "001,0,1", "002,maybe,1")
    with pytest.raises(ShopFileError, match=r"column 'a' of items\.csv.*0 and 1, but 'maybe'"):
        feature(shop, kind="tags", columns=["a", "b"])


def test_numbers_are_finite_or_missing(shop):
    write_items(shop, "001,1.5,", "002,,", "003,x,", "004,-inf,", "005,1e60,")
    column = feature(shop, kind="number", column="a")
    np.testing.assert_array_equal(column.values, np.array([1.5] + [np.nan] * 4, np.float32))
    report = shop.load().report
    assert (report.found("nan_numbers"), report.found("infinite_numbers")) == (2, 2)
    assert "003: 'x'" in report.findings[0].examples


def test_vectors_follow_the_table_past_dropped_rows(shop):
    write_items(shop, "001,,", ",,", "001,,", "003,,")
    np.save(shop.folder / "v.npy", np.arange(8, dtype=np.float16).reshape(4, 2))
    column = feature(shop, kind="vector", path="v.npy")
    assert column.values.tolist() == [[0, 1], [6, 7]]
    assert column.values.dtype == np.float32


def test_whole_float32_vectors_stay_on_disk(shop):
    write_items(shop, "001,,", "002,,")
    np.save(shop.folder / "v.npy", np.ones((2, 3), np.float32))
    assert isinstance(feature(shop, kind="vector", path="v.npy").values, np.memmap)


def test_broken_vectors_are_masked(shop):
    write_items(shop, "001,,", "002,,", "003,,")
    stored = np.ones((3, 2), np.float32)
    stored[1, 0], stored[2, 1] = np.nan, np.inf
    np.save(shop.folder / "v.npy", stored)
    column = feature(shop, kind="vector", path="v.npy")
    assert column.present.tolist() == [True, False, False]
    assert column.values.tolist() == [[1, 1], [0, 0], [0, 0]]
    assert shop.load().report.found("bad_vectors") == 2


def test_vectors_by_integer_id(shop):
    np.save(shop.folder / "v.npy", np.arange(6, dtype=np.float32).reshape(3, 2))
    write_items(shop, "002,,", "000,,", "009,,", "x,,")
    column = feature(shop, kind="vector", path="v.npy", rows="id")
    assert column.present.tolist() == [True, True, False, False]
    assert column.values.tolist() == [[4, 5], [0, 1], [0, 0], [0, 0]]


def test_items_without_a_table_have_vectors_by_integer_id(shop):
    np.save(shop.folder / "v.npy", np.arange(6, dtype=np.float32).reshape(3, 2))
    shop.write("events.csv", "user,item,when\na,2,2020-01-01\nb,0,2020-01-01\nb,7,2020-01-02\n")
    shop.mapping["items"] = {"features": {"it": {"kind": "vector", "path": "v.npy"}}}
    column = shop.load().items.features["it"]
    assert column.values.tolist() == [[4, 5], [0, 1], [0, 0]]
    dropped = shop.load(policies={"bad_vectors": "drop"})
    assert dropped.items.ids.tolist() == ["2", "0"]
    assert dropped.events.item.tolist() == [0, 1]


def test_vector_file_of_another_length_is_explained(shop):
    np.save(shop.folder / "v.npy", np.ones((5, 2)))
    with pytest.raises(ShopFileError, match=r"v.npy has 5 rows but items.csv has 2.*`rows: id`"):
        feature(shop, kind="vector", path="v.npy")
    np.save(shop.folder / "v.npy", np.ones(5))
    with pytest.raises(ShopFileError, match=r"must hold numbers \[rows, dimensions\], got float64"):
        feature(shop, kind="vector", path="v.npy")
    (shop.folder / "v.npy").write_bytes(b"no")
    with pytest.raises(ShopFileError, match=r"it\.path: cannot read .*v\.npy as \.npy"):
        feature(shop, kind="vector", path="v.npy")


def test_ids_that_are_no_rows_are_refused(shop):
    np.save(shop.folder / "v.npy", np.ones((5, 2)))
    write_items(shop, "x,,", "y,,")
    with pytest.raises(ShopFileError, match=r"ids must be integers .* got 'x'"):
        feature(shop, kind="vector", path="v.npy", rows="id")


def test_vectors_come_from_number_columns_and_from_lists(shop):
    write_items(shop, "001,1,2", "002,3,")
    column = feature(shop, kind="vector", columns=["a", "b"])
    assert column.values.tolist() == [[1, 2], [0, 0]]
    assert column.present.tolist() == [True, False]
    write_jsonl(shop, {"a": [1, 2]}, {"a": None}, {"a": [1]}, {"a": [5, 6]})
    column = feature(shop, kind="vector", column="a")
    assert column.values.tolist() == [[1, 2], [0, 0], [0, 0], [5, 6]]
    assert column.present.tolist() == [True, False, False, True]


@pytest.fixture
def photos(shop):
    (shop.folder / "p").mkdir()
    for name in ("001", "002", "001_back"):
        Image.new("RGB", (4, 4), (9, 9, 9)).save(shop.folder / "p" / f"{name}.png")
    return shop.folder / "p"


def test_image_paths_follow_the_template(shop, photos):
    write_items(shop, "001,,", "003,,", "002,,")
    column = feature(shop, kind="image", path="p/{id}.png")
    assert column.paths == ((photos / "001.png",), (), (photos / "002.png",))
    assert column.present.tolist() == [True, False, True]


def test_item_has_several_images_by_template(shop, photos):
    write_items(shop, "001,,", "002,,")
    column = feature(shop, kind="image", paths=["p/{id}.png", "p/{id}_back.png"])
    assert column.paths == ((photos / "001.png", photos / "001_back.png"), (photos / "002.png",))
    assert shop.load().report.found("missing_images") == 0


@pytest.mark.parametrize("form", ["text", "lists"])
def test_item_has_several_images_by_column(shop, photos, form):
    if form == "text":
        write_items(shop, "001,p/001.png|p/001_back.png|p/none.png,", "002,,")
    else:
        files = ["p/001.png", "p/001_back.png", "p/none.png"]
        write_jsonl(shop, {"a": files}, {"a": None})
    column = feature(shop, kind="image", column="a")
    assert column.paths == ((photos / "001.png", photos / "001_back.png"), ())


def test_empty_cell_in_an_image_template_is_no_path(shop, photos):
    Image.new("RGB", (4, 4)).save(photos / ".png", "PNG")
    write_items(shop, "001,001,", "002,,")
    column = feature(shop, kind="image", path="p/{a}.png")
    assert column.present.tolist() == [True, False]


def test_template_of_a_column_without_a_table_is_refused(shop):
    shop.mapping["items"] = {"id": "item", "features": {"it": {"kind": "image", "path": "{a}.png"}}}
    with pytest.raises(
        ShopFileError, match=r"only its ids \('item'\) are known, not the column 'a'"
    ):
        shop.load()


def test_numbers_written_as_true_and_false_are_1_and_0(shop):
    write_items(shop, "001,TRUE,3", "002, false ,true", "003,,x", "004,False,4")
    column = feature(shop, kind="number", column="a")
    np.testing.assert_array_equal(column.values, np.array([1, 0, np.nan, 0], np.float32))
    # A column that holds other things too is one of numbers with faults.
    np.testing.assert_array_equal(
        feature(shop, kind="number", column="b").values,
        np.array([3, np.nan, np.nan, 4], np.float32),
    )
