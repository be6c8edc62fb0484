"""Several pictures a row: which are kept, and what the report says of the others."""

from __future__ import annotations

import pytest
from PIL import Image

from tests.data.conftest import ShopFolder
from tfmm.data import load
from tfmm.data.shop_file.schema import Shop, ShopFileError


@pytest.fixture
def shop(tmp_path):
    return ShopFolder(tmp_path)


def pictures(shop, *names):
    for place, name in enumerate(names):
        Image.new("RGB", (4, 4), (place, 0, 0)).save(shop.folder / name)


def with_cells(shop, *cells, **feature):
    shop.features(photo={"kind": "image", "column": "tags", **feature})
    rows = "".join(f"p{place},,,,{cell}\n" for place, cell in enumerate(cells))
    shop.write("items.csv", f"id,title,colour,price,tags\n{rows}")
    shop.write("events.csv", "user,item,when\nu1,p0,2020-01-01\n")


def names(data):
    return [[path.name for path in paths] for paths in data.items.features["photo"].paths]


def notes(data):
    return [str(note) for note in data.report.notes if note.column == "photo"]


def test_the_first_of_a_row_are_kept_and_the_others_counted(shop):
    pictures(shop, *(f"图 {place}.png" for place in range(12)))
    ten = "|".join(f"图 {place}.png" for place in range(10))
    with_cells(shop, ten, "图 10.png|图 11.png", "图 3.png")
    data = shop.load()
    assert names(data)[0] == [f"图 {place}.png" for place in range(8)]
    assert names(data)[1:] == [["图 10.png", "图 11.png"], ["图 3.png"]]
    assert notes(data) == [
        "items, photo: 2 pictures past the first 8 left out (see the key `pictures`), such as p0"
    ]
    with_cells(shop, ten, "图 10.png|图 11.png", "图 3.png", pictures=1)
    data = shop.load()
    assert names(data) == [["图 0.png"], ["图 10.png"], ["图 3.png"]]
    assert notes(data)[0].startswith("items, photo: 10 pictures past the first 1 left out")
    with_cells(shop, ten, pictures=10)
    assert (len(names(shop.load())[0]), notes(shop.load())) == (10, [])


def test_a_picture_that_a_row_names_again_counts_once(shop):
    pictures(shop, "a.png", "b.png")
    with_cells(shop, "a.png|b.png|a.png|a.png", "a.png|a.png", "b.png", pictures=2)
    data = shop.load()
    assert names(data) == [["a.png", "b.png"], ["a.png"], ["b.png"]]
    assert notes(data) == [
        "items, photo: 3 pictures that a row names again, read once, such as p0; p1"
    ]


def test_those_beyond_play_no_part_whether_or_not_files_are_checked(shop):
    pictures(shop, "a.png", "c.png")
    (shop.folder / "b.png").write_bytes(b"no picture")
    (shop.folder / "d.png").write_bytes(b"nor this")
    with_cells(shop, "a.png|b.png|c.png|d.png", pictures=2)
    checked = shop.load()
    assert names(checked) == [["a.png"]]
    (finding,) = checked.report.findings
    assert (finding.check, finding.count) == ("corrupt_images", 1)
    assert names(load(shop.folder / "shop.yaml", verify_media=False)) == [["a.png", "b.png"]]


def test_templates_give_several_too(shop):
    pictures(shop, "p0-1.png", "p0-2.png", "p1-2.png")
    with_cells(shop, "", "", "")
    shop.features(photo={"kind": "image", "paths": ["{id}-1.png", "{id}-2.png"]})
    assert names(shop.load()) == [["p0-1.png", "p0-2.png"], ["p1-2.png"], []]


def test_how_many_round_trips_and_is_checked(shop):
    def feature(**more):
        photo = {"kind": "image", "column": "tags", "separator": "|", **more}
        return Shop.from_dict({"items": {"table": "t.csv", "id": "id", "features": {"a": photo}}})

    for given, most in (({}, 8), ({"pictures": 8}, 8), ({"pictures": 3}, 3)):
        read = feature(**given)
        assert read.items.features["a"].pictures == most
        written = read.to_dict()["items"]["features"]["a"]
        assert written.get("pictures", 8) == most
        assert ("pictures" in written) == (most != 8)
        assert Shop.from_dict(read.to_dict()) == read
    with pytest.raises(ShopFileError, match=r"items\.features\.a\.pictures"):
        feature(pictures=0)
    with pytest.raises(ShopFileError, match=r"unknown key `items.features.a.pictures`"):
        feature(kind="audio", pictures=2)
