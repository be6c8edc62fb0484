import numpy as np
import pytest
from PIL import Image

from tfmm.data import ShopFileError
from tfmm.data.cells.several import split_cell


@pytest.mark.parametrize(
    ("text", "separator", "path", "values"),
    [
        ("a,b", ",", "", [["a"], ["b"]]),
        ("a\\, b, c", ",", "", [["a, b"], ["c"]]),
        ('"a, b", c', ",", "", [["a, b"], ["c"]]),
        ('"say ""hi"", you",c', ",", "", [['say "hi", you'], ["c"]]),
        ('5" nails, 6" nails', ",", "", [['5" nails'], ['6" nails']]),
        ('"open, b', ",", "", [['"open'], ["b"]]),
        ("C:\\img\\a.jpg, b", ", ", "", [["C:\\img\\a.jpg"], ["b"]]),
        ("a,_b.jpg, c", ", ", "", [["a,_b.jpg"], ["c"]]),
        ("A > B\\, C, D", ",", " > ", [["A", "B, C"], ["D"]]),
        ('A > "B, C", D', ",", " > ", [["A", "B, C"], ["D"]]),
        ("A \\> B > C", "|", " > ", [["A > B", "C"]]),
        ("A>B>>C", ">>", ">", [["A", "B"], ["C"]]),
        ("A/B|C/D", "|", "/", [["A", "B"], ["C", "D"]]),
        (" A >  > B ,, ", ",", ">", [["A", "B"]]),
        ("", ",", ">", []),
    ],
)
def test_cells_are_parted_where_they_say_so(text, separator, path, values):
    assert split_cell(text, separator, path) == values


HEADER = "id,cats\n"


def test_every_ancestor_of_a_category_is_a_tag(shop):
    shop.features(cats={"kind": "tags", "column": "cats", "separator": ",", "path": " > "})
    cell = '"Furniture > Chairs\\, stools &amp; sofas, Sale > Blue"'
    shop.write("items.csv", f"{HEADER}001,{cell}\n002,Sale > Red\n")
    column = shop.load().items.features["cats"]
    assert column.vocabulary.tolist() == [
        "Furniture",
        "Furniture > Chairs, stools & sofas",
        "Sale",
        "Sale > Blue",
        "Sale > Red",
    ]
    assert np.diff(column.offsets).tolist() == [4, 2]


def test_lists_of_paths_have_ancestors_too(shop):
    shop.mapping["items"]["table"] = "items.jsonl"
    shop.features(cats={"kind": "tags", "column": "cats", "path": "/"})
    shop.write("items.jsonl", '{"id": "001", "cats": ["A/B", "C"]}\n{"id": "002", "cats": []}\n')
    column = shop.load().items.features["cats"]
    assert column.vocabulary.tolist() == ["A", "A/B", "C"]
    assert column.present.tolist() == [True, False]


def test_paths_of_tags_round_trip_and_are_checked(shop):
    shop.features(cats={"kind": "tags", "column": "cats", "separator": ",", "path": ">"})
    shop.write("items.csv", f"{HEADER}001,a>b\n002,c\n")
    read = shop.load().shop
    assert read.to_dict()["items"]["features"] == shop.mapping["items"]["features"]
    for wrong, told in (
        ({"column": "cats", "separator": ">", "path": ">"}, "`path` and `separator` are the same"),
        ({"columns": ["a", "b"], "path": ">"}, "`path` is of tags that one `column` spells"),
    ):
        shop.features(cats={"kind": "tags", **wrong})
        with pytest.raises(ShopFileError, match=told):
            shop.load()


def pictures(shop, *names):
    for name in names:
        Image.new("RGB", (4, 4)).save(shop.folder / name)


@pytest.mark.parametrize("separator", [", ", ","])
def test_every_picture_of_a_cell_is_read_or_reported(shop, separator):
    pictures(shop, "p1_High_Street,_London.png", "p1_b.png", "p2_b.png")
    shop.features(photo={"kind": "image", "column": "cats", "separator": separator})
    shop.write(
        "items.csv",
        f'{HEADER}001,"p1_High_Street,_London.png, p1_b.png"\n002,"p2_a.png, p2_b.png"\n',
    )
    data = shop.load()
    (finding,) = data.report.findings
    assert finding.check == "absent_images"
    names = [[path.name for path in paths] for paths in data.items.features["photo"].paths]
    if separator == ", ":
        assert names == [["p1_High_Street,_London.png", "p1_b.png"], ["p2_b.png"]]
        assert (finding.count, finding.examples) == (1, ("002: no file p2_a.png",))
    else:
        assert names == [["p1_b.png"], ["p2_b.png"]]
        assert finding.count == 3
        assert finding.examples[:2] == (
            "001: no file p1_High_Street",
            "001: no file _London.png",
        )


def test_pictures_of_items_with_none_are_counted(shop):
    shop.features(photo={"kind": "image", "column": "cats", "separator": ";"})
    pictures(shop, "a.png")
    shop.write("items.csv", f"{HEADER}001,x.png;y.png;z.png\n002,a.png\n")
    (finding,) = shop.load().report.findings
    assert (finding.check, finding.count) == ("missing_images", 1)
    assert finding.detail == "3 files that they name are not there"


def test_findings_of_files_are_short_lines(shop):
    from io import StringIO

    from rich.console import Console

    folder = "pictures/of/a/catalogue/with/a/very/long/name/that/goes/on/and/on/and/on/and/on"
    (shop.folder / folder).mkdir(parents=True)
    rows = []
    for place in range(6):
        (shop.folder / folder / f"{place}.jpg").write_bytes(b"<html>" if place % 2 else b"")
        rows.append(f"{place},{folder}/{place}.jpg\n")
    shop.features(photo={"kind": "image", "column": "cats"})
    shop.write("items.csv", HEADER + "".join(rows) + "001,none[red].jpg\n002,\n")
    report = shop.load().report
    out = StringIO()
    report.print(Console(file=out, width=80))
    lines = out.getvalue().splitlines()
    found = lines[lines.index("Findings") :]
    assert max(map(len, lines)) <= 80
    assert found[1] == "missing_images: items · photo: 2 (mask)"
    assert "  001: no file none[red].jpg" in found
    assert [line for line in found if "corrupt" in line] == [
        "corrupt_images: items · photo: 6 (mask)"
    ]
    assert sum("it is empty" in line for line in found) == 2
    assert sum("no image of a known format" in line for line in found) == 1
    assert str(shop.folder) not in out.getvalue()
