"""Catalogues whose rows are variants of products."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from tfmm.data import load
from tfmm.data.checks import CheckError
from tfmm.data.shop_file.schema import Shop
from tfmm.data.shop_file.specs import ShopFileError
from tfmm.data.variants.families import find_families

FEATURES = {
    "title": {"kind": "text", "column": "title"},
    "price": {"kind": "number", "column": "price"},
    "tags": {"kind": "tags", "column": "tags"},
}


@pytest.fixture
def variants(shop):
    """A shop whose catalogue has a column of parents."""
    shop.mapping["items"]["parent"] = "parent"
    shop.features(**FEATURES)

    def loaded(rows, events, **options):
        shop.write("items.csv", "id,parent,title,price,tags\n" + "\n".join(rows) + "\n")
        lines = [f"u{n},{item},2020-01-0{n + 1}" for n, item in enumerate(events)]
        shop.write("events.csv", "user,item,when\n" + "\n".join(lines) + "\n")
        return shop.load(**options)

    loaded.shop = shop
    return loaded


def found(data):
    return {one.check: one.count for one in data.report.findings}


def tags(data):
    column = data.items.features["tags"]
    ends = column.offsets.tolist()
    return [column.vocabulary[column.values[start:end]].tolist() for start, end in pairwise(ends)]


def test_variants_are_their_product(variants):
    data = variants(
        [
            "帽/红,帽,,9.5,x|y",
            "帽,,Étui 🎒,,y|z",
            "帽/蓝,帽,Blue,12,w",
            "coat,,Coat,50,",
        ],
        ["帽/红", "帽/蓝", "帽", "coat"],
    )
    assert data.items.ids.tolist() == ["帽", "coat"]
    assert data.items.ids[data.events.item].tolist() == ["帽", "帽", "帽", "coat"]
    # The product's own title; of prices, which it has none of, the first variant's.
    assert data.items.features["title"].values.tolist() == ["Étui 🎒", "Coat"]
    assert data.items.features["price"].values.tolist() == [9.5, 50]
    assert tags(data) == [["w", "x", "y", "z"], []]
    assert found(data) == {}
    assert data.report.counts["variants"] == 2
    assert "2 rows are variants of 1 products" in str(data.report.notes[-1])


def test_shopify_names_products_in_rows_that_are_mostly_empty(shop):
    for name in ("a", "b", "c"):
        Image.new("RGB", (4, 4)).save(shop.folder / f"{name}.png")
    shop.write(
        "items.csv",
        "Handle,Title,Tags,Variant SKU,Variant Price,Image Src\n"
        'étui,Étui,"x, y",E-1,5,a.png\n'
        "étui,,,E-2,6,b.png\n"
        "étui,,,,,c.png\n"
        'hut,Hut,"z",H-1,7,a.png\n'
        "hut,,,H-2,8,\n",
    )
    shop.write("events.csv", "user,item,when\nu,E-2,2020-01-01\nv,hut,2020-01-01\n")
    shop.mapping["items"] |= {"id": "Variant SKU", "parent": "Handle"}
    shop.features(
        title={"kind": "text", "column": "Title"},
        tags={"kind": "tags", "column": "Tags", "separator": ", "},
        price={"kind": "number", "column": "Variant Price"},
        photo={"kind": "image", "column": "Image Src"},
    )
    data = shop.load()
    assert data.items.ids.tolist() == ["étui", "hut"]
    assert data.items.ids[data.events.item].tolist() == ["étui", "hut"]
    assert data.items.features["title"].values.tolist() == ["Étui", "Hut"]
    assert data.items.features["price"].values.tolist() == [5, 7]
    assert tags(data) == [["x", "y"], ["z"]]
    names = [[path.name for path in paths] for paths in data.items.features["photo"].paths]
    assert names == [["a.png", "b.png", "c.png"], ["a.png"]]
    assert found(data) == {}
    assert "5 rows are variants of 2 products that it names" in str(data.report.notes[-1])
    # The same where events know handles alone.
    shop.mapping["items"]["id"] = "Handle"
    shop.write("events.csv", "user,item,when\nu,étui,2020-01-01\nv,hut,2020-01-01\n")
    again = shop.load()
    assert (again.items.ids.tolist(), found(again)) == (["étui", "hut"], {})
    assert again.items.features["photo"].paths == data.items.features["photo"].paths


@pytest.mark.parametrize(
    ("id", "parent", "items", "expected"),
    [
        ("ID", {"column": "Parent", "by": ["SKU"]}, "11 21 20 17", ["10", "20", "17"]),
        ("SKU", {"column": "Parent", "by": ["SKU", "ID"]}, "17-S G-S G HAT2", ["17", "G", "HAT2"]),
    ],
)
def test_woocommerce_names_parents_by_sku_or_by_id(shop, id, parent, items, expected):
    shop.write(
        "items.csv",
        "ID,Type,SKU,Name,Parent\n"
        "10,variable,17,Hut,\n"
        "11,variation,17-S,Hut S,17\n"
        "20,variable,G,Gürtel,\n"
        "21,variation,G-S,,id:20\n"
        "17,simple,HAT2,Hat,\n",
    )
    lines = [f"u{item},{item},2020-01-01\n" for item in items.split()]
    shop.write("events.csv", "user,item,when\n" + "".join(lines))
    shop.mapping["items"] |= {"id": id, "parent": parent}
    shop.features(title={"kind": "text", "column": "Name"})
    data = shop.load()
    assert data.items.ids.tolist() == expected
    assert data.items.ids[data.events.item].tolist() == [expected[i] for i in (0, 1, 1, 2)]
    assert data.items.features["title"].values.tolist() == ["Hut", "Gürtel", "Hat"]
    assert found(data) == {}


def test_a_product_without_a_sku_of_its_own_is_called_by_its_id(shop):
    shop.write(
        "items.csv",
        "ID,SKU,Name,Parent\n20,,Gürtel,\n21,G-S,,id:20\n22,G-M,,id:20\n30,,Schuh,\n31,S-1,,id:30\n"
        "40,20,Hut,\n50,,Left,\n",
    )
    shop.write(
        "events.csv", "user,item,when\nu,G-M,2020-01-01\nv,S-1,2020-01-01\nw,20,2020-01-01\n"
    )
    shop.mapping["items"] |= {"id": "SKU", "parent": {"column": "Parent", "by": ["SKU", "ID"]}}
    shop.features(title={"kind": "text", "column": "Name"})
    data = shop.load()
    # 20 is another's SKU.
    assert data.items.ids.tolist() == ["id:20", "30", "20"]
    assert data.items.features["title"].values.tolist() == ["Gürtel", "Schuh", "Hut"]
    assert data.events.item.tolist() == [0, 1, 2]
    assert found(data) == {"bad_ids": 1}


def test_a_row_that_is_called_as_a_handle_is_is_of_its_product(variants):
    rows = ["h-1,h,,1,x", "h-2,h,H,2,", "h,,Own,3,y", "k-1,k,K,4,", "z,,Z,5,"]
    data = variants(rows, ["h", "h-2", "k-1"])
    assert data.items.ids.tolist() == ["h", "k", "z"]


def test_ids_of_parents_are_put_right_as_ids_are(variants):
    data = variants(
        ["17.0,,Hat,1,a", "18.0, 17.0 ,,2,b", "19.0,nan,Coat,3,c", "20.0,17,,2,"],
        ["18", "17.0", "19", "20"],
    )
    assert data.items.ids.tolist() == ["17", "19"]
    assert data.items.ids[data.events.item].tolist() == ["17", "17", "19", "17"]


def test_orphans_are_products_known_by_their_variants_and_counted(variants):
    rows = ["a,,A,1,x", "a1,a,,1,", "b1,b,B1,2,y", "b2,b,B2,3,z", "c1,a,,1,"]
    data = variants(rows, ["b2", "b", "a1"])
    assert data.items.ids.tolist() == ["a", "b"]
    assert data.items.ids[data.events.item].tolist() == ["b", "b", "a"]
    assert data.items.features["title"].values.tolist() == ["A", "B1"]
    assert found(data) == {"orphan_variants": 2}
    assert data.report.findings[0].examples == ("row 3: 'b1' of 'b'", "row 4: 'b2' of 'b'")
    with pytest.raises(CheckError, match="orphan_variants"):
        variants(rows, ["a"], policies={"orphan_variants": "raise"})


def test_chains_lead_to_their_end_and_circles_to_their_first_row(variants):
    data = variants(
        ["c,b,C,3,c", "a,,A,1,a", "b,a,B,2,b", "q,p,Q,5,", "p,q,P,4,", "r,q,R,6,", "s,s,S,7,"],
        ["c", "b", "p", "q", "r", "s"],
    )
    assert data.items.ids.tolist() == ["a", "q", "s"]
    assert data.items.ids[data.events.item].tolist() == ["a", "a", "q", "q", "q", "s"]
    assert data.items.features["title"].values.tolist() == ["A", "Q", "S"]
    assert found(data) == {"chained_variants": 4}
    assert "2 of them lead back to themselves" in str(data.report.findings[0])


def test_bad_and_repeated_ids_are_still_found(variants):
    data = variants(
        ["a,,A,1,", "a1,a,,1,", ",,no,1,", ",a,,2,t", "a1,b,,1,", "b,,B,1,", "a,,again,1,"],
        ["a1", "b"],
    )
    assert data.items.ids.tolist() == ["a", "b"]
    assert tags(data) == [["t"], []]
    assert found(data) == {"bad_ids": 1, "duplicate_items": 2}


def test_a_product_that_a_check_drops_takes_its_variants_along(variants):
    rows = ["a,,A,1,", "a1,a,,1,", "b,,,1,", "b1,b,,1,"]
    data = variants(rows, ["a1", "b1", "b", "a"], policies={"empty_text": "drop"})
    assert data.items.ids.tolist() == ["a"]
    assert data.events.item.tolist() == [0, 0]
    assert data.report.counts["events_dropped"] == {"item dropped": 2}


def test_a_catalogue_without_variants_says_so(variants):
    data = variants(["a,,A,1,", "b,,B,1,"], ["a", "b"])
    assert data.items.ids.tolist() == ["a", "b"]
    assert [str(note) for note in data.report.notes] == ["items, parent: no row is a variant"]


def test_events_of_what_no_row_has_are_unknown(variants):
    data = variants(["a,,A,1,", "a1,a,,1,"], ["a1", "zz"])
    assert found(data)["unknown_items"] == 1


def test_vectors_and_flags_are_those_of_the_product(shop):
    np.save(shop.folder / "v.npy", np.arange(8, dtype=np.float32).reshape(4, 2))
    shop.write("items.csv", "id,parent,new,sale\na1,a,1,0\na,,0,0\nb,,0,1\nb1,b,0,0\n")
    shop.write("events.csv", "user,item,when\nu,a1,2020-01-01\nv,b,2020-01-01\n")
    shop.mapping["items"]["parent"] = "parent"
    shop.features(
        vector={"kind": "vector", "path": "v.npy"},
        tags={"kind": "tags", "columns": ["new", "sale"]},
    )
    data = shop.load()
    assert data.items.ids.tolist() == ["a", "b"]
    assert data.items.features["vector"].values.tolist() == [[2, 3], [4, 5]]
    assert tags(data) == [["new"], ["sale"]]


def test_pictures_named_after_variants_are_those_of_the_product(variants):
    folder = variants.shop.folder
    for name in ("étui", "étui-2", "hut-1"):
        Image.new("RGB", (4, 4)).save(folder / f"{name}.png")
    variants.shop.features(photo={"kind": "image", "paths": ["{id}.png", "{parent}.png"]})
    rows = ["étui-2,étui,,,", "étui,,,,", "hut-1,hut,,,", "hut,,,,", "none,,,,"]
    data = variants(rows, ["étui-2", "hut-1", "none"])
    names = [[path.name for path in paths] for paths in data.items.features["photo"].paths]
    assert names == [["étui.png", "étui-2.png"], ["hut-1.png"], []]
    assert found(data) == {"missing_images": 1}


def test_lists_of_parquet_are_joined(variants, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    variants(["a,,A,1,x", "a1,a,,2,y"], ["a1"])
    cells = {
        "id": [1, 2],
        "parent": [None, 1.0],
        "title": [None, "A"],
        "price": [float("nan"), 2.0],
        "tags": [["x"], ["y", "x"]],
    }
    pq.write_table(pa.table(cells), tmp_path / "items.parquet")
    variants.shop.mapping["items"]["table"] = "items.parquet"
    variants.shop.write("events.csv", "user,item,when\nu,2,2020-01-01\n")
    data = variants.shop.load()
    assert (data.items.ids.tolist(), tags(data)) == (["1"], [["x", "y"]])
    assert data.items.features["price"].values.tolist() == [2]
    assert data.items.features["title"].values.tolist() == ["A"]


def test_a_shop_with_parents_goes_through_its_mapping(variants):
    data = variants(["a,,A,1,", "a1,a,,1,"], ["a1"])
    assert load(data.shop.to_dict()).items.ids.tolist() == ["a"]
    items = {"table": "a.csv", "id": "ID", "parent": {"column": "Parent", "by": ["SKU"]}}
    made = Shop.from_dict({"items": items})
    assert made.to_dict()["items"] == items
    variants.shop.mapping["items"]["parent"] = "parnt"
    with pytest.raises(ShopFileError, match=r"no column 'parnt'; did you mean 'parent'"):
        variants.shop.load()


@pytest.mark.parametrize(
    ("items", "told"),
    [
        ({"parent": "p", "id": "i"}, "`parent` is a column of a table"),
        ({"table": "t", "id": "i", "parent": 3}, "must be a column's name or a mapping"),
        ({"table": "t", "id": "i", "parent": {"by": "x"}}, "`items.parent.column` is missing"),
    ],
)
def test_parents_that_cannot_be_used_say_why(items, told):
    events = {"table": "e.csv", "user": "u", "item": "i"}
    with pytest.raises(ShopFileError, match=told):
        Shop.from_dict({"events": events, "items": items})


def test_users_have_no_parents():
    events = {"table": "e.csv", "user": "u", "item": "i"}
    users = {"table": "u.csv", "id": "u", "parent": "p"}
    with pytest.raises(ShopFileError, match=r"unknown key `users.parent`"):
        Shop.from_dict({"events": events, "users": users})


def test_families_of_random_forests_are_those_of_a_walk():
    rng = np.random.default_rng(3)
    for _ in range(50):
        n = int(rng.integers(2, 30))
        ids = np.array([f"i{k}" for k in range(n)], object)
        up = rng.integers(-n, n, n)
        parents = np.array([f"i{k}" if k >= 0 else "" for k in up], object)
        families = find_families(ids, parents, np.ones(n, bool), [("id", ids)])
        for row in range(n):
            walked = [row]
            while up[walked[-1]] >= 0 and up[walked[-1]] not in walked:
                walked.append(int(up[walked[-1]]))
            last = walked[-1]
            circle = walked[walked.index(up[last]) :] if up[last] >= 0 else [last]
            assert families.ids[families.product[row]] == f"i{min(circle)}"
