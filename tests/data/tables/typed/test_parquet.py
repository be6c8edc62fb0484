"""Parquet: files, folders of parts, partitions, and parts that store a column in several types."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tfmm.data import load
from tfmm.data.guess import guess
from tfmm.data.shop_file.specs import ShopFileError
from tfmm.data.tables import TableError, as_text, read_table

DAY = datetime.datetime(2024, 3, 1, 12, 30)


def parts(folder, **tables):
    """A folder of parts by the names of their files, `__` for a slash."""
    for name, cells in tables.items():
        path = folder / f"{name.replace('__', '/')}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(cells), path)
    return folder


def read(path, *names, rows=None):
    return read_table(path, dict.fromkeys(names, "items.x"), rows=rows)


def test_partitions_are_columns_of_text(tmp_path):
    for folder, ids in (("year=2024/城=上海", ["a"]), ("year=2025/城=K%2FÖ ln", ["b", "c"])):
        (tmp_path / folder).mkdir(parents=True)
        pq.write_table(pa.table({"id": ids}), tmp_path / folder / "part-0.parquet")
    (tmp_path / "year=007/城=__HIVE_DEFAULT_PARTITION__").mkdir(parents=True)
    last = tmp_path / "year=007/城=__HIVE_DEFAULT_PARTITION__/part-0.parquet"
    pq.write_table(pa.table({"id": ["z"]}), last)
    table = read(tmp_path, "城", "year", "id").table
    assert table.schema.types == [pa.string()] * 3
    assert table.to_pylist() == [
        {"城": None, "year": "007", "id": "z"},
        {"城": "上海", "year": "2024", "id": "a"},
        {"城": "K/Ö ln", "year": "2025", "id": "b"},
        {"城": "K/Ö ln", "year": "2025", "id": "c"},
    ]
    assert read(tmp_path, "year").table.column("year").to_pylist() == ["007", "2024", *["2025"] * 2]
    assert read(tmp_path, "year", rows=3).table.num_rows == 3
    assert read_table(tmp_path, None, rows=2).table.column_names == ["id", "year", "城"]


def test_a_column_that_is_stored_goes_before_the_name_of_its_folder(tmp_path):
    parts(tmp_path, year__x={"id": ["a"], "year": [1]})
    (tmp_path / "year").rename(tmp_path / "year=2024")
    assert read(tmp_path, "year").table.column("year").to_pylist() == [1]


@pytest.mark.parametrize(
    ("one", "other", "expected", "texts"),
    [
        (pa.array([1], pa.int32()), pa.array([2**40]), pa.int64(), ["1", str(2**40)]),
        (pa.array([17]), pa.array(["007"]), pa.string(), ["17", "007"]),
        (pa.array([17.0, None]), pa.array(["商品/1"]), pa.string(), ["17", None, "商品/1"]),
        (pa.array([1]), pa.array([2.5]), pa.float64(), ["1", "2.5"]),
        (pa.nulls(1), pa.array(["x"]), pa.string(), [None, "x"]),
        (pa.array(["x"]).dictionary_encode(), pa.array(["é"]), pa.string(), ["x", "é"]),
        (
            pa.array([Decimal("1.50")]),
            pa.array([Decimal("22.125")]),
            pa.decimal128(5, 3),
            ["1.500", "22.125"],
        ),
    ],
)
def test_types_of_parts_come_down_to_one(tmp_path, one, other, expected, texts):
    parts(tmp_path, a={"id": one}, b={"id": other})
    found = read(tmp_path, "id")
    assert found.table.schema.types == [expected]
    assert as_text(found.table.column("id"), "id").to_pylist() == texts
    first = read(tmp_path, "id", rows=1).table
    assert first.schema == found.table.schema
    assert first.to_pylist() == found.table.to_pylist()[:1]


def test_types_that_were_made_one_are_told(tmp_path):
    parts(tmp_path, a={"id": [1]}, b={"id": ["x"]})
    (note,) = read(tmp_path, "id").notes
    assert "'id' is read as string: int64 in " in note
    assert "a.parquet, string in " in note


@pytest.mark.parametrize(
    "kind", [pa.timestamp("s"), pa.timestamp("ns"), pa.date32(), pa.timestamp("us")]
)
def test_times_of_any_unit_are_the_same_moments(tmp_path, kind):
    day = DAY.replace(hour=0, minute=0)
    parts(tmp_path, a={"at": pa.array([day]).cast(kind)}, b={"at": pa.array([DAY])})
    assert read(tmp_path, "at").table.column("at").to_pylist() == [day, DAY]


def test_times_of_two_zones_are_utc(tmp_path):
    utc = DAY.replace(tzinfo=datetime.UTC)
    parts(
        tmp_path,
        a={"at": pa.array([utc], pa.timestamp("ms", "Asia/Shanghai"))},
        b={"at": pa.array([utc], pa.timestamp("us", "UTC"))},
    )
    assert read(tmp_path, "at").table.column("at").to_pylist() == [utc, utc]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pa.array([DAY]), pa.array([DAY], pa.timestamp("us", "UTC"))),
        (pa.array([DAY]), pa.array(["2024-03-01"])),
        (pa.array([1]), pa.array([[1]])),
        (pa.array([True]), pa.array([2])),
    ],
)
def test_types_without_a_common_one_name_files_and_column(tmp_path, one, other):
    parts(tmp_path, a={"cell": one}, 乙={"cell": other})
    with pytest.raises(TableError, match=r"'cell' is .* in .*a\.parquet, .* in .*乙\.parquet"):
        read(tmp_path, "cell")


def test_numbers_that_the_common_type_does_not_hold_name_the_file(tmp_path):
    parts(tmp_path, a={"id": [2**53 + 1]}, b={"id": [0.5]})
    with pytest.raises(TableError, match=r"a\.parquet: the column 'id' cannot be read as double"):
        read(tmp_path, "id")


def test_columns_that_parts_lack_are_empty_there_and_told(tmp_path):
    parts(tmp_path, a={"id": ["1"]}, b={"id": ["2"], "title": ["Étui"]})
    found = read(tmp_path, "title", "id")
    assert found.table.to_pylist() == [{"title": None, "id": "1"}, {"title": "Étui", "id": "2"}]
    assert "1 of 2 files have no column 'title'" in found.notes[0]
    with pytest.raises(ShopFileError, match=r"no column 'titel'; did you mean 'title'"):
        read(tmp_path, "titel")


def test_empty_parts_decide_nothing(tmp_path):
    parts(tmp_path, a={"id": pa.array([], pa.int64())}, b={"id": ["x"]}, c={"id": pa.nulls(0)})
    found = read(tmp_path, "id")
    assert (found.table.to_pylist(), found.notes) == ([{"id": "x"}], [])
    parts(tmp_path, b={"id": pa.array([], pa.string())})
    assert read(tmp_path, "id").table.num_rows == 0


def test_what_spark_leaves_is_no_part_and_other_files_are_named(tmp_path):
    parts(tmp_path, a={"id": ["1"]}, _delta_log__x={"id": [[1]]}, _temporary={"no": [1]})
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / ".a.parquet.crc").write_bytes(b"crc")
    assert read(tmp_path, "id").table.to_pylist() == [{"id": "1"}]
    (tmp_path / "cut.parquet").touch()
    with pytest.raises(TableError, match=r"cut\.parquet is no file of Parquet"):
        read(tmp_path, "id")


def test_a_folder_without_parts_says_so(tmp_path):
    (tmp_path / "_SUCCESS").touch()
    with pytest.raises(TableError, match="holds no file of Parquet"):
        read(tmp_path, "id")


def test_names_with_dots_are_columns(tmp_path):
    parts(tmp_path, a={"price": [1], "price.eur": [2], "tags": [["a"]]})
    asked = ("price.eur", "price", "tags")
    for rows in (None, 1):
        table = read(tmp_path, *asked, rows=rows).table
        assert table.to_pylist() == [{"price.eur": 2, "price": 1, "tags": ["a"]}]


def test_init_and_load_take_a_partitioned_folder(tmp_path):
    people, things = [f"用户{n % 7}" for n in range(60)], [n % 9 for n in range(60)]
    days = pa.array([DAY] * 60)
    for part, ids in (("2024", pa.array(things)), ("2025", pa.array(map(str, things)))):
        folder = tmp_path / "events" / f"year={part}"
        folder.mkdir(parents=True)
        cells = {"user_id": people, "item_id": ids, "time": days}
        pq.write_table(pa.table(cells), folder / "part-0.parquet")
    (tmp_path / "shop.yaml").write_text(guess(tmp_path).shop)
    shop = load(tmp_path / "shop.yaml")
    assert (len(shop.items), len(shop.users), shop.report.counts["rows"]["events"]) == (9, 7, 120)
    assert "'item_id' is read as string" in str(shop.report.notes[0])
