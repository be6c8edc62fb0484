"""Tables of a PostgreSQL that the tests start, on a socket in a folder of its own."""

from __future__ import annotations

import datetime
import os
import pwd
import shutil
import subprocess
import tempfile
import traceback
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tfmm.commands.main import main
from tfmm.data import load
from tfmm.data.shop_file.table_urls import placed
from tfmm.data.tables import TableError, read_table
from tfmm.data.tables.typed import database

PASSWORD = "s3c/ret:@密 %"
ITEMS = """
    CREATE SCHEMA "Лавка";
    CREATE TYPE colour AS ENUM ('red', 'blue');
    CREATE TABLE "Лавка"."商品" (
        id bigint PRIMARY KEY, title text, colour colour, price numeric(10, 3), new boolean,
        tags text[], vector real[], code uuid, at timestamptz, more jsonb
    );
    INSERT INTO "Лавка"."商品" VALUES
        (9007199254740993, 'Étui 🎒', 'red', 1.234, true, '{a,b}', '{1,2}',
         '00000000-0000-0000-0000-000000000001', '2024-03-01 12:00+08', '["x"]'),
        (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
        (1, 'Hat', 'blue', 50, false, '{}', '{0.5,0}', NULL, '2024-03-01 12:00Z', '["y","z"]');
    CREATE TABLE orders (
        "user id" varchar(20), item bigint, local timestamp, at timestamptz, stars numeric, day date
    );
    INSERT INTO orders VALUES
        ('用户/1', 1, '2024-03-01 12:00', '2024-03-01 12:00+08', 5, '2024-03-01'),
        ('o''x', 9007199254740993, '2024-03-02 12:00', '2024-03-02 12:00+08', 4.5, '2024-03-02'),
        ('o''x', 2, 'infinity', '-infinity', 'NaN', 'infinity');
    CREATE MATERIALIZED VIEW stars AS SELECT "user id", stars FROM orders;
"""


def _programs() -> Path | None:
    found = shutil.which("pg_ctl")
    places = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return places[-1] if places else None


def _user() -> str | None:
    """Who runs the server, which root may not; None where that is this user."""
    if os.getuid():
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    pytest.skip("no user but root, as whom PostgreSQL does not run")


@pytest.fixture(scope="module")
def server():
    """The parts of its URL; its tables are those of `ITEMS`."""
    programs = _programs()
    if programs is None:
        pytest.skip("no PostgreSQL here (on Debian and Ubuntu: apt-get install postgresql)")
    psycopg = pytest.importorskip("psycopg")
    user = _user()
    folder = tempfile.mkdtemp(prefix="pg")
    if user:
        shutil.chown(folder, user)
    data = f"{folder}/data"

    def done(program, *args):
        command = [str(programs / program), "-D", data, *args]
        subprocess.run(command, user=user, check=True, cwd=folder, stdout=subprocess.DEVNULL)

    secret = Path(folder, "password")
    secret.write_text(PASSWORD, encoding="utf-8")
    secret.chmod(0o644)
    done(
        "initdb", "-U", "shop", f"--pwfile={secret}", "--auth=scram-sha-256", "--no-sync", "-E",
        "UTF8", "--locale=C.UTF-8",
    )  # fmt: skip
    options = f"-k {folder} -c listen_addresses= -c fsync=off"
    done("pg_ctl", "-w", "-o", options, "-l", f"{folder}/log", "start")
    try:
        about = {"host": folder, "user": "shop", "password": PASSWORD, "dbname": "postgres"}
        with psycopg.connect(**about) as connection:
            connection.execute(ITEMS)
        yield f"@/postgres?host={folder}"
    finally:
        done("pg_ctl", "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder)


@pytest.fixture
def url(server, monkeypatch):
    monkeypatch.setenv("TFMM_TEST_PASSWORD", PASSWORD)
    return f"postgresql://shop:${{TFMM_TEST_PASSWORD}}{server}"


def read(url, table, *names, rows=None):
    at = placed(Path("/nowhere"), f"{url}#{table}")
    return read_table(at, dict.fromkeys(names, "items.x") if names else None, rows=rows).table


def mapping(items, events):
    return {
        "items": {
            "table": items,
            "id": "id",
            "features": {
                "title": {"kind": "text", "column": "title"},
                "colour": {"kind": "category", "column": "colour"},
                "price": {"kind": "number", "column": "price"},
                "new": {"kind": "number", "column": "new"},
                "tags": {"kind": "tags", "column": "tags"},
                "vector": {"kind": "vector", "column": "vector"},
            },
        },
        "events": {"table": events, "user": "user id", "item": "item", "time": "at"},
    }


@pytest.mark.parametrize("chunk", [1, 20_000])
def test_a_shop_loads_from_postgresql_as_from_parquet(url, tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(database, "CHUNK", chunk)
    utc = datetime.UTC
    items = {
        "id": pa.array([1, 2, 9007199254740993]),
        "title": ["Hat", None, "Étui 🎒"],
        "colour": ["blue", None, "red"],
        "price": pa.array([Decimal("50.000"), None, Decimal("1.234")]),
        "new": [False, None, True],
        "tags": [[], None, ["a", "b"]],
        "vector": pa.array([[0.5, 0], None, [1, 2]], pa.list_(pa.float32())),
    }
    moments = [datetime.datetime(2024, 3, day, 4, tzinfo=utc) for day in (1, 2)]
    events = {
        "user id": ["用户/1", "o'x", "o'x"],
        "item": [1, 9007199254740993, 2],
        "at": pa.array([*moments, None], pa.timestamp("us", "UTC")),
    }
    pq.write_table(pa.table(items), tmp_path / "items.parquet")
    pq.write_table(pa.table(events), tmp_path / "events.parquet")
    expected = load({"root": str(tmp_path), **mapping("items.parquet", "events.parquet")})
    data = load(mapping(f'{url}#"Лавка"."商品"', f"{url}#orders"))
    assert data.items.ids.tolist() == ["1", "2", "9007199254740993"] == expected.items.ids.tolist()
    assert data.users.ids.tolist() == expected.users.ids.tolist()
    assert data.events.time.tolist() == expected.events.time.tolist()
    for name, column in expected.items.features.items():
        for field, values in vars(column).items():
            np.testing.assert_array_equal(getattr(data.items.features[name], field), values)
    found = [(one.check, one.count) for one in data.report.findings]
    assert found == [(one.check, one.count) for one in expected.report.findings]
    assert ("bad_times", 1) in found


def test_types_of_postgresql_are_those_of_other_tables(url):
    table = read(
        url, "Лавка.商品", "price", "new", "tags", "vector", "code", "at", "more", "colour"
    )
    kinds = {field.name: field.type for field in table.schema}
    assert kinds == {
        "price": pa.decimal128(5, 3),
        "new": pa.bool_(),
        "tags": pa.list_(pa.string()),
        "vector": pa.list_(pa.float64()),
        "code": pa.string(),
        "at": pa.timestamp("us", "UTC"),
        "more": pa.list_(pa.string()),
        "colour": pa.string(),
    }
    rows = read(url, "orders", "local", "stars", "day").to_pylist()
    day = datetime.date(2024, 3, 1)
    noon = datetime.datetime.combine(day, datetime.time(12))
    assert rows[0] == {"local": noon, "stars": 5.0, "day": day}
    assert rows[2] == {"local": None, "stars": None, "day": None}


def test_views_and_first_rows(url):
    assert read(url, "stars", "stars", rows=2).num_rows == 2
    assert read(url, "public.stars").column_names == ["user id", "stars"]


def test_nothing_can_be_written(url):
    from sqlalchemy import make_url
    from sqlalchemy.exc import DBAPIError

    at = placed(Path(), f"{url}#orders")
    with (
        pytest.raises(DBAPIError, match="read-only transaction"),
        database._connected(at, make_url(at.url()), None) as connection,
    ):
        connection.execution_options(stream_results=False).exec_driver_sql("DELETE FROM orders")
    assert read(url, "orders", "item").num_rows == 3


def test_what_is_missing_names_the_nearest(url):
    with pytest.raises(TableError, match=r"no table or view 'Orders'; did you mean 'orders'\?"):
        read(url, "Orders", "item")
    with pytest.raises(TableError, match=r"no table or view 'star'; did you mean 'stars'\?"):
        read(url, "star", "stars")
    with pytest.raises(TableError, match=r"no schema 'Лавк'; did you mean 'Лавка'\?"):
        read(url, "Лавк.商品", "id")


@pytest.mark.parametrize("place", ["", "&port=1", "&dbname=no"])
def test_errors_show_no_password(url, monkeypatch, capsys, tmp_path, place):
    if not place:
        monkeypatch.setenv("TFMM_TEST_PASSWORD", "wr0ng/秘密@")
    secrets = [PASSWORD, "s3c%2Fret", "wr0ng"]
    shop = tmp_path / "shop.yaml"
    shop.write_text(f"events: {{table: '{url}{place}#nothing', user: u, item: i}}\n")
    assert main(["check", str(shop)])
    with pytest.raises(TableError) as error:
        main(["check", str(shop), "--debug"])
    out = capsys.readouterr()
    for told in (out.out + out.err, "".join(traceback.format_exception(error.value))):
        assert "${TFMM_TEST_PASSWORD}" in told
        assert not any(secret in told for secret in secrets)
        assert place or "authentication failed" in told
