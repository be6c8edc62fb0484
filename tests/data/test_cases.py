"""Tables as shops really write them, from the shop file to the catalogue and its report."""

import io

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

SHOP = {
    "items": {"table": "products.csv", "id": "sku", "features": {}},
    "events": {"table": "events.csv", "user": "user", "item": "item", "time": "time"},
}
EVENTS = "user,item,time\n" + "".join(f"u{n},p{n % 3},{1_700_000_000 + n}\n" for n in range(6))


@pytest.fixture
def case(shop):
    """A shop of three products, p0 to p2, whose tables a test writes."""
    shop.mapping = {key: dict(part) for key, part in SHOP.items()}
    shop.write("events.csv", EVENTS)
    return shop


def raw(shop, name, text, encoding):
    (shop.folder / name).write_bytes(text.encode(encoding))


def report_of(data):
    out = io.StringIO()
    data.report.print(Console(file=out, width=80))
    return out.getvalue()


def test_semicolons_decimal_commas_and_cp1252(case):
    case.features(
        name={"kind": "text", "column": "name"}, price={"kind": "number", "column": "price"}
    )
    rows = "".join(f"p{n};Crème brûlée n° {n};{n + 1}.234,5{n}\n" for n in range(3))
    raw(case, "products.csv", "sku;name;price\n" + rows, "cp1252")
    case.write("events.csv", EVENTS.replace(",", ";"))
    data = case.load()
    assert data.items.features["name"].values[0] == "Crème brûlée n° 0"
    np.testing.assert_allclose(
        data.items.features["price"].values, [1234.5, 2234.51, 3234.52], rtol=1e-6
    )
    assert data.report.findings == []
    told = report_of(data)
    for said in ("items: encoding cp1252", "items: delimiter semicolon", "decimal comma"):
        assert said in told


def test_dialect_that_the_shop_file_gives(case):
    case.mapping["items"]["format"] = {"delimiter": ";", "encoding": "cp1252", "decimal": ","}
    case.mapping["events"]["format"] = {"delimiter": "tab"}
    case.features(price={"kind": "number", "column": "price"})
    raw(case, "products.csv", "sku;price\np0;1.500\np1;2,5\np2;3\n", "cp1252")
    case.write("events.csv", EVENTS.replace(",", "\t"))
    data = case.load()
    assert data.items.features["price"].values.tolist() == [1500, 2.5, 3]
    spec = data.shop.to_dict()
    assert spec["items"]["format"] == case.mapping["items"]["format"]
    assert spec["events"]["format"] == {"delimiter": "\t"}
    assert type(data.shop).from_dict(spec).items == data.shop.items


def test_unicode_text_of_excel(case):
    case.mapping["items"]["table"] = "products.txt"
    case.features(name={"kind": "text", "column": "name"})
    rows = "".join(f"p{n}\tGrüße {n}\r\n" for n in range(3))
    raw(case, "products.txt", "sku\tname\r\n" + rows, "utf-16")
    data = case.load()
    assert data.items.features["name"].values.tolist() == [f"Grüße {n}" for n in range(3)]
    assert "encoding utf-16, by its mark" in report_of(data)


def test_loose_json(case):
    case.mapping["items"]["table"] = "products.json"
    case.features(name={"kind": "text", "column": "name"}, tags={"kind": "tags", "column": "tags"})
    rows = "".join(
        f"{{'sku': 'p{n}', 'name': u\"Tea {n}'s\", 'tags': ['x', 'y'], 'new': True}}\n"
        for n in range(3)
    )
    case.write("products.json", rows)
    data = case.load()
    assert data.items.features["name"].values[2] == "Tea 2's"
    assert data.items.features["tags"].vocabulary.tolist() == ["x", "y"]


def test_lists_and_prices_of_json_lines(case):
    case.mapping["items"]["table"] = "products.jsonl"
    case.features(
        text={"kind": "text", "columns": ["title", "description"]},
        cats={"kind": "tags", "column": "categories"},
        price={"kind": "number", "column": "price"},
    )
    prices = ("$4.99", "$1,299.00", "")
    rows = "".join(
        f'{{"sku": "p{n}", "title": "Lamp", "description": ["One.", "Two &amp; more."], '
        f'"categories": ["Home", "Light"], "price": "{price}"}}\n'
        for n, price in enumerate(prices)
    )
    case.write("products.jsonl", rows)
    data = case.load()
    np.testing.assert_allclose(data.items.features["price"].values, [4.99, 1299, np.nan], rtol=1e-6)
    assert data.items.features["text"].values[0] == "Lamp One. Two & more."


def test_days_before_months(case):
    del case.mapping["items"]
    days = "".join(f"u{n},p{n % 3},{n + 1:02d}/12/2023\n" for n in range(31))
    case.write("events.csv", "user,item,time\n" + days)
    data = case.load()
    assert data.report.findings == []
    assert set(np.diff(data.events.time)) == {86_400_000_000}
    assert "format '%d/%m/%Y'" in report_of(data)


def test_ids_of_floats_in_one_table(case):
    case.write("products.csv", "sku\n0\n1\n2\n")
    case.write("events.csv", "user,item,time\n" + "".join(f"{n}.0,{n}.0,{n}\n" for n in range(3)))
    data = case.load()
    assert data.items.ids[data.events.item].tolist() == ["0", "1", "2"]
    assert data.users.ids.tolist() == ["0", "1", "2"]
    assert "distinct ids are whole numbers" in report_of(data)


def test_headers_with_spaces(case):
    case.features(name={"kind": "text", "column": "name"})
    case.write("products.csv", "SKU , Name\np0, Cup\np1, Pot\np2, Pan\n")
    case.write("events.csv", EVENTS.replace("user,item,time", " User , Item , Time"))
    data = case.load()
    assert data.items.features["name"].values.tolist() == ["Cup", "Pot", "Pan"]
    assert data.report.findings == []
    assert "items: the column ' Name' is read for 'name'" in report_of(data)


def test_ids_of_any_characters(case):
    del case.mapping["items"]
    ids = ["a/b", "c\\d", "😀", 'x"y', " lead", "tab\tid", "NULL"]
    rows = "".join(f'{n},"{one.replace(chr(34), chr(34) * 2)}",{n}\n' for n, one in enumerate(ids))
    case.write("events.csv", "user,item,time\n" + rows)
    data = case.load()
    assert data.items.ids.tolist() == ["a/b", "c\\d", "😀", 'x"y', "lead", "tab\tid"]
    assert data.report.found("bad_ids") == 1


def test_dislikes_beside_likes(case):
    del case.mapping["items"]
    case.mapping["events"]["rating"] = "score"
    scores = (1, -1, 0, 1, -0.5, 1)
    rows = "".join(f"u{n},p{n % 3},{n},{score}\n" for n, score in enumerate(scores))
    case.write("events.csv", "user,item,time,score\n" + rows)
    data = case.load()
    assert data.report.findings == []
    assert data.examples.rating.tolist() == list(scores)
    assert len(data.events) == 3


def test_pictures_of_every_kind(case):
    case.features(photo={"kind": "image", "column": "img"})
    names = {"p0": "cmyk.jpg", "p1": "deep.png", "p2": "cut.jpg", "p3": "none.jpg", "p4": "v.svg"}
    table = "".join(f"{sku},{name}\n" for sku, name in names.items())
    case.write("products.csv", "sku,img\n" + table)
    Image.new("CMYK", (8, 8)).save(case.folder / "cmyk.jpg")
    Image.new("I;16", (8, 8)).save(case.folder / "deep.png")
    (case.folder / "cut.jpg").write_bytes((case.folder / "cmyk.jpg").read_bytes()[:-60])
    case.write("v.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>")
    data = case.load()
    assert data.items.features["photo"].present.tolist() == [True, True, False, False, False]
    found = {finding.check: finding.count for finding in data.report.findings}
    assert found == {"missing_images": 1, "corrupt_images": 2}
    lines = report_of(data).splitlines()
    assert "  p3: no file none.jpg" in lines
    assert "  v.svg: it is no image of a known format" in lines
