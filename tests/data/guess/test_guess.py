"""What `tfmm init` finds in a folder of tables."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from tfmm import sample_shop
from tfmm.commands.main import main
from tfmm.data import load
from tfmm.data.guess import guess
from tfmm.data.shop_file.schema import Shop
from tfmm.tasks.config import RunConfig

PROJECT = Path(__file__).resolve().parents[3]
DATA = Path(os.environ.get("TFMM_DATA") or "no folder")


def linked(folder, names, tmp_path):
    for name in names:
        if not (folder / name).exists():
            pytest.skip(f"no {folder / name}; set TFMM_DATA to where the data is")
        (tmp_path / name).symlink_to(folder / name)
    return tmp_path


def found(folder):
    return yaml.safe_load(guess(folder).shop)


def sources(table):
    """(kind, columns or path) of each feature."""
    kept = set()
    for form in (table or {}).get("features", {}).values():
        columns = form.get("columns", [form.get("column")])
        kept.add((form["kind"], tuple(sorted(columns)) if columns != [None] else form["path"]))
    return kept


@pytest.fixture
def shop(tmp_path):
    return linked(
        sample_shop.path().parent, ["items.csv", "events.csv", "users.csv", "images"], tmp_path
    )


def test_sample_shop_is_found_as_it_was_written(shop):
    mine, written = found(shop), yaml.safe_load(sample_shop.path().read_text())
    assert mine["events"] == written["events"]
    assert mine["users"] == written["users"]
    assert (mine["items"]["table"], mine["items"]["id"]) == ("items.csv", "item_id")
    # Beside them stand four numbers that were measured in the pictures.
    measured = {("number", (name,)) for name in "lightness redness yellowness texture".split()}
    assert sources(mine["items"]) - measured == sources(written["items"])


def test_command_writes_files_that_load_and_keeps_those_that_are_there(shop, capsys):
    assert main(["init", str(shop)]) == 0
    assert f"tfmm check {shop / 'shop.yaml'}" in capsys.readouterr().out
    assert not load(shop / "shop.yaml").report.findings
    assert RunConfig.from_file(shop / "run.yaml").shop == str(shop / "shop.yaml")
    (shop / "run.yaml").write_text("mine")
    assert main(["init", str(shop)]) == 1
    assert "--force" in capsys.readouterr().err
    assert (shop / "run.yaml").read_text() == "mine"
    assert main(["init", str(shop), "--force"]) == 0
    assert (shop / "run.yaml").read_text() != "mine"


CHINESE = {
    "商品.csv": ["商品编号;名称;品牌;价格"]
    + [f"货{n};好看的红色连衣裙第{n}款;{'花花' if n % 2 else '草草'};{n},50" for n in range(40)],
    "行为.csv": ["用户;商品编号;时间;行为"]
    + [
        f"王{n % 9};货{n % 40};2024-01-{n % 28 + 1:02d} 10:00:00;{'购买' if n % 3 else '点击'}"
        for n in range(200)
    ],
}


def write(folder, tables, encoding="utf-8"):
    for name, lines in tables.items():
        (folder / name).write_text("\n".join(lines) + "\n", encoding=encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
def test_chinese_columns_of_any_encoding(tmp_path, encoding):
    write(tmp_path, CHINESE, encoding)
    mine = found(tmp_path)
    assert mine["events"] == {
        "table": "行为.csv",
        "user": "用户",
        "item": "商品编号",
        "time": "时间",
        "type": "行为",
        "weights": {"点击": 1, "购买": 4},
    }
    assert (mine["items"]["table"], mine["items"]["id"]) == ("商品.csv", "商品编号")
    assert sources(mine["items"]) == {
        ("text", ("名称",)),
        ("category", ("品牌",)),
        ("number", ("价格",)),
    }


SHOPIFY = [
    "Handle,Title,Vendor,Tags,Option1 Name,Option1 Value,Variant SKU,Variant Price,Image Src",
    *(
        line
        for n in range(30)
        for line in (
            f'étui-{n},Étui rouge {n},Maison,"cuir, rouge, n{n % 4}",Taille,S,E/{n}-S,{n}.5,',
            f"étui-{n},,,,,M,E/{n}-M,{n}.7,",
            f"étui-{n},,,,,,,,https://cdn.example.com/{n}.jpg",
        )
    ),
]
WOOCOMMERCE = [
    "ID,Type,SKU,Name,Published,Regular price,Categories,Parent",
    *(
        line
        for n in range(30)
        for line in (
            f"{10 * n},variable,{f'帽{n}' if n % 2 else ''},红色的帽子第{n}款,1,,Hats,",
            f"{10 * n + 1},variation,帽{n}-S,,1,{n}.5,,{f'帽{n}' if n % 2 else f'id:{10 * n}'}",
        )
    ),
]
GERMAN = [
    "ID,Typ,Artikelnummer,Name,Veröffentlicht,Regulärer Preis,Kategorien,Übergeordnetes Produkt",
    *WOOCOMMERCE[1:],
]
FRENCH = ["ID,Type,UGS,Nom,Publié,Tarif régulier,Catégories,Parent", *WOOCOMMERCE[1:]]
SPANISH = ["ID,Tipo,SKU,Nombre,Publicado,Precio normal,Categorías,Superior", *WOOCOMMERCE[1:]]


@pytest.mark.parametrize(
    ("table", "items", "id", "parent"),
    [
        (SHOPIFY, [f"E/{n}-{'SM'[n % 2]}" for n in range(30)], "Variant SKU", "Handle"),
        (SHOPIFY, [f"étui-{n}" for n in range(30)], "Handle", "Handle"),
        (
            WOOCOMMERCE,
            [str(10 * n + n % 2) for n in range(30)],
            "ID",
            {"column": "Parent", "by": ["SKU"]},
        ),
        (
            WOOCOMMERCE,
            [f"帽{n}-S" for n in range(30)],
            "SKU",
            {"column": "Parent", "by": ["SKU", "ID"]},
        ),
        (
            GERMAN,
            [f"帽{n}-S" for n in range(30)],
            "Artikelnummer",
            {"column": "Übergeordnetes Produkt", "by": ["Artikelnummer", "ID"]},
        ),
        (GERMAN, None, "ID", {"column": "Übergeordnetes Produkt", "by": ["Artikelnummer"]}),
        (FRENCH, None, "ID", {"column": "Parent", "by": ["UGS"]}),
        (SPANISH, None, "ID", {"column": "Superior", "by": ["SKU"]}),
        (SHOPIFY, None, "Variant SKU", "Handle"),
        (WOOCOMMERCE, None, "ID", {"column": "Parent", "by": ["SKU"]}),
    ],
)
def test_exports_of_shops_have_parents(tmp_path, table, items, id, parent):
    tables = {"products_export.csv": table}
    if items:
        lines = [f"c{n % 7},{item},2024-01-{n % 28 + 1:02d}" for n, item in enumerate(items * 3)]
        tables["orders.csv"] = ["customer_id,lineitem_sku,created_at", *lines]
    write(tmp_path, tables)
    text = guess(tmp_path).shop
    mine = yaml.safe_load(text)
    assert (mine["items"]["id"], mine["items"]["parent"]) == (id, parent)
    assert "exports: " in next(line for line in text.splitlines() if "parent:" in line)
    named = {column for _, columns in sources(mine["items"]) for column in columns}
    assert not named & {"Handle", "Variant SKU", "ID", "SKU", "Parent", "Type", "Typ", "Tipo"}
    if table is SHOPIFY:
        assert ("tags", ("Option1 Value",)) in sources(mine["items"])
    (tmp_path / "shop.yaml").write_text(text)
    data = load(tmp_path / "shop.yaml")
    assert not {"duplicate_items", "unknown_items"} & {one.check for one in data.report.findings}
    assert (len(data.items), data.report.found("bad_ids")) == (30, 0)


def test_an_export_without_variants_has_no_parents(tmp_path):
    write(
        tmp_path,
        {"p.csv": [WOOCOMMERCE[0], *(f"{n},simple,S{n},A hat {n},1,{n},H," for n in range(30))]},
    )
    assert "parent" not in found(tmp_path)["items"]


def test_catalogue_alone_is_for_search(tmp_path):
    write(tmp_path, {"商品.csv": CHINESE["商品.csv"]})
    made = guess(tmp_path)
    assert set(yaml.safe_load(made.shop)) == {"items"}
    assert yaml.safe_load(made.run)["task"] == "search"


def test_events_alone_make_items_of_what_they_name(tmp_path):
    write(tmp_path, {"行为.csv": CHINESE["行为.csv"]})
    assert set(found(tmp_path)) == {"events"}


def test_times_that_fit_two_formats_load_and_are_told(tmp_path):
    rows = [f"u{n % 7},i{n % 5},0{n % 9 + 1}/0{n % 5 + 1}/2023" for n in range(60)]
    write(tmp_path, {"orders.csv": ["customer,sku,date", *rows]})
    made = guess(tmp_path)
    assert yaml.safe_load(made.shop)["events"]["time"]["format"] in ("%d/%m/%Y", "%m/%d/%Y")
    assert "fits another format" in made.shop
    assert len(load(Shop.from_dict(yaml.safe_load(made.shop), tmp_path)).examples) == 60


def test_values_stay_within_their_comments(tmp_path):
    rows = [f'{n},"line\nbreak: {{x}} # {n % 3}"' for n in range(30)]
    write(tmp_path, {"products.csv": ["sku,colour", *rows]})
    assert found(tmp_path)["items"]["features"]["colour"]["kind"] == "category"


def test_kinds_of_users_are_no_users(tmp_path):
    rows = [f"{('Returning_Visitor', 'New_Visitor')[n % 2]},{n % 7}" for n in range(40)]
    write(tmp_path, {"séances.csv": ["VisitorType,ProductRelated", *rows]})
    with pytest.raises(ValueError, match="found neither events"):
        guess(tmp_path)


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"reviews.csv": ["label,review", "1,good", "1,good", "0,bad"]}, "running number"),
        ({}, "no table at all"),
    ],
)
def test_folder_without_ids_is_told_what_to_add(tmp_path, tables, said):
    write(tmp_path, tables)
    with pytest.raises(ValueError, match=said):
        guess(tmp_path)


REAL = {
    "hm": ["articles.csv", "transactions.csv.gz", "images"],
    "ml100k": ["items.csv", "ratings.csv", "users.csv", "posters"],
    "completejourney": ["products.csv.gz", "transactions_sample.csv.gz", "demographics.csv.gz"],
    "tiktok": ["tiktok.inter", "image_feat.npy", "audio_feat.npy"],
    "baby": ["baby.inter.gz"],
}
#: Columns of the examples' texts that are categories too, and are found as these alone: a person
#: adds their words to the text.
WORDS_OF_CATEGORIES = {"product_type_name", "colour_group_name", "product_category"}
WORDS_OF_CATEGORIES |= {"product_type", "package_size"}


@pytest.mark.realdata
@pytest.mark.parametrize("name", REAL)
def test_real_shop_is_found_as_its_example_says(name, tmp_path, monkeypatch):
    monkeypatch.setenv("TFMM_DATA", str(DATA))
    mine = found(linked(DATA / name, REAL[name], tmp_path))
    example = yaml.safe_load((PROJECT / "examples" / name / "shop.yaml").read_text())
    for key in ("table", "user", "item", "time", "quantity"):
        assert mine["events"].get(key) == example["events"].get(key), key
    for table in ("items", "users"):
        one, other = mine.get(table) or {}, example.get(table) or {}
        assert (one.get("table"), one.get("id")) == (other.get("table"), other.get("id"))
        assert without_words(sources(one)) >= without_words(sources(other))


def without_words(features):
    texts = {c for kind, columns in features if kind == "text" for c in columns}
    rest = {one for one in features if one[0] != "text"}
    return rest | {("text", column) for column in texts - WORDS_OF_CATEGORIES}


def test_addresses_of_pictures_become_a_feature(tmp_path):
    rows = [
        f"货{n},好看的 dress number {n},//cdn.example/盘 {n}.jpg?v=1,"
        f'"https://a.example/w_1,h_2/{n}.JPG, https://b.example/{n}b.png",'
        f"https://a.example/i/{n},https://a.example/{n}.mp3,https://shop.example/p/{n}"
        for n in range(40)
    ]
    head = "sku,title,main,gallery,图片,clip,link"
    (tmp_path / "products.csv").write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    events = [f"u{n % 7},货{n % 40},2024-01-{n % 28 + 1:02d}" for n in range(200)]
    (tmp_path / "orders.csv").write_text("\n".join(["user,sku,time", *events]), encoding="utf-8")
    made = guess(tmp_path)
    items = yaml.safe_load(made.shop)["items"]
    assert sources(items) == {
        ("text", ("title",)),
        ("image", ("main",)),
        ("image", ("gallery",)),
        ("image", ("图片",)),
        ("audio", ("clip",)),
    }
    assert "# link: left out, addresses, which do not say what kind of file is there" in made.shop
    assert "addresses at a.example and 1 more hosts" in made.shop
    (told,) = [line for line in made.summary if "tfmm fetch" in line]
    assert "main, gallery, 图片, clip" in told
    Shop.from_dict(yaml.safe_load(made.shop), tmp_path)
