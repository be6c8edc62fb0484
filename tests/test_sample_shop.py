"""The sample shop: what ships, and that it is what its generator makes."""

from __future__ import annotations

import csv
import os
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tfmm.sample_shop
from tfmm.data import load

REPOSITORY = Path(__file__).resolve().parents[1]
SHOP = tfmm.sample_shop.path().parent
PHOTOGRAPHS = Path(os.environ.get("TFMM_DATA") or "no folder")


@pytest.fixture(scope="module")
def tools():
    """The generator and its colour measuring, importable as they are when run from tools/."""
    sys.path.insert(0, str(REPOSITORY / "tools"))
    try:
        import make_sample_shop
        import sample_shop_pictures
    finally:
        sys.path.pop(0)
    return make_sample_shop, sample_shop_pictures


def rows(name: str) -> list[dict[str, str]]:
    with (SHOP / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_sample_shop_loads_without_findings():
    data = load(tfmm.sample_shop.path())
    assert len(data.items) == 407
    assert len(data.users) == 500
    assert len(data.events) == len(rows("events.csv")) > 6000
    assert data.items.ids[0] == "00001"
    assert data.report.found("image_missing") == 0
    assert all(column.present.all() for column in data.items.features.values())


def test_pictures_are_small_and_all_there():
    pictures = sorted((SHOP / "images").glob("*.jpg"))
    assert [p.stem for p in pictures] == [row["item_id"] for row in rows("items.csv")]
    assert sum(p.stat().st_size for p in pictures) < 4_000_000
    for picture in pictures[::40]:
        with Image.open(picture) as image:
            assert image.format == "JPEG"
            assert max(image.size) == 128


def test_photographs_are_public_domain_and_traceable():
    assert "CC0 1.0 Universal" in (SHOP / "LICENSE").read_text(encoding="utf-8")
    readme = (SHOP / "README.md").read_text(encoding="utf-8")
    assert "Real:" in readme
    assert "Simulated:" in readme
    assert len({row["photograph"] for row in rows("items.csv")}) == 407


def test_labels_are_balanced_and_titles_speak_of_the_picture():
    items = rows("items.csv")
    counts = Counter(row["type"] for row in items)
    assert len(counts) == 17
    assert set(counts.values()) <= {23, 24}
    for row in items:
        assert row["colour"] in row["title"].lower()
        assert row["title"].startswith("Kids'") == (row["audience"] == "kids")


def test_shipped_shoppers_are_what_the_generator_makes(tools, tmp_path):
    make, _ = tools
    make.make_shoppers(make.read_items(SHOP), tmp_path, seed=7, shoppers=make.SHOPPERS)
    assert (tmp_path / "users.csv").read_bytes() == (SHOP / "users.csv").read_bytes()
    assert (tmp_path / "events.csv").read_bytes() == (SHOP / "events.csv").read_bytes()


def test_a_shopper_does_not_depend_on_how_many_there_are(tools, tmp_path):
    make, _ = tools
    make.make_shoppers(make.read_items(SHOP), tmp_path, seed=7, shoppers=3)
    with (tmp_path / "events.csv").open(encoding="utf-8") as file:
        few = [line for line in file if line.startswith("s0002")]
    with (SHOP / "events.csv").open(encoding="utf-8") as file:
        assert [line for line in file if line.startswith("s0002")] == few


def test_taste_follows_the_measured_picture_and_not_the_title(tools, tmp_path):
    make, _ = tools
    items = make.read_items(SHOP)
    renamed = [{**row, "title": "x", "price": "1.00", "tags": "none"} for row in items]
    make.make_shoppers(renamed, tmp_path, seed=7, shoppers=20)
    with_other_titles = (tmp_path / "events.csv").read_bytes()
    make.make_shoppers(items, tmp_path, seed=7, shoppers=20)
    assert (tmp_path / "events.csv").read_bytes() == with_other_titles
    repainted = [{**row, "redness": "60", "yellowness": "40"} for row in items]
    make.make_shoppers(repainted, tmp_path, seed=7, shoppers=20)
    assert (tmp_path / "events.csv").read_bytes() != with_other_titles


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((10, 10, 12), "black"),
        ((128, 128, 128), "grey"),
        ((250, 250, 250), "white"),
        ((200, 20, 30), "red"),
        ((250, 130, 20), "orange"),
        ((240, 220, 40), "yellow"),
        ((30, 140, 60), "green"),
        ((20, 150, 150), "teal"),
        ((40, 90, 200), "blue"),
        ((20, 28, 70), "navy"),
        ((110, 50, 150), "purple"),
        ((250, 150, 190), "pink"),
        ((110, 70, 40), "brown"),
        ((225, 205, 170), "beige"),
        ((90, 15, 35), "burgundy"),
        ((95, 95, 30), "olive"),
    ],
)
def test_colours_get_their_everyday_names(tools, rgb, name):
    _, pictures = tools
    assert pictures.name_colour(pictures.to_lab(np.array(rgb, np.uint8))) == name


def test_garment_is_told_from_its_background(tools):
    _, pictures = tools
    image = np.full((96, 72, 3), (220, 210, 190), np.uint8)
    image[18:80, 16:56] = (30, 60, 190)
    look = pictures.look_at(Image.fromarray(image))
    assert look.colour == "blue"
    assert look.second == ""
    assert look.certainty > 0.9


def test_generator_without_photographs_says_what_to_do(tools, tmp_path, monkeypatch, capsys):
    make, _ = tools
    monkeypatch.setenv("TFMM_DATA", str(tmp_path))
    assert make.main(["--out", str(tmp_path / "shop")]) == 1
    assert "TFMM_DATA" in capsys.readouterr().err


@pytest.mark.realdata
@pytest.mark.skipif(
    not (PHOTOGRAPHS / "clothing_cc0").is_dir(),
    reason=f"no photographs in {PHOTOGRAPHS}; set TFMM_DATA",
)
def test_shipped_pictures_are_the_source_s_photographs(tools):
    make, pictures = tools
    for row in rows("items.csv")[::80]:
        source = PHOTOGRAPHS / "clothing_cc0" / "images" / f"{row['photograph']}.jpg"
        with (
            Image.open(source) as full,
            Image.open(SHOP / "images" / f"{row['item_id']}.jpg") as own,
        ):
            shrunk = full.convert("RGB")
            shrunk.thumbnail((make.SIDE, make.SIDE), Image.Resampling.LANCZOS)
            difference = np.abs(np.asarray(shrunk, float) - np.asarray(own.convert("RGB"), float))
            assert difference.mean() < 6
            assert pictures.look_at(own).colour == row["colour"]
