"""`tfmm reviews`, over runs that know terms and runs that know stars alone."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest

from tests.tasks.reviews.shop import run_of, write_reviews
from tfmm.commands import main as cli
from tfmm.tasks.reviews.opinions.write import write_pros_and_cons
from tfmm.training import train


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return write_reviews(tmp_path_factory.mktemp("shop"))


def test_the_command_writes_pros_and_cons(shop, tmp_path, capsys):
    train(run_of(shop), tmp_path / "run", say=lambda _: None)
    out, features = tmp_path / "pros.parquet", tmp_path / "features.parquet"
    given = ["reviews", str(tmp_path / "run"), "--out", str(out), "--features", str(features)]
    assert cli.main(given) == 0
    said = capsys.readouterr().out
    assert f"rows to {out}: 3 products" in said
    rows = pq.read_table(out).to_pylist()
    assert {row["item"] for row in rows} == {"帽子/1", "sku 2", "é3"}
    named = [row for row in rows if row["aspect"]]
    assert {"battery", "电池"} <= {name for row in named for name in row["called"]}
    for row in named:
        for text in row["praise"] + row["blame"]:
            assert any(name in text for name in row["called"]), row
    assert len(pq.read_table(features)) == 3


def test_stars_alone_tell_what_is_said_of_names(shop, tmp_path):
    value = run_of(shop)
    value["shop"] = {
        "root": str(shop.parent),
        "reviews": {"table": "reviews.csv", "text": "text", "rating": "stars", "item": "sku"},
    }
    value["aspects"] = {"names": ["battery", "汤"]}
    value["train"]["patience"] = 2
    value["train"]["epochs"] = 4
    run = train(value, tmp_path / "run", say=lambda _: None)
    counts = write_pros_and_cons(run, tmp_path / "pros.parquet", at_least=1)
    rows = pq.read_table(tmp_path / "pros.parquet").to_pylist()
    assert {row["aspect"] for row in rows} >= {"", "battery", "汤"}
    assert counts["items"] == 3
    assert counts["without_item"] == 0
    whole = [row for row in rows if not row["aspect"]]
    assert sum(row["pros"] + row["cons"] + row["neither"] for row in whole) == 241


def test_what_cannot_be_written_is_said(shop, tmp_path):
    value = run_of(shop)
    value["train"]["epochs"] = 1
    value["shop"] = {
        "root": str(shop.parent),
        "reviews": {"table": "reviews.csv", "text": "text", "rating": "stars"},
    }
    run = train(value, tmp_path / "run", say=lambda _: None)
    with pytest.raises(ValueError, match=r"No review of .* is of an item: give `reviews.item`"):
        write_pros_and_cons(run, tmp_path / "pros.parquet")
    assert not (tmp_path / "pros.parquet").exists()
