from pathlib import Path

import pytest

from tfmm.data.shop_file.schema import Shop
from tfmm.data.shop_file.specs import KINDS, FeatureSpec, ShopFileError

EVENTS = {"table": "events.csv", "user": "user", "item": "item"}


def shop(**parts):
    return Shop.from_dict({"events": EVENTS, **parts}, "/shop")


def with_feature(**feature):
    return shop(items={"table": "items.csv", "id": "id", "features": {"it": feature}})


def test_file_reads_with_root_at_its_own_folder(tmp_path):
    file = tmp_path / "shop.yaml"
    file.write_text("events: {table: e.csv, user: u, item: i}\n")
    read = Shop.from_file(file)
    assert (read.file, read.root, read.items, read.users) == (file, tmp_path, None, None)


def test_relative_root_is_relative_to_the_file(tmp_path):
    file = tmp_path / "shop.yaml"
    file.write_text("root: ../tables\nevents: {table: e.csv, user: u, item: i}\n")
    assert Shop.from_file(file).root == tmp_path.parent / "tables"


def test_root_expands_environment_variables(monkeypatch):
    monkeypatch.setenv("TFMM_DATA", "/data")
    assert shop(root="${TFMM_DATA}/hm").root == Path("/data/hm")


def test_relative_variable_is_relative_to_the_working_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFMM_DATA", "../data")
    assert shop(root="${TFMM_DATA}/hm").root == tmp_path.parent / "data" / "hm"


def test_the_package_knows_no_folder_for_a_variable_that_is_not_set(monkeypatch):
    monkeypatch.delenv("TFMM_DATA", raising=False)
    with pytest.raises(ShopFileError, match=r"variable TFMM_DATA of .* is not set"):
        shop(root="${TFMM_DATA}/hm")


def test_other_unset_variable_is_named(monkeypatch):
    monkeypatch.delenv("NO_SUCH_FOLDER", raising=False)
    with pytest.raises(ShopFileError, match=r"`root`: .*NO_SUCH_FOLDER .*is not set"):
        shop(root="${NO_SUCH_FOLDER}/hm")


def test_every_kind_is_read_with_its_defaults():
    features = {
        "words": {"kind": "text", "columns": ["title", "body"]},
        "photo": {"kind": "image", "path": "images/{id}.jpg"},
        "song": {"kind": "audio", "path": "songs/{id}.wav"},
        "clip": {"kind": "video", "path": "clips/{id}.mp4"},
        "colour": {"kind": "category", "column": "colour"},
        "labels": {"kind": "tags", "column": "labels"},
        "price": {"kind": "number", "column": "price"},
        "vibe": {"kind": "vector", "path": "vibe.npy"},
    }
    read = shop(items={"table": "items.csv", "id": "id", "features": features}).items
    assert read.features["words"] == FeatureSpec("words", "text", ("title", "body"), separator=" ")
    assert read.features["labels"].separator == "|"
    assert read.features["photo"].paths == ("images/{id}.jpg",)
    assert read.features["vibe"].rows == "table"
    assert set(read.columns("items")) == {"id", "title", "body", "colour", "labels", "price"}


def test_every_kind_has_a_form():
    with pytest.raises(ShopFileError) as refused:
        with_feature(column="a")
    assert str(refused.value).endswith(f"needs a `kind`: one of {', '.join(KINDS)}.")


def test_shop_round_trips_through_its_mapping():
    given = shop(
        root="/shop",
        items={
            "table": "items.csv",
            "id": "id",
            "features": {
                "words": {"kind": "text", "column": "title", "separator": ". "},
                "photo": {"kind": "image", "paths": ["a/{id}.jpg", "b/{id}.png"]},
                "more": {"kind": "image", "column": "files", "separator": ";"},
                "songs": {"kind": "audio", "paths": ["{id}.wav", "{id}.mp3"]},
                "flags": {"kind": "tags", "columns": ["a", "b"]},
                "price": {"kind": "number", "column": "price"},
                "vibe": {"kind": "vector", "path": "vibe.npy", "rows": "id"},
            },
        },
        events={**EVENTS, "type": "type", "weights": {"view": 0.5, "buy": 1}},
        users={"table": "users.csv", "id": "id"},
        checks={"missing_images": "drop"},
    )
    assert Shop.from_dict(given.to_dict()) == given


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"evnts": EVENTS}, r"unknown key `evnts`; did you mean `events`\?"),
        ({"users": {"table": "a.csv", "id": "a"}}, "needs its table of events .* or both"),
        ({"items": {"id": "a"}}, "`items`: `table` is missing; without a table of events"),
        (
            {"events": {**EVENTS, "usr": "u"}},
            r"unknown key `events.usr`; did you mean `events.user`\?",
        ),
        ({"events": {"table": "e.csv", "user": "u"}}, "the key `events.item` is missing"),
        ({"events": {**EVENTS, "user": "item"}}, "same column 'item'"),
        ({"events": {**EVENTS, "user": 3}}, "`events.user` must be string, got 3"),
        (
            {"events": {**EVENTS, "threshold": 4}},
            "`events`: `threshold` has no meaning without `rating`",
        ),
        ({"events": {**EVENTS, "type": "t"}}, "`type` has no meaning without `weights`"),
        ({"events": {**EVENTS, "weights": {"a": 1}}}, "`weights` has no meaning without `type`"),
        (
            {"events": {**EVENTS, "type": "t", "weights": {"a": -1}}},
            "`events.weights.a` must be 0 or more, got -1",
        ),
        (
            {"events": {**EVENTS, "type": "t", "weights": {"a": "x"}}},
            "`events.weights.a` must be number, got 'x'",
        ),
        ({"events": {**EVENTS, "type": "t", "weights": {"a": 0}}}, "no type a weight above 0"),
        (
            {"events": {**EVENTS, "type": "t", "weights": {"a": 1}, "rating": "r"}},
            "not both",
        ),
        (
            {"events": {**EVENTS, "time": None}},
            "`events.time`: must be a column's name or a mapping .* got nothing",
        ),
        ({"events": {**EVENTS, 3: "x"}}, "`events`: keys are words, got 3"),
        (
            {"events": {**EVENTS, "rating": "r", "threshold": float("nan")}},
            "`events.threshold` must be a finite number, got nan",
        ),
        (
            {"events": {**EVENTS, "type": "t", "weights": {"a": True}}},
            "`events.weights.a` must be number, got True",
        ),
        ({"events": EVENTS, "items": {"table": "a.csv"}}, "`items`: `id` is missing"),
        ({"events": EVENTS, "items": ["a"]}, "`items` must be a mapping, got"),
        ({"events": EVENTS, "checks": {"missing_image": "drop"}}, "did you mean 'missing_images'"),
        (
            {"events": EVENTS, "checks": {"unknown_items": "mask"}},
            "'unknown_items' cannot be set to 'mask'; it takes drop, raise",
        ),
    ],
)
def test_mistake_in_the_shop_names_key_and_remedy(mapping, message):
    with pytest.raises(ShopFileError, match=message):
        Shop.from_dict(mapping)


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        ({"column": "a"}, "`items.features.it` needs a `kind`: one of text, image"),
        ({"kind": "txt", "column": "a"}, r"it.kind` must .* got 'txt'; did you mean `text`\?"),
        (
            {"kind": "sound", "path": "{id}.wav"},
            "`items.features.it.kind` must be `text`, `image`, `audio`, .* got 'sound'",
        ),
        (
            {"kind": "audio", "rows": "id"},
            "unknown key `items.features.it.rows`. Known here: column, kind, path, paths",
        ),
        ({"kind": "audio", "path": "one.wav"}, "'one.wav' would be one audio file for every row"),
        ({"kind": "text", "colum": "a"}, r"unknown key `.*it.colum`; did you mean `.*it.column`\?"),
        ({"kind": "text"}, "takes one of column, columns; got none"),
        ({"kind": "text", "column": "a", "columns": ["b"]}, "got column and columns"),
        (
            {"kind": "text", "columns": []},
            r"it.columns` must be a list of strings, not empty, got \[\]",
        ),
        ({"kind": "text", "columns": ["a", "a"]}, "lists 'a' more than once"),
        ({"kind": "text", "columns": ["a", 3]}, r"it.columns\[1\]` must be string, got 3"),
        ({"kind": "number"}, "the key `items.features.it.column` is missing"),
        ({"kind": ["text"], "column": "a"}, r"it.kind` must be .* got \['text'\]"),
        ({"kind": "image", "path": "one.jpg"}, "one image file for every row"),
        ({"kind": "image", "path": "{}.jpg"}, "not a template"),
        ({"kind": "image", "path": "{id.jpg"}, "not a template"),
        (
            {"kind": "tags", "column": "a", "separator": ""},
            "it.separator` must be string, not empty, got ''",
        ),
        (
            {"kind": "vector", "path": "a.npy", "rows": "x"},
            "it.rows` must be `table` or `id`, got 'x'",
        ),
    ],
)
def test_mistake_in_a_feature_names_key_and_remedy(feature, message):
    with pytest.raises(ShopFileError, match=message):
        with_feature(**feature)


def test_every_mistake_is_told_in_a_line_of_its_own():
    features = {"a": 3, "b": {"kind": "text", "column": "a", "separater": ","}}
    items = {"tabel": "items.csv", "id": "id", "features": features}
    with pytest.raises(ShopFileError) as refused:
        Shop.from_dict({"events": {**EVENTS, "user": 3}, "items": items}, "/shop")
    assert str(refused.value).splitlines() == [
        "the shop: `items.features.a` must be a mapping, got 3.",
        "the shop: unknown key `items.features.b.separater`; did you mean "
        "`items.features.b.separator`? Known here: column, columns, kind, separator.",
        "the shop: unknown key `items.tabel`; did you mean `items.table`? Known here: features, "
        "format, id, parent, table.",
        "the shop: `events.user` must be string, got 3.",
    ]


def test_event_types_are_words_however_yaml_reads_them(tmp_path):
    file = tmp_path / "shop.yaml"
    file.write_text("events: {table: e, user: u, item: i, type: t, weights: {2: 3, true: 1}}")
    assert Shop.from_file(file).events.weights == {"2": 3.0, "True": 1.0}


def test_feature_name_must_suit_a_filter_term():
    with pytest.raises(ShopFileError, match="'a=b' cannot name a feature"):
        shop(
            items={
                "table": "i.csv",
                "id": "id",
                "features": {"a=b": {"kind": "text", "column": "t"}},
            }
        )


def test_feature_name_is_a_word():
    with pytest.raises(ShopFileError, match=r"`items\.features`: keys are words, got 3"):
        shop(items={"features": {3: {"kind": "image", "path": "{item}.jpg"}}})


def test_rows_of_a_table_need_one():
    with pytest.raises(ShopFileError, match=r"`features\.v\.rows` is `table` .* there is no table"):
        shop(items={"features": {"v": {"kind": "vector", "path": "v.npy", "rows": "table"}}})


def test_column_without_a_table_is_refused():
    with pytest.raises(ShopFileError, match="needs a table to read 'title' from"):
        shop(items={"id": "id", "features": {"t": {"kind": "text", "column": "title"}}})


def test_broken_files_are_named(tmp_path):
    file = tmp_path / "shop.yaml"
    with pytest.raises(ShopFileError, match=r"shop\.yaml: there is no such file"):
        Shop.from_file(file)
    file.write_text("events: {table: [")
    with pytest.raises(ShopFileError, match=r"shop\.yaml is not valid YAML"):
        Shop.from_file(file)
    file.write_text("events: {table: a, table: b}")
    with pytest.raises(ShopFileError, match="the key 'table' is given twice"):
        Shop.from_file(file)
    file.write_text("")
    with pytest.raises(ShopFileError, match="expected a mapping of keys to values, got nothing"):
        Shop.from_file(file)
    file.write_text("evnts: {}")
    with pytest.raises(ShopFileError, match=rf"{file}: unknown key `evnts`"):
        Shop.from_file(file)
