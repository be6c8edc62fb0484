"""Tables in several files, and several tables that look like events, as `tfmm init` finds them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml

from tfmm.commands.main import main
from tfmm.data import load
from tfmm.data.guess import guess


def events(folder, name, rows, seed=0, columns=("Käufer", "货号", "datum"), sep=","):
    rng = np.random.default_rng(seed)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, rows), unit="D")
    table = pd.DataFrame(
        {
            columns[0]: [f"王{n}" for n in rng.integers(0, 40, rows)],
            columns[1]: [f"货/{n}" for n in rng.integers(0, 25, rows)],
            columns[2]: days.strftime("%Y-%m-%d"),
        }
    )
    table.to_csv(folder / name, index=False, sep=sep)


@pytest.fixture
def folder(tmp_path):
    shop = tmp_path / "店"
    shop.mkdir()
    titles = [f"красная шляпа, вид {n}" for n in range(25)]
    items = pd.DataFrame({"货号": [f"货/{n}" for n in range(25)], "titre": titles})
    items.to_csv(shop / "produkte.csv", index=False)
    return shop


def test_files_that_differ_in_numbers_are_one_table(folder):
    events(folder, "bestellungen_2023.csv", 150, 1)
    events(folder, "bestellungen_2024.csv", 90, 2, sep=";")
    assert main(["init", str(folder)]) == 0
    assert yaml.safe_load((folder / "shop.yaml").read_text())["events"]["table"] == (
        "bestellungen_*.csv"
    )
    loaded = load(folder / "shop.yaml")
    assert loaded.report.counts["rows"]["events"] == 240
    told = [str(note) for note in loaded.report.notes]
    assert any("2 files are read as one table: 'bestellungen_2023.csv'" in one for one in told)
    assert any("bestellungen_2024.csv: delimiter semicolon" in one for one in told)


def test_a_pattern_that_would_take_another_file_along_is_not_written(folder):
    events(folder, "log_1.csv", 150, 1)
    events(folder, "log_2.csv", 90, 2)
    events(folder, "log_all.csv", 60, 3)
    made = guess(folder)
    assert yaml.safe_load(made.shop)["events"]["table"] == "log_1.csv"
    told = " ".join(made.summary)
    assert "events may be in log_1.csv (150 rows; " in told
    assert "or in log_2.csv (90 rows; " in told
    assert "or in log_all.csv (60 rows; " in told
    assert "log_1.csv is taken: it has the most rows" in told


def test_a_copy_is_no_part(folder):
    events(folder, "orders_1.csv", 150, 1)
    pd.read_csv(folder / "orders_1.csv").to_csv(folder / "orders_2.csv", index=False)
    made = guess(folder)
    assert yaml.safe_load(made.shop)["events"]["table"] == "orders_1.csv"
    assert any("rows of orders_2.csv are in orders_1.csv too" in line for line in made.summary)


def test_several_kinds_of_events_are_told_with_what_they_hold(folder):
    events(folder, "views.csv", 400, 1)
    events(folder, "purchases.csv", 90, 2)
    made = guess(folder)
    assert yaml.safe_load(made.shop)["events"]["table"] == "purchases.csv"
    told = " ".join(made.summary)
    assert "or in views.csv (400 rows; 40 users 'Käufer', 25 items '货号')" in told
    assert "purchases.csv is taken: its name tells of events" in told
    assert "events.type" in told
    assert "# events may be in purchases.csv" in made.shop


def test_catalogues_in_parts_keep_their_order(folder):
    titles = [f"bonnet de laine nº {n}" for n in range(30)]
    for part in (0, 1, 2):
        rows = range(10 * part, 10 * part + 10)
        table = {"sku": [f"p{n}" for n in rows], "title": [titles[n] for n in rows]}
        pd.DataFrame(table).to_csv(folder / f"catalogue-{part}.csv", index=False)
    (folder / "produkte.csv").unlink()
    made = guess(folder)
    (folder / "shop.yaml").write_text(made.shop)
    assert yaml.safe_load(made.shop)["items"]["table"] == "catalogue-*.csv"
    items = load(folder / "shop.yaml").items
    assert list(items.ids) == [f"p{n}" for n in range(30)]


def test_columns_of_few_words_that_repeat_are_categories(folder):
    brands = ["Van Gils", "Marc O'Polo", "花 花 公子", "Calvin Klein", "Peak Performance"] * 3
    brands += ["Ralph Lauren", "Paul Smith", "Filippa K", "Acne Studios", "Nudie Jeans"]
    brands += ["Ralph Lauren", "Paul Smith", "Filippa K", "Acne Studios", "Nudie Jeans"]
    table = pd.read_csv(folder / "produkte.csv")
    table["marke"] = brands
    table["beschreibung"] = [
        f"un beau chapeau de laine douce, couleur {n % 12}, fait à la main" for n in range(25)
    ]
    table.to_csv(folder / "produkte.csv", index=False)
    table = pd.concat([table.assign(货号=table["货号"] + f"-{n}") for n in range(6)])
    table["texte"] = [f"ce chapeau numéro {n % 25} est fait à la main" for n in range(150)]
    table["titre"] = [f"chapeau {n}" for n in range(150)]
    table.to_csv(folder / "produkte.csv", index=False)
    made = guess(folder)
    features = yaml.safe_load(made.shop)["items"]["features"]
    assert features["marke"] == {"kind": "category", "column": "marke"}
    # 25 texts of many words that six rows each share are words all the same.
    assert "texte" in features["text"]["columns"]
    assert features["beschreibung"]["kind"] == "category"
    assert "of several words, which kind: text would read" in made.shop
    assert "which share theirs, as kind: category would tell" in made.shop
