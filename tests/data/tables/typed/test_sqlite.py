"""Tables of SQLite."""

from __future__ import annotations

import builtins
import sqlite3
import tracemalloc
from contextlib import contextmanager

import pytest
import yaml
from sqlalchemy.exc import DatabaseError

from tfmm.data import load
from tfmm.data.shop_file.specs import ShopFileError
from tfmm.data.shop_file.table_urls import placed
from tfmm.data.tables import TableError, as_text, read_table
from tfmm.data.tables.typed import database


@pytest.fixture
def db(tmp_path):
    with sqlite3.connect(tmp_path / "shop.db") as made:
        yield made
    made.close()


def read(folder, table, *names, file="shop.db", rows=None):
    at = placed(folder, f"sqlite:///{file}#{table}")
    return read_table(at, dict.fromkeys(names, "items.x") if names else None, rows=rows)


def test_a_shop_loads_from_sqlite_as_from_csv(shop, db):
    expected = shop.load()
    db.executescript(
        """
        CREATE TABLE items (id TEXT, title TEXT, colour TEXT, price NUMERIC, tags TEXT);
        INSERT INTO items VALUES ('001','Red hat','red',9.5,'a|b'),
            ('002','Blue coat','blue',50,'b');
        CREATE TABLE orders ("user" TEXT, item TEXT, "when" TIMESTAMP);
        INSERT INTO orders VALUES ('u1','001','2020-01-01'),('u2','002','2020-01-02'),
            ('u1','002','2020-01-03 00:00:00');
        CREATE VIEW "événements" AS SELECT * FROM orders;
        """
    )
    shop.mapping["items"]["table"] = "sqlite:///shop.db#items"
    shop.mapping["events"]["table"] = "sqlite:///shop.db#événements"
    data = shop.load()
    assert data.items.ids.tolist() == expected.items.ids.tolist()
    assert data.events.time.tolist() == expected.events.time.tolist()
    for name, column in expected.items.features.items():
        for field, values in vars(column).items():
            assert getattr(data.items.features[name], field).tolist() == values.tolist()
    assert data.report.counts["rows"] == {"items": 2, "events": 3}
    again = load(data.shop.to_dict())
    assert again.items.ids.tolist() == data.items.ids.tolist()


@pytest.mark.parametrize(
    "name", ["订单", "Order Lines", 'a "quoted" name', "select", "shop.orders", "a#b", "50%"]
)
def test_names_of_tables_and_columns_are_what_they_are(tmp_path, db, name):
    quoted = '"' + name.replace('"', '""') + '"'
    db.execute(f"CREATE TABLE {quoted} ({quoted} TEXT, other)")
    db.execute(f"INSERT INTO {quoted} VALUES ('é', 1)")
    db.commit()
    for written in (name, quoted, f"main.{quoted}"):
        assert read(tmp_path, written, name).table.to_pylist() == [{name: "é"}]


def test_rows_come_by_the_primary_key(tmp_path, db):
    db.execute("CREATE TABLE t (a INTEGER, k TEXT PRIMARY KEY) WITHOUT ROWID")
    db.executemany("INSERT INTO t VALUES (?, ?)", [(n, f"{9 - n}") for n in range(9)])
    db.commit()
    assert read(tmp_path, "t", "a").table.column("a").to_pylist() == [*range(8, -1, -1)]
    assert read(tmp_path, "t", "a", rows=2).table.column("a").to_pylist() == [8, 7]


def test_cells_that_differ_in_kind_over_chunks_are_one_column(tmp_path, db, monkeypatch):
    monkeypatch.setattr(database, "CHUNK", 2)
    db.execute("CREATE TABLE t (id, price, note)")
    rows = [(17, 1, None), (18, None, None), ("0019", 2.5, None), (20.0, 2, "x"), (2**60, 3, "y")]
    db.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
    db.commit()
    table = read(tmp_path, "t", "id", "price", "note").table
    assert as_text(table.column("id"), "id").to_pylist() == ["17", "18", "0019", "20", str(2**60)]
    assert table.column("price").to_pylist() == [1, None, 2.5, 2, 3]
    assert table.column("note").to_pylist() == [None, None, None, "x", "y"]


def test_bytes_name_row_and_column(tmp_path, db):
    db.execute("CREATE TABLE t (id, photo)")
    db.executemany("INSERT INTO t VALUES (?, ?)", [("a", None), ("b", b"\xff\xd8")])
    db.commit()
    assert read(tmp_path, "t", "id").table.num_rows == 2
    with pytest.raises(TableError, match=r"shop\.db#t: row 2: the column 'photo' holds bytes"):
        read(tmp_path, "t", "photo")


def test_missing_tables_columns_and_files_name_the_nearest(tmp_path, db):
    db.execute("CREATE TABLE orders (id TEXT)")
    db.execute("CREATE VIEW products AS SELECT * FROM orders")
    with pytest.raises(TableError, match=r"no table or view 'order'; did you mean 'orders'\?"):
        read(tmp_path, "order", "id")
    with pytest.raises(TableError, match=r"did you mean 'products'\? It has 'orders', 'products'"):
        read(tmp_path, "prodcts", "id")
    with pytest.raises(ShopFileError, match=r"#orders has no column 'ids'; did you mean 'id'\?"):
        read(tmp_path, "orders", "ids")
    with pytest.raises(TableError, match=r"has no schema 'public'; .*Its schemas: 'main'"):
        read(tmp_path, "public.orders", "id")
    with pytest.raises(TableError, match=r"no\.db#orders: there is no file .*no\.db"):
        read(tmp_path, "orders", "id", file="no.db")
    assert not (tmp_path / "no.db").exists()
    (tmp_path / "text.db").write_text("no database " * 100)
    with pytest.raises(TableError, match="file is not a database"):
        read(tmp_path, "orders", "id", file="text.db")


def test_nothing_is_written(tmp_path, db, monkeypatch):
    db.execute("CREATE TABLE t (id)")
    db.commit()
    said, opened = [], database._connected

    @contextmanager
    def watched(*args):
        with opened(*args) as connection:
            connection.connection.set_trace_callback(said.append)
            yield connection
            with pytest.raises(DatabaseError, match="readonly"):
                connection.exec_driver_sql("INSERT INTO t VALUES (1)")

    monkeypatch.setattr(database, "_connected", watched)
    assert read(tmp_path, "t", "id").table.num_rows == 0
    kinds = {line.split()[0].upper() for line in said}
    assert "SELECT" in kinds
    assert kinds <= {"SELECT", "PRAGMA", "BEGIN", "ROLLBACK", "INSERT"}
    assert sum(line.startswith("INSERT") for line in said) <= 1


def test_a_long_table_is_read_in_bounded_memory(tmp_path, db):
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)")
    rows = ((n, f"a name of thing {n}") for n in range(80_000))
    db.executemany("INSERT INTO t VALUES (?, ?)", rows)
    db.commit()
    read(tmp_path, "t", "id", rows=1)
    tracemalloc.start()
    table = read(tmp_path, "t", "id", "name").table
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert table.num_rows == 80_000
    # As Python's objects all rows would take some 38 MB.
    assert most < 12e6


def test_without_the_package_the_extra_is_named(tmp_path, db, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **options):
        if name.partition(".")[0] == "sqlalchemy":
            raise ModuleNotFoundError(name)
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'tfmm\[sql\]'"):
        read(tmp_path, "t", "id")


def test_init_is_not_confused_by_a_database_in_the_folder(shop, db):
    db.execute("CREATE TABLE t (id)")
    db.commit()
    from tfmm.data.guess import guess

    assert yaml.safe_load(guess(shop.folder).shop)["items"]["table"] == "items.csv"
