"""URLs of databases' tables, and the passwords that are not to be seen."""

from __future__ import annotations

import traceback

import pytest

from tfmm.data.shop_file.schema import Shop
from tfmm.data.shop_file.specs import ShopFileError
from tfmm.data.shop_file.table_urls import TableUrl, placed
from tfmm.data.tables import TableError, read_table
from tfmm.training.run import read_config
from tfmm.training.train import claim_run

SECRET = "s3c/ret:@密 %#"
URL = "postgresql://me:${TFMM_TEST_PASSWORD}@db.example.com:5433/shop#public.orders"


def shop(table):
    return {"events": {"table": table, "user": "u", "item": "i"}}


@pytest.fixture(autouse=True)
def password(monkeypatch):
    monkeypatch.setenv("TFMM_TEST_PASSWORD", SECRET)


def test_files_and_urls_are_told_apart(tmp_path, monkeypatch):
    assert placed(tmp_path, "a.csv") == tmp_path / "a.csv"
    assert placed(tmp_path, "shop.xlsx#Sheet") == tmp_path / "shop.xlsx#Sheet"
    assert placed(tmp_path, "sqlite:///a.db#t") == TableUrl("sqlite:///a.db#t", tmp_path)
    monkeypatch.setenv("TFMM_TEST_URL", "postgres://me:a%40b@h/db")
    assert placed(tmp_path, "${TFMM_TEST_URL}#t").url() == "postgres://me:a%40b@h/db"
    monkeypatch.setenv("TFMM_TEST_URL", "/data/a.csv")
    assert Shop.from_dict(shop("${TFMM_TEST_URL}")).events.table == "/data/a.csv"


def test_a_password_of_any_characters_is_the_password(tmp_path):
    from sqlalchemy import make_url

    url = make_url(placed(tmp_path, URL).url())
    assert (url.username, url.password, url.host, url.port) == (
        "me",
        SECRET,
        "db.example.com",
        5433,
    )
    assert placed(tmp_path, URL).table == "public.orders"


def test_files_of_sqlite_are_paths(tmp_path, monkeypatch):
    monkeypatch.setenv("TFMM_TEST_URL", "/data/x y")
    table = "sqlite:///${TFMM_TEST_URL}/a:b@c.db#t"
    assert Shop.from_dict(shop(table)).events.table == table
    assert placed(tmp_path, table).url() == "sqlite:////data/x y/a:b@c.db"


@pytest.mark.parametrize("url", ["postgres://me:hun/ter2:x@h:po/db", "postgres://h:hunter2/db"])
def test_a_url_that_is_none_is_not_shown(tmp_path, monkeypatch, url):
    monkeypatch.setenv("TFMM_TEST_URL", url)
    with pytest.raises(TableError, match=r"\$\{TFMM_TEST_URL\}#t: ") as error:
        read_table(placed(tmp_path, "${TFMM_TEST_URL}#t"), {"a": "items.id"})
    assert "ter2" not in "".join(traceback.format_exception(error.value))


def test_what_is_written_of_a_shop_holds_no_password(tmp_path):
    claim_run(tmp_path / "run", read_config({"shop": shop(URL), "name": "x"}))
    made = Shop.from_dict(shop(URL))
    kept = (tmp_path / "run" / "config.yaml").read_text(encoding="utf-8")
    for written in (kept, str(made.to_dict()), repr(made)):
        assert SECRET not in written
        assert "${TFMM_TEST_PASSWORD}" in written
    assert Shop.from_dict(made.to_dict()).events == made.events


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("postgresql://me:hunter2@host/db#t", "holds a password"),
        ("postgresql://me:${TFMM_TEST_PASSWORD}hunter2@host/db#t", "holds a password"),
        ("postgresql://host/db?password=hunter2#t", "holds a password"),
        ("postgresql://me:${TFMM_NOT_SET}@host/db#t", "TFMM_NOT_SET is not set"),
        ("sqlite:///shop.db", "names no table"),
        ("mysql://host/db#t", "not from 'mysql'"),
    ],
)
def test_urls_that_cannot_be_used_say_why(table, told):
    with pytest.raises(ShopFileError, match=f"events.table.*{told}") as error:
        Shop.from_dict(shop(table))
    assert "hunter2" not in str(error.value)
