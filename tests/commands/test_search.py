"""`tfmm catalog`, `tfmm search` and `tfmm evaluate`, on folders and on addresses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.serving.search_exports import TERMS, TITLES, save_searcher
from tfmm.commands import main as cli
from tfmm.data import Catalog, SearchCatalog
from tfmm.data.columns import CategoryColumn, TextColumn
from tfmm.data.search_catalog import CATALOG_FILE
from tfmm.serving import Server
from tfmm.serving.server.open_model import OpenModelError, open_model

SPEECH = Path(__file__).parents[1] / "serving" / "ask" / "voice" / "green_wool_hat.wav"


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    """A folder of models with one, `shop`, whose version holds its search catalogue."""
    pytest.importorskip("bm25s", reason="needs tfmm[search]")
    folder = tmp_path_factory.mktemp("models")
    save_searcher(folder / "shop" / "1")
    names = np.array([term.partition("=")[2] for term in TERMS], object)
    vocabulary, codes = np.unique(names, return_inverse=True)
    features = {
        "title": TextColumn(np.array(list(TITLES.values()), object)),
        "colour": CategoryColumn(codes.astype(np.int32), vocabulary),
    }
    catalog = SearchCatalog.from_shop(Catalog(np.array(list(TITLES), object), features))
    catalog.save(folder / "shop" / "1" / CATALOG_FILE)
    return folder


@pytest.fixture(scope="module")
def address(models) -> str:
    with Server(models, grpc_port=0, rest_port=0) as server:
        yield server.grpc_address


def test_a_folder_is_served_and_its_catalogue_found(models, capsys):
    for folder in (models, models / "shop", models / "shop" / "1"):
        assert cli.main(["search", str(folder), "--text", "green shoe", "--k", "2"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[1].split() == ["1", "g1", "1.0000", "green", "shoe"]
        assert len(lines) == 4
        assert lines[3] == "colour of 4 hits: red 2, blue 1, green 1"


def test_an_address_is_asked_with_words_and_pictures(address, tmp_path, capsys):
    Image.new("RGB", (8, 8), "blue").save(tmp_path / "blue.png")
    assert cli.main(["search", f"{address}/shop", "--image", str(tmp_path / "blue.png")]) == 0
    assert "b1" in capsys.readouterr().out.splitlines()[1]
    command = ["search", address, "--model", "shop", "--text", "hat"]
    assert cli.main([*command, "--image", str(tmp_path / "blue.png")]) == 0
    assert "b2" in capsys.readouterr().out.splitlines()[1]
    assert cli.main([*command, "--allow", "colour=red"]) == 0
    assert "r2" in capsys.readouterr().out.splitlines()[1]


def test_speech_is_asked_as_its_words(models, address, shop_file, tmp_path, capsys):
    pytest.importorskip("pocketsphinx", reason="needs tfmm[voice]")
    voice, out = tmp_path / "voice", tmp_path / "catalog.parquet"
    assert cli.main(["catalog", str(shop_file), "--out", str(out), "--voice", str(voice)]) == 0
    said = capsys.readouterr().out
    assert f"wrote {out}: 60 items" in said
    assert f"wrote {voice}: a recogniser of" in said
    command = ["search", f"{address}/shop", "--audio", str(SPEECH), "--voice", str(voice)]
    assert cli.main([*command, "--catalog", str(models / "shop" / "1" / CATALOG_FILE)]) == 0
    said = capsys.readouterr().out
    assert "heard: green" in said
    assert "hat" in said


def test_a_page_shows_the_hits_as_pictures(shop_file, address, tmp_path, capsys):
    Image.new("RGB", (8, 8), "red").save(tmp_path / "red.png")
    command = ["search", f"{address}/shop", "--image", str(tmp_path / "red.png")]
    page = tmp_path / "new" / "out.html"
    assert cli.main([*command, "--shop", str(shop_file), "--page", str(page)]) == 0
    assert "out.html" in capsys.readouterr().out
    html = page.read_text(encoding="utf-8")
    assert html.count("<figure>") == 5  # the picture asked for and four hits
    assert html.count("data:image/png;base64,") == 1  # this shop does not know the model's items
    assert "r1" in html


def test_queries_are_measured_beside_the_hybrid(models, tmp_path, capsys):
    queries, out = tmp_path / "queries.json", tmp_path / "numbers.json"
    # The model cannot know a part of 帽子; keywords can.
    queries.write_text(json.dumps({"帽": ["b2"], "green shoe": {"g1": 2, "r1": 1}}))
    command = ["evaluate", str(models / "shop"), str(queries), "--json", str(out)]
    assert cli.main([*command, "--tune"]) == 0
    said = capsys.readouterr().out
    numbers = json.loads(out.read_text())
    assert 0 < numbers["weight"] < 1
    assert f"2 queries; weight of the keywords {numbers['weight']:g}, the best here" in said
    assert numbers["keywords"]["recall@1"] > numbers["model"]["recall@1"] == 0.25
    assert numbers["hybrid"]["recall@5"] == numbers["hybrid"]["mrr"] == 1.0
    assert cli.main([*command, "--weight", "0"]) == 0
    assert json.loads(out.read_text())["weight"] == 0


def test_a_run_is_exported_before_it_is_asked(models, tmp_path, monkeypatch):
    from shutil import copytree

    (tmp_path / "config.yaml").write_text("name: shop\n")
    exported = []

    def export_model(run, out):
        exported.append(run)
        return copytree(models / "shop" / "1", out / "mine" / "1")

    monkeypatch.setattr("tfmm.export.export_model", export_model)
    with open_model(str(tmp_path)) as client:
        assert client.search(text="coat").item_id[0] == "b1"
    assert exported == [tmp_path]


def test_queries_about_other_items_are_refused(models, tmp_path, capsys):
    (tmp_path / "queries.json").write_text('{"hat": ["sku-1"]}')
    assert cli.main(["evaluate", str(models), str(tmp_path / "queries.json")]) == 1
    assert "the catalogue has none of its relevant ids, such as 'sku-1'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["search", "a:1/m"], "expected a query"),
        (["search", "a:1/m", "--text", "x", "--audio", "y.wav"], "give --voice too"),
        (["search", "a:1/m", "--text", "x", "--voice", "v"], "give --audio too"),
        (["evaluate", "a:1/m", "QUERIES", "--tune"], "give the catalogue"),
    ],
)
def test_wrong_usage_says_what_is_missing(arguments, words, tmp_path, capsys):
    (tmp_path / "q.json").write_text('{"hat": ["a"]}')
    with pytest.raises(SystemExit) as end:
        cli.main([str(tmp_path / "q.json") if part == "QUERIES" else part for part in arguments])
    assert end.value.code == 2
    assert words in capsys.readouterr().err


def test_what_names_no_model_says_what_would(models, tmp_path, capsys):
    assert cli.main(["search", "nowhere", "--text", "x"]) == 1
    assert "expected host:port/MODEL" in capsys.readouterr().err
    with pytest.raises(OpenModelError, match="holds no model"), open_model(str(tmp_path)):
        pass
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1").symlink_to(models / "shop" / "1")
    with (
        pytest.raises(OpenModelError, match="holds the models one, two"),
        open_model(str(tmp_path)),
    ):
        pass
    with open_model(str(tmp_path), "two") as client:
        assert client.search(text="coat").item_id[0] == "b1"
    assert cli.main(["search", "127.0.0.1:9/shop", "--text", "x"]) == 1
    assert "UNAVAILABLE" in capsys.readouterr().err
