"""The folder that `tfmm shoppers` writes: what it says, hides, escapes and replaces."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.conftest import write_shop
from tests.shoppers.shops import write_log
from tfmm.commands import main as cli
from tfmm.shoppers.analysis import Settings
from tfmm.shoppers.report import PAGE, report_shoppers
from tfmm.shoppers.returning import network
from tfmm.training import train


@pytest.fixture(scope="module", autouse=True)
def quick():
    """A network that is soon trained."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "MEMBERS", 1)
        patch.setattr(network, "LENGTH", 3)
        patch.setattr(network, "_EPOCHS", 1)
        yield


@pytest.fixture(scope="module")
def reported(tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("店 é")
    shop = write_log(folder)
    each = folder / "each.parquet"
    page = report_shoppers(shop, folder / "报告", Settings(), each=each, say=lambda line: None)
    return page, each


def test_the_page_has_every_part_and_no_script_of_a_stranger(reported):
    text = reported[0].read_text("utf-8")
    for title in (
        "Segments",
        "Who comes back",
        "From looking to buying",
        "Cohorts",
        "Gaps between orders",
        "Bought together",
        "How it was counted",
    ):
        assert f"<h2>{title}</h2>" in text
    assert "<script" not in text
    assert "which a shop file has none of" in text
    assert not re.search(r'(src|href)="(?!data:|#)', text)
    assert "红色 帽子/é 😀" in text
    assert "=1+1 | $5 $x$ *a* &amp; &lt;b" in text


def test_tables_hold_nothing_of_fewer_than_ten(reported):
    folder = reported[0].parent
    tables = {file.stem: pd.read_parquet(file) for file in folder.glob("*.parquet")}
    assert set(tables) >= {
        "segments",
        "scores",
        "funnel",
        "cohorts",
        "gaps",
        "together",
        "forecasts",
        "expected",
    }
    for name, table in tables.items():
        assert "user_id" not in table, name
        for column in ("shoppers", "size", "back", "waiting", "gaps"):
            if column in table:
                assert table[column].dropna().min() >= 10, (name, column)
    assert {file.suffix for file in folder.iterdir()} == {".html", ".json", ".parquet"}
    told = json.loads((folder / "shoppers.json").read_text("utf-8"))
    assert told["missing"].keys() == {"clusters"}


def test_a_row_a_shopper_stands_apart(reported):
    page, each = reported
    table = pd.read_parquet(each)
    assert table["user_id"].is_unique
    assert table["user_id"].str.startswith("客户/").all()
    assert table["comes_back"].between(0, 1).all()
    assert (table["value_expected"] >= 0).all()
    assert each.parent == page.parent.parent


def test_few_shoppers_are_refused_and_larger_groups_asked_for(tmp_path):
    shop = write_log(tmp_path, shoppers=8)
    with pytest.raises(ValueError, match=r"\d shoppers .* smaller than 10"):
        report_shoppers(shop, tmp_path / "out", say=lambda line: None)
    assert not (tmp_path / "out").exists()
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".")] == []


def test_a_report_replaces_an_earlier_one_and_nothing_else(tmp_path, capsys):
    shop = write_shop(tmp_path / "shop")
    out = tmp_path / "out"
    assert cli.main(["shoppers", str(shop), "--out", str(out)]) == 0
    first = (out / PAGE).read_text("utf-8")
    assert "too few to learn from" in first or "nothing is forecast" in first
    assert "names no price" in first
    (out / "old.parquet").write_bytes(b"")
    assert cli.main(["shoppers", str(shop), "--out", str(out), "--at-least", "5"]) == 0
    assert not (out / "old.parquet").exists()
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("mine")
    capsys.readouterr()
    assert cli.main(["shoppers", str(shop), "--out", str(other)]) == 1
    assert "no earlier report" in capsys.readouterr().err
    assert (other / "mine.txt").read_text() == "mine"
    assert cli.main(["shoppers", str(tmp_path / "none"), "--out", str(out)]) == 1
    assert "neither a shop file nor the folder of a run" in capsys.readouterr().err


@pytest.mark.parametrize("lacks", ["time", "price", "type"])
def test_a_shop_that_lacks_something_is_told_of_it(tmp_path, lacks):
    import yaml

    file = write_log(tmp_path)
    shop = yaml.safe_load(file.read_text("utf-8"))
    events = shop["events"]
    del events[lacks]
    if lacks == "type":
        del events["weights"]
    file.write_text(yaml.safe_dump(shop, allow_unicode=True), "utf-8")
    page = report_shoppers(file, tmp_path / "out", Settings(horizon=200), say=lambda line: None)
    text = page.read_text("utf-8")
    # A horizon that leaves too little to learn from costs its part alone.
    assert ("too few to learn from" in text) == (lacks != "time")
    said = {"time": "has no times", "price": "names no price", "type": "no types of event"}
    assert said[lacks] in text
    assert "nan" not in re.sub(r'src="[^"]*"', "", text).lower().replace("finance", "")


def test_a_run_gives_clusters_of_its_vectors(tmp_path):
    shop = write_shop(tmp_path / "shop")
    config = {
        "name": "tiny",
        "shop": str(shop),
        "items": {"dim": 8, "encoders": {"kind": "embedding"}},
        "users": {"id": True},
        "train": {"epochs": 2, "batch_size": 64},
        "evaluate": {"baselines": ["popularity"]},
    }
    run = train(config, tmp_path / "run", say=lambda line: None)
    page = report_shoppers(run.path, tmp_path / "out", say=lambda line: None)
    clusters = pd.read_parquet(page.parent / "clusters.parquet")
    assert clusters["shoppers"].sum() == 80
    assert clusters["shoppers"].min() >= 10
    tried = pd.read_parquet(page.parent / "cluster_numbers.parquet")
    assert tried["chosen"].sum() == 1
    assert np.isfinite(tried["silhouette"]).all()
    assert "shoppers in two dimensions" in page.read_text("utf-8")
