"""JSON schema takes the files that tfmm takes, and refuses wrong keys as it does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tfmm import sample_shop
from tfmm.commands import main as cli
from tfmm.commands.demo.job import RUN
from tfmm.data import Shop, ShopFileError
from tfmm.encoders import registry
from tfmm.encoders.configured import config_names
from tfmm.layers import fusion
from tfmm.tasks import registry as tasks
from tfmm.training import RunConfig, RunFileError

ROOT = Path(__file__).parents[2]
FILES = [
    *(file for file in sorted((ROOT / "examples").rglob("*.yaml")) if file.name != "space.yaml"),
    sample_shop.path(),
]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
EVENTS = {"table": "events.csv", "user": "user", "item": "item"}


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert cli.main(["schema", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def schema(capsys):
    return lambda *arguments: printed(capsys, *arguments)


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> dict[str, Any]:
    """The schemas of both files, as `--out` writes them."""
    folder = tmp_path_factory.mktemp("schemas")
    for which in ("shop", "run"):
        assert cli.main(["schema", which, "--out", str(folder / f"{which}.json")]) == 0
    return {file.stem: json.loads(file.read_text("utf-8")) for file in folder.iterdir()}


def problems(schema: dict[str, Any], value: Any) -> list[str]:
    """What a schema has against the value of a YAML file, whose keys JSON makes words."""
    jsonschema.Draft202012Validator.check_schema(schema)
    found = jsonschema.Draft202012Validator(schema).iter_errors(json.loads(json.dumps(value)))
    return [f"{list(error.absolute_path)}: {error.message}" for error in found]


def takes(written: dict[str, Any], value: dict[str, Any]) -> tuple[bool, bool]:
    """Whether tfmm takes a file, and whether its schema does."""
    run = "shop" in value
    try:
        RunConfig.from_dict(value) if run else Shop.from_dict(value)
    except (RunFileError, ShopFileError):
        return False, not problems(written["run" if run else "shop"], value)
    return True, not problems(written["run" if run else "shop"], value)


def is_of(value: Any) -> str | None:
    """Which file a YAML value is; None for a part of one, or another."""
    keys = set(value) if isinstance(value, dict) else set()
    if "shop" in keys:
        return "run"
    names = ("items", "events", "reviews", "queries")
    tables = [value[key] for key in names if key in keys]
    return "shop" if any(isinstance(one, dict) and "table" in one for one in tables) else None


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(Path(*file.parts[-2:])))
def test_files_that_come_with_the_package_fit(file, written, monkeypatch):
    monkeypatch.setenv("TFMM_DATA", "/data")
    monkeypatch.setenv("GOWALLA", "/data")
    monkeypatch.setenv("AMAZON_SEQ", "/data")
    monkeypatch.setenv("CARPARTS", "/data")
    monkeypatch.setenv("TFMM_QUERIES", "/data")
    value = yaml.safe_load(file.read_text("utf-8"))
    assert is_of(value) == ("shop" if file.name == "shop.yaml" else "run")
    assert takes(written, value) == (True, True)


def test_files_that_the_documentation_shows_fit(written):
    found = []
    for page in PAGES:
        for block in re.findall(r"```yaml\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
            value = yaml.safe_load(block)
            which = is_of(value)
            if which is not None:
                assert problems(written[which], value) == [], (page.name, block)
                found.append(which)
    assert {"run", "shop"} <= set(found)


def test_a_shop_of_every_kind_and_the_demo_s_run_fit(shop_file, written):
    assert problems(written["shop"], yaml.safe_load(shop_file.read_text("utf-8"))) == []
    assert takes(written, {**RUN, "shop": str(shop_file)}) == (True, True)


@pytest.mark.parametrize("arguments", [(), ("run",), ("shop",), ("run", "--task", "search")])
def test_what_is_printed_is_a_schema_of_draft_2020_12(arguments, schema):
    made = schema(*arguments)
    assert made["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(made)
    assert made["description"]


@pytest.mark.parametrize(
    "value",
    [
        {"items": {"table": "i.csv", "id": "i"}, "checks": {"missing_images": "drop"}},
        {"events": {**EVENTS, "type": "t", "weights": {1: 2, "buy": 0.5}}},
        {"events": {**EVENTS, "rating": "r", "threshold": 4}},
        {"events": {**EVENTS, "price": "p", "labels": {"geklickt": "click"}}},
        {"events": {**EVENTS, "context": {"d": {"kind": "category", "column": "device"}}}},
        {"events": EVENTS, "items": {"features": {"v": {"kind": "vector", "path": "v.npy"}}}},
        {"events": EVENTS, "items": {"features": {"名称": {"kind": "image", "path": "{i}.jpg"}}}},
        {"shop": "s"},
        {"shop": {"events": EVENTS}},
        {"shop": "s", "task": "retrieval", "graph": None, "blend": {"lam": 100}},
        {"shop": "s", "train": {"learning_rate": 1}, "split": {"valid": "2024-01-01"}},
        {"shop": "s", "items": {"encoders": {"t": "bag", "p": {"name": "cnn", "augment": 1}}}},
        {"shop": "s", "items": {"encoders": {"t": {"max_tokens": 9}}, "fusion": {"name": "late"}}},
        {"shop": "s", "items": {"encoders": None}, "users": {"features": {"age": "piecewise"}}},
        {"shop": "s", "search": {"queries": {"t": ["bag", {"name": "lstm", "units": 8}]}}},
        {"shop": "s", "task": "search", "search": {"heads": 2}},
        {"shop": "s", "task": "classification", "label": {"feature": ["coarse", "fine"]}},
    ],
)
def test_what_tfmm_takes_fits(value, written):
    assert takes(written, value) == (True, True)


@pytest.mark.parametrize(
    "value",
    [
        {"users": {"table": "u", "id": "u"}},
        {"events": EVENTS, "evnts": {}},
        {"events": {**EVENTS, "usr": "u"}},
        {"events": {"table": "e", "user": "u"}},
        {"events": {**EVENTS, "time": None}},
        {"events": {**EVENTS, "threshold": 4}},
        {"events": {**EVENTS, "type": "t"}},
        {"events": {**EVENTS, "type": "t", "weights": {"a": -1}}},
        {"events": {**EVENTS, "labels": {"a b": "click"}}},
        {"events": {**EVENTS, "labels": {"click": 3}}},
        {"events": {**EVENTS, "context": {"d": {"kind": "colour", "column": "n"}}}},
        {"events": EVENTS, "items": {"table": "i.csv"}},
        {"events": EVENTS, "checks": {"missing_image": "drop"}},
        {"events": EVENTS, "checks": {"unknown_items": "mask"}},
        *(
            {"items": {"table": "i.csv", "id": "i", "features": {name: feature}}}
            for name, feature in [
                ("it", {"column": "a"}),
                ("it", {"kind": "txt", "column": "a"}),
                ("it", {"kind": "text"}),
                ("it", {"kind": "text", "columns": []}),
                ("it", {"kind": "text", "columns": ["a", "a"]}),
                ("it", {"kind": "text", "column": "a", "columns": ["b"]}),
                ("it", {"kind": "audio", "rows": "id"}),
                ("it", {"kind": "image", "path": "one.jpg"}),
                ("it", {"kind": "number", "column": "a", "separator": ","}),
                ("it", {"kind": "vector", "path": "a.npy", "rows": "x"}),
                ("a=b", {"kind": "text", "column": "a"}),
            ]
        ),
        {"shop": 3, "trian": {}},
        {"shop": "s", "task": "retreival"},
        {"shop": "s", "train": {"epoch": 3}},
        {"shop": "s", "train": {"epochs": "3"}},
        {"shop": "s", "train": 3},
        {"shop": "s", "items": {"encoders": ["lstm"]}},
        {"shop": "s", "evaluate": {"k": [5, "x"]}},
        {"shop": "s", "label": {"feature": "kind"}},
        {"shop": "s", "task": "search", "users": {}},
        {"shop": "s", "task": "classification"},
        {"shop": "s", "task": "classification", "label": {"feature": 3}},
    ],
)
def test_what_tfmm_refuses_does_not_fit(value, written):
    assert takes(written, value) == (False, False)


@pytest.mark.parametrize(
    "items",
    [
        {"encoders": {"t": "bga"}},
        {"encoders": {"t": {"name": "bag", "units": 8}}},
        {"encoders": {"t": {"name": "bag", "dim": 8}}},
        {"encoders": {"t": {"name": "bag", "max_tokens": "9"}}},
        {"fusion": "gate"},
        {"fusion": {"name": "gated", "hidden_size": 8}},
        {"fusion": {"hidden": 8}},
    ],
)
def test_mistakes_that_training_would_find_do_not_fit(items, written):
    assert problems(written["run"], {"shop": "s", "items": items})


def test_every_encoder_and_fusion_fits_with_each_of_its_keys(written):
    made = {"encoders": {}, "fusion": "gated"}
    for kind in registry.kinds():
        for name in registry.names(kind):
            config = registry.encoder(kind, name).get_config()
            keys = set(config_names(registry.encoder_class(kind, name))) - {"dim"}
            made["encoders"][f"{kind}_{name}"] = {"name": name, **{k: config[k] for k in keys}}
    assert problems(written["run"], {"shop": "s", "items": made}) == []
    for name in fusion.names():
        config = fusion.fusion(name).get_config()
        keys = set(config_names(type(fusion.fusion(name)))) - {"dim"}
        made["fusion"] = {"name": name, **{key: config[key] for key in keys}}
        assert problems(written["run"], {"shop": "s", "items": made}) == []


def test_a_schema_of_one_task_is_of_that_alone(schema):
    assert set(tasks.names()) >= {"retrieval", "search", "classification"}
    label = {"label": {"feature": "kind"}}
    of = {name: schema("run", "--task", name) for name in ("retrieval", "classification")}
    assert problems(of["retrieval"], {"shop": "s"}) == []
    assert problems(of["retrieval"], {"shop": "s", "task": "search"})
    assert problems(of["classification"], {"shop": "s", "task": "classification", **label}) == []
    # Such a file would be one of retrieval.
    assert problems(of["classification"], {"shop": "s", **label})


def test_keys_are_explained_in_the_words_of_the_source(written):
    train = written["run"]["$defs"]["Run_search"]["properties"]["train"]["$ref"]
    keys = written["run"]["$defs"][train.rpartition("/")[2]]["properties"]
    assert keys["optimizer"] == {
        "type": "string",
        "default": "lazy_adam",
        "description": "`lazy_adam`, `adagrad` or `adam` (dense: its step grows with the number of "
        "ids).",
    }
    bag = written["run"]["$defs"]["Encoder_bag"]
    assert bag["description"].startswith("The mean of a text's word embeddings")
    assert bag["properties"]["max_tokens"]["default"] == 48
    assert "past this many" in bag["properties"]["max_tokens"]["description"]


def test_wrong_usage_is_refused(capsys):
    with pytest.raises(SystemExit):
        cli.main(["schema", "shop", "--task", "search"])
    assert "a shop file has no task" in capsys.readouterr().err
    assert cli.main(["schema", "--task", "serch"]) == 1
    said = capsys.readouterr()
    assert (said.out, "Did you mean 'search'?" in said.err) == ("", True)


def test_the_file_written_is_what_is_printed(schema, tmp_path, capsys):
    file = tmp_path / "new" / "shop.json"
    assert cli.main(["schema", "shop", "--out", str(file)]) == 0
    assert capsys.readouterr().out == f"wrote {file}\n"
    assert json.loads(file.read_text("utf-8")) == schema("shop")
