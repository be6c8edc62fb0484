import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tfmm.data.shop_file.specs import ShopFileError
from tfmm.data.tables import TableError, as_numbers, as_text, encode, read_table

ASKED = {"id": "items.id", "name": "items.features.name"}
ROWS = [("007", "Étui"), ("12", ""), ("NA", "a, b")]


def write(folder, ending):
    path = folder / f"t{ending}"
    if ending == ".parquet":
        pq.write_table(pa.table({"id": [i for i, _ in ROWS], "name": [n for _, n in ROWS]}), path)
        return path
    if ".jsonl" in ending:
        lines = [json.dumps({"id": i, "name": n, "more": 1}) for i, n in ROWS]
    else:
        tab = "\t" if ending.startswith((".tsv", ".inter")) else ","
        lines = [tab.join(["id", "more", "name"])]
        lines += [tab.join([i, "1", f'"{n}"' if "," in n else n]) for i, n in ROWS]
    data = ("\n".join(lines) + "\n").encode()
    path.write_bytes(gzip.compress(data) if ending.endswith(".gz") else data)
    return path


@pytest.mark.parametrize(
    "ending", [".csv", ".csv.gz", ".tsv", ".tsv.gz", ".inter", ".jsonl", ".jsonl.gz", ".parquet"]
)
def test_every_format_gives_the_same_text(tmp_path, ending):
    read = read_table(write(tmp_path, ending), ASKED)
    table, bad = read.table, read.bad
    assert table.column_names == ["id", "name"]
    assert list(zip(*(c.to_pylist() for c in table.columns), strict=True)) == ROWS
    assert bad == []


def test_csv_with_byte_order_mark_and_quoted_line_break(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes('\ufeffid,name\n1,"two\nlines"\n'.encode())
    table = read_table(path, ASKED).table
    assert table.to_pylist() == [{"id": "1", "name": "two\nlines"}]


def test_lines_with_other_cell_counts_are_reported(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("id,name\n1,a\n2\n3,b,c\n4,d\n")
    read = read_table(path, ASKED)
    table, bad = read.table, read.bad
    assert table.column("id").to_pylist() == ["1", "4"]
    assert bad == ["1 cells for 2 columns: '2'", "3 cells for 2 columns: '3,b,c'"]


def test_unknown_column_names_file_key_and_nearest(tmp_path):
    with pytest.raises(ShopFileError, match=r"items\.x: t\.csv has no column 'nam'.*'name'\?"):
        read_table(write(tmp_path, ".csv"), {"nam": "items.x"})
    with pytest.raises(ShopFileError, match=r"t\.jsonl has no column 'nam'.*'name'\?"):
        read_table(write(tmp_path, ".jsonl"), {"nam": "items.x"})
    with pytest.raises(ShopFileError, match=r"t\.parquet has no column 'nam'.*'name'\?"):
        read_table(write(tmp_path, ".parquet"), {"nam": "items.x"})


def test_unreadable_tables_are_named(tmp_path):
    with pytest.raises(TableError, match=r"there is no table .*t\.csv"):
        read_table(tmp_path / "t.csv", ASKED)
    cut = write(tmp_path, ".csv.gz")
    cut.write_bytes(cut.read_bytes()[:-12])
    with pytest.raises(TableError, match=r"cannot read .*t\.csv\.gz"):
        read_table(cut, ASKED)
    (tmp_path / "t.xyz").touch()
    with pytest.raises(TableError, match=r"format of .*t\.xyz from its ending"):
        read_table(tmp_path / "t.xyz", ASKED)
    (tmp_path / "t.csv").touch()
    with pytest.raises(TableError, match=r"cannot read .*t\.csv"):
        read_table(tmp_path / "t.csv", ASKED)
    (tmp_path / "t.jsonl").write_text('{"id": "1", "name": "a"}\n{"id": \n')
    with pytest.raises(TableError, match=r"t\.jsonl: line 2 is not JSON"):
        read_table(tmp_path / "t.jsonl", ASKED)


def test_column_named_twice_is_refused(tmp_path):
    (tmp_path / "t.csv").write_text("id,name,id\n1,a,2\n")
    with pytest.raises(TableError, match="several columns named 'id'"):
        read_table(tmp_path / "t.csv", ASKED)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["007", "2020-09-16", None], ["007", "2020-09-16", None]),
        (["2020-09-16", "2020-09-17"], ["2020-09-16", "2020-09-17"]),
        ([7, None], ["7", None]),
        ([7, "008"], ["7", "008"]),
        ([7, 8.0, 8.5], ["7", "8", "8.5"]),
        ([12345678901234567890, 2], ["12345678901234567890", "2"]),
    ],
)
def test_json_ids_keep_their_digits(tmp_path, cells, expected):
    path = tmp_path / "t.jsonl"
    path.write_text("".join(json.dumps({"id": cell}) + "\n" for cell in cells))
    table = read_table(path, {"id": "items.id"}).table
    assert as_text(table.column("id"), "id").to_pylist() == expected


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (pa.array([7, None], pa.int64()), ["7", None]),
        (pa.array([12.0, float("nan"), 0.5, None]), ["12", None, "0.5", None]),
        (pa.array([True, False]), ["true", "false"]),
        (pa.array(["x"], pa.large_string()), ["x"]),
        (pa.nulls(2), [None, None]),
    ],
)
def test_ids_of_parquet_become_their_text(cells, expected):
    assert as_text(pa.chunked_array([cells]), "id").to_pylist() == expected


def test_parquet_of_any_text_type_is_read_as_text(tmp_path):
    names = [
        pa.array(["a", "b"]).dictionary_encode(),
        pa.array([["x"], None], pa.large_list(pa.large_string())),
    ]
    for cells in names:
        table = pa.table({"id": pa.array(["1", "2"], pa.large_string()), "name": cells})
        pq.write_table(table, tmp_path / "t.parquet")
        read = read_table(tmp_path / "t.parquet", ASKED).table
        assert read.to_pylist() == table.to_pylist()
        assert read.schema.types == [
            pa.string(),
            pa.string() if cells is names[0] else pa.list_(pa.string()),
        ]


def test_folder_of_parquet_files_is_one_table(tmp_path):
    for part in range(2):
        table = pa.table({"id": [f"{part}"], "name": ["a"]})
        pq.write_table(table, tmp_path / f"{part}.parquet")
    read = read_table(tmp_path, ASKED).table
    assert read.column("id").to_pylist() == ["0", "1"]


def test_lists_are_not_text():
    with pytest.raises(TableError, match="column 'a' holds list"):
        as_text(pa.chunked_array([pa.array([[1]])]), "column 'a'")


def test_numbers_come_from_text_and_from_numbers():
    text = pa.chunked_array([["1.5", "", "n/a", "inf", "nan"]])
    expected = [1.5, np.nan, np.nan, np.inf, np.nan]
    np.testing.assert_array_equal(as_numbers(text, "n"), expected)
    whole = pa.chunked_array([pa.array([1, None], pa.int32())])
    np.testing.assert_array_equal(as_numbers(whole, "n"), [1, np.nan])
    flags = pa.chunked_array([pa.array([True, None])])
    np.testing.assert_array_equal(as_numbers(flags, "n"), [1, np.nan])
    with pytest.raises(TableError, match="cannot be read as numbers"):
        as_numbers(pa.chunked_array([pa.array([0], pa.timestamp("s"))]), "n")


def test_encoding_numbers_texts_by_first_appearance_over_chunks():
    codes, texts = encode(pa.chunked_array([["b", "a", None], ["c", "a", "b"]]))
    assert codes.tolist() == [0, 1, -1, 2, 1, 0]
    assert texts.to_pylist() == ["b", "a", "c"]
    codes, texts = encode(pa.chunked_array([], pa.string()))
    assert (len(codes), len(texts)) == (0, 0)


def test_a_pattern_names_files_that_are_read_as_one_table(tmp_path):
    (tmp_path / "orders_2023.csv").write_text("id,name\n1,Étui\n", encoding="utf-8")
    (tmp_path / "orders_2024.csv").write_text(" Name ;ID\nTasse;2\nx;3;4\n", encoding="utf-8")
    pq.write_table(pa.table({"id": [4], "name": ["盘子"]}), tmp_path / "orders_2025.parquet")
    (tmp_path / ".orders_2026.csv").write_text("nothing")
    read = read_table(tmp_path / "orders_*", ASKED)
    assert read.table.to_pydict() == {
        "id": ["1", "2", "4"],
        "name": ["Étui", "Tasse", "盘子"],
    }
    assert read.bad == ["orders_2024.csv: 3 cells for 2 columns: 'x;3;4'"]
    assert read.notes[0].startswith("3 files are read as one table: 'orders_2023.csv', ")
    assert "orders_2024.csv: the column 'ID' is read for 'id'" in read.notes
    assert read_table(tmp_path / "orders_*", ASKED, rows=2).table["id"].to_pylist() == ["1", "2"]


def test_files_of_a_pattern_that_do_not_fit_are_named(tmp_path):
    (tmp_path / "a1.csv").write_text("id,name\n1,x\n")
    (tmp_path / "a2.csv").write_text("id,title\n1,x\n")
    with pytest.raises(ShopFileError, match=r"a2\.csv has no column 'name'"):
        read_table(tmp_path / "a?.csv", ASKED)
    with pytest.raises(TableError, match=r"there is no table .*b\?\.csv"):
        read_table(tmp_path / "b?.csv", ASKED)
    pq.write_table(pa.table({"at": pa.array([0], pa.timestamp("us"))}), tmp_path / "t1.parquet")
    pq.write_table(pa.table({"at": pa.array([[1]])}), tmp_path / "t2.parquet")
    with pytest.raises(TableError, match=r"'at' is .*t1\.parquet.*t2\.parquet.*in one type"):
        read_table(tmp_path / "t*.parquet", {"at": "events.time"})
    odd = tmp_path / "what*[1]?.csv"
    odd.write_text("id,name\n9,y\n")
    assert read_table(odd, ASKED).table["id"].to_pylist() == ["9"]
