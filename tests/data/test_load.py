import json

import numpy as np
import pandas as pd
import pytest

from tfmm.data import Shop, ShopFileError, load


def test_loaded_shop_holds_catalogues_and_events(shop):
    data = shop.load()
    assert data.items.ids.tolist() == ["001", "002"]
    assert data.users.ids.tolist() == ["u1", "u2"]
    assert set(data.items.features) == {"title", "colour", "price", "tags"}
    assert data.users.features == {}
    assert data.events.user.tolist() == [0, 1, 0]
    assert data.events.item.tolist() == [0, 1, 1]
    assert data.events.weight.tolist() == [1, 1, 1]
    assert np.diff(data.events.time).tolist() == [86_400_000_000] * 2
    dtypes = [data.events.user, data.events.item, data.events.time, data.events.weight]
    assert [d.dtype for d in dtypes] == [np.int32, np.int32, np.int64, np.float32]
    assert data.report.findings == []


def test_shop_loads_from_file_spec_and_mapping_alike(shop):
    whole = shop.load()
    spec = Shop.from_file(shop.folder / "shop.yaml")
    for given in (str(shop.folder / "shop.yaml"), spec, spec.to_dict()):
        assert load(given).items.ids.tolist() == whole.items.ids.tolist()


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_tables_of_other_formats_load_the_same(shop, form):
    expected = shop.load()
    for name in ("items", "events"):
        frame = pd.read_csv(shop.folder / f"{name}.csv", dtype={"id": str, "item": str})
        if name == "items":
            frame["tags"] = frame["tags"].str.split("|")
        path = shop.folder / f"{name}.{form}"
        if form == "jsonl":
            frame.to_json(path, orient="records", lines=True)
        else:
            frame.to_parquet(path)
        shop.mapping[name]["table"] = path.name
    data = shop.load()
    assert data.items.ids.tolist() == expected.items.ids.tolist()
    assert data.events.time.tolist() == expected.events.time.tolist()
    for name, column in expected.items.features.items():
        for field, values in vars(column).items():
            assert getattr(data.items.features[name], field).tolist() == values.tolist()


def test_integer_ids_match_between_formats(shop):
    pd.DataFrame({"id": pd.array([1.0, 2.0, None]), "title": ["a", "b", "c"]}).to_parquet(
        shop.folder / "items.parquet"
    )
    shop.mapping["items"]["table"] = "items.parquet"
    shop.features(title={"kind": "text", "column": "title"})
    shop.write("events.csv", "user,item,when\n7,1,2020-01-01\n8,2,2020-01-01\n")
    data = shop.load()
    assert data.items.ids.tolist() == ["1", "2"]
    assert len(data.events) == 2
    assert data.report.found("bad_ids") == 1


def test_without_an_items_table_items_are_those_seen(shop):
    del shop.mapping["items"]
    shop.write("events.csv", "user,item,when\nb,9,2020-01-02\na,8,2020-01-01\nb,8,2020-01-03\n")
    data = shop.load()
    assert data.items.ids.tolist() == ["9", "8"]
    assert data.users.ids.tolist() == ["b", "a"]
    assert data.events.item.tolist() == [0, 1, 1]


def test_users_table_gives_users_their_features_and_order(shop):
    shop.write("users.csv", "id,age\nu0,1\nu2,30\nu1,20\n")
    shop.mapping["users"] = {
        "table": "users.csv",
        "id": "id",
        "features": {"age": {"kind": "number", "column": "age"}},
    }
    data = shop.load()
    assert data.users.ids.tolist() == ["u0", "u2", "u1"]
    assert data.users.features["age"].values.tolist() == [1, 30, 20]
    assert data.events.user.tolist() == [2, 1, 2]
    assert data.report.counts["users_without_events"] == 1


def test_users_left_without_events_by_a_check_are_not_users(shop):
    shop.write("events.csv", "user,item,when\ngone,404,2020-01-01\nu1,001,2020-01-02\n")
    assert shop.load().users.ids.tolist() == ["u1"]


def test_event_types_become_weights_and_zero_leaves_out(shop):
    shop.write("events.csv", "user,item,kind\na,001,view\na,002,buy\nb,001,seen\nb,002,cart\n")
    del shop.mapping["events"]["time"]
    weights = {"view": 0.2, "cart": 0.5, "buy": 1, "seen": 0}
    shop.mapping["events"].update(type="kind", weights=weights)
    data = shop.load()
    assert data.events.weight.tolist() == pytest.approx([0.2, 1, 0.5])
    assert data.events.time is None
    assert data.report.counts["events_dropped"] == {"weight 0": 1}


def test_event_type_without_weight_is_named(shop):
    shop.write("events.csv", "user,item,kind\na,001,view\na,002,veiw\n")
    del shop.mapping["events"]["time"]
    shop.mapping["events"].update(type="kind", weights={"view": 1})
    with pytest.raises(ShopFileError, match=r"type 'veiw' has no weight; did you mean 'view'"):
        shop.load()


def test_ratings_become_weights_above_a_threshold(shop):
    shop.write("events.csv", "user,item,stars\na,001,5\na,002,3\nb,001,4\nb,002,\n")
    del shop.mapping["events"]["time"]
    shop.mapping["events"]["rating"] = "stars"
    data = shop.load()
    assert data.events.weight.tolist() == [5, 3, 4]
    assert data.report.found("bad_ratings") == 1
    shop.mapping["events"]["threshold"] = 4
    data = shop.load()
    assert data.events.weight.tolist() == [5, 4]
    assert data.report.counts["events_dropped"] == {"below threshold": 1, "bad_ratings": 1}


def test_extra_columns_stay_aligned_with_surviving_events(shop):
    shop.write("events.csv", "user,item,fold,note\na,001,0,x\na,404,1,y\n,001,1,y\nb,002,2,z\n")
    del shop.mapping["events"]["time"]
    data = shop.load(extra_event_columns=("fold", "note", "item"))
    assert data.events.extra["fold"].tolist() == [0, 2]
    assert data.events.extra["fold"].dtype == np.int64
    assert data.events.extra["note"].tolist() == ["x", "z"]
    assert list(data.events.extra["item"]) == [1, 2]
    with pytest.raises(ShopFileError, match=r"extra_event_columns: .*no column 'folds'.*'fold'"):
        shop.load(extra_event_columns=("folds",))


def test_unknown_column_names_file_key_and_nearest(shop):
    shop.mapping["items"]["features"]["title"]["column"] = "titel"
    with pytest.raises(
        ShopFileError,
        match=r"shop\.yaml: items\.features\.title: items\.csv has no column 'titel'; .*'title'",
    ):
        shop.load()
    shop.mapping["items"]["features"]["title"] = {"kind": "image", "path": "{idd}.jpg"}
    with pytest.raises(ShopFileError, match=r"no column 'idd'; did you mean 'id'"):
        shop.load()


def test_missing_table_is_named(shop):
    shop.mapping["events"]["table"] = "clicks.csv"
    with pytest.raises(ShopFileError, match=r"there is no table .*clicks\.csv"):
        shop.load()


def test_empty_tables_are_refused(shop):
    shop.write("events.csv", "user,item,when\n")
    with pytest.raises(ShopFileError, match=r"events: the table events\.csv has no rows"):
        shop.load()


def test_no_event_left_says_what_took_them(shop):
    shop.write("events.csv", "user,item,when\na,404,2020-01-01\nb,405,2020-01-01\n")
    with pytest.raises(
        ShopFileError, match=r"no event .* is left .*unknown_items: 2.*'404'; row 2: '405'"
    ):
        shop.load()


def test_no_item_left_says_what_took_them(shop):
    shop.mapping["checks"] = {"nan_numbers": "drop"}
    shop.write("items.csv", "id,title,colour,price,tags\n001,a,b,,\n")
    with pytest.raises(ShopFileError, match="items: every row was dropped by a check; nan_numbers"):
        shop.load()


def test_item_dropped_by_a_check_takes_its_events_along(shop):
    shop.write("items.csv", "id,title,colour,price,tags\n001,a,b,,\n002,c,d,4,\n003,e,f,5,\n")
    data = shop.load(policies={"nan_numbers": "drop"})
    assert data.items.ids.tolist() == ["002", "003"]
    assert data.events.item.tolist() == [0, 0]
    assert data.report.counts["events_dropped"] == {"item dropped": 1}
    assert data.report.found("unknown_items") == 0


def test_report_prints_and_is_json(shop, capsys):
    shop.write("events.csv", "user,item,when\n[a],404,2020-01-01\n[b],001,2020-01-01\n")
    report = shop.load().report
    report.print()
    printed = capsys.readouterr().out
    assert "2 items, 1 users, 1 events" in printed
    assert "unknown_items" in printed
    read = json.loads(json.dumps(report.to_json()))
    assert read["counts"]["features"]["items"]["colour"] == {"kind": "category", "present": 2}
    assert read["counts"]["rows"] == {"items": 2, "events": 2}
    assert read["findings"] == [
        {
            "check": "unknown_items",
            "table": "events",
            "column": None,
            "count": 1,
            "policy": "drop",
            "examples": ["row 1: '404'"],
            "detail": "1 distinct ids; those of the items table look like '001'",
        }
    ]


def test_a_shop_may_have_items_alone(shop):
    del shop.mapping["events"]
    data = shop.load()
    assert data.items.ids.tolist() == ["001", "002"]
    assert (len(data.users), len(data.events)) == (0, 0)
    assert data.report.counts["items_without_events"] == 2
    data.report.print()
    assert load(Shop.from_dict(data.shop.to_dict())).items.ids.tolist() == ["001", "002"]
    with pytest.raises(ShopFileError, match="'part' of its events is asked for, but it has no"):
        shop.load(extra_event_columns=("part",))
