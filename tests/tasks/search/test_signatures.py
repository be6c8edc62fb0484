"""What an exported search answers: words, pictures, both; hostile texts; no shoppers, or some."""

from __future__ import annotations

import io
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import yaml
from PIL import Image

import tfmm
from tests.conftest import COLOURS, write_shop
from tests.media import tone, wav
from tfmm.data import load
from tfmm.data.media.images import thumbnail
from tfmm.encoders.image.pictures import read_pictures
from tfmm.export import check, check_stock, export_model, refresh_index
from tfmm.tasks.search.hubness import search_bias
from tfmm.tasks.search.signatures import Search, search_of
from tfmm.training import train

CHINESE = {"red": "红色", "green": "绿色", "blue": "蓝色"}
CHINESE |= {"shirt": "衬衫", "shoe": "鞋", "hat": "帽子", "coat": "外套"}


def searchable(folder: Path, *, events: bool) -> Path:
    """The tiny shop, half of it in Chinese, perhaps without its shoppers."""
    shop = write_shop(folder, items=72)
    table = pd.read_csv(folder / "items.csv", dtype=str, keep_default_na=False)
    for row in range(36, 72):
        table.loc[row, "title"] = CHINESE[table.colour[row]] + CHINESE[table.kind[row]]
    table.to_csv(folder / "items.csv", index=False)
    value = yaml.safe_load(shop.read_text())
    if not events:
        del value["events"]
    shop.write_text(yaml.safe_dump(value, allow_unicode=True))
    return shop


def searching(shop: Path, out: Path, **changes):
    photo = {"name": "classic", "size": [16, 16], "scales": True}
    config = {
        "name": "tiny",
        "shop": str(shop),
        "items": {"encoders": {"photo": photo}, "dim": 32},
        "search": {"queries": {"title": "subwords"}, "heads": 2, "batch_size": 16},
        "train": {"epochs": 8, "patience": 8, "batch_size": 64, "learning_rate": 0.02},
        "evaluate": {"baselines": ["popularity"], "k": [20]},
    }
    return train({**config, **changes}, out, say=lambda line: None)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("search")
    return searching(searchable(folder / "shop", events=False), folder / "run")


@pytest.fixture(scope="module")
def version(run, tmp_path_factory) -> Path:
    models = tmp_path_factory.mktemp("models")
    return export_model(run.path, models, k=5, exclude_size=3, allow_size=2)


@pytest.fixture(scope="module")
def served(version):
    return tf.saved_model.load(str(version))


def ask(served, signature, allow="", exclude="", **queries):
    n = len(next(iter(queries.values())))
    return served.signatures[signature](
        **{name: tf.constant(values) for name, values in queries.items()},
        exclude=tf.constant([[exclude, "", ""]] * n),
        allow=tf.constant([[allow, ""]] * n),
    )


def colours(answer) -> list[list[str]]:
    """The colours of the hits, which the tiny shop gives its items in turn."""
    found = [[int(item) for item in ids if item] for ids in answer["item_id"].numpy()]
    return [[list(COLOURS)[row % 3] for row in rows] for rows in found]


def picture(colour: str) -> bytes:
    noise = np.random.default_rng(7).normal(0, 12, (30, 30, 3)) + np.array(COLOURS[colour])
    file = io.BytesIO()
    Image.fromarray(noise.clip(0, 255).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def test_a_catalogue_without_shoppers_is_searched_and_nothing_else(served, version):
    assert set(served.signatures) == {
        "search_text", "search_image", "search_mixed", "similar_items", "embed_item"
    }  # fmt: skip
    (verdict,) = check_stock(version)
    assert verdict.ok


def test_words_and_pictures_find_their_colour(served):
    names = list(COLOURS)
    asked = [
        ask(served, "search_text", text=names),
        ask(served, "search_text", text=[CHINESE[name] + "鞋" for name in names]),
        ask(served, "search_image", image=[picture(name) for name in names]),
    ]
    for answer in asked:
        for name, found in zip(names, colours(answer), strict=True):
            assert found.count(name) >= 4


def test_words_and_a_picture_together(served):
    files = [picture("red"), b"", picture("red")]
    answer = ask(served, "search_mixed", text=["", "blue", "red shirt"], image=files)
    for name, found in zip(["red", "blue", "red"], colours(answer), strict=True):
        assert found.count(name) >= 4
    alone = ask(served, "search_text", text=["blue"])
    np.testing.assert_array_equal(answer["item_id"][1], alone["item_id"][0])


def test_searches_exclude_and_filter(served):
    best = ask(served, "search_text", text=["red hat"])["item_id"].numpy()[0]
    again = ask(served, "search_text", text=["red hat"], exclude=best[0], allow="kind=hat")
    found = [item.decode() for item in again["item_id"].numpy()[0] if item]
    assert best[0].decode() not in found
    assert {int(item) % 4 for item in found} == {2}


@pytest.mark.parametrize("text", ["", "   ", "👗👠", "?!", b"\xff\xfe\xfd", b"\x00\x01"])
def test_a_text_that_says_nothing_gets_padding(served, text):
    answer = ask(served, "search_text", text=[text, "red"])
    assert set(answer["item_id"].numpy()[0]) == {b""}
    assert b"" not in answer["item_id"].numpy()[1]


@pytest.mark.parametrize("text", ["red " * 2500, "x" * 10_000, b"\xff red \xfe", "red 👗", "rde"])
def test_odd_texts_are_answered(served, text):
    answer = ask(served, "search_text", text=[text])
    assert b"" not in answer["item_id"].numpy()
    assert np.isfinite(answer["score"]).all()


def test_bytes_that_are_no_picture_fail_and_none_gets_padding(served):
    with pytest.raises(tf.errors.InvalidArgumentError):
        ask(served, "search_image", image=[b"no picture"])
    assert set(ask(served, "search_image", image=[b""])["item_id"].numpy()[0]) == {b""}


def test_it_loads_without_tfmm(version):
    program = (
        "import sys, tensorflow as tf\n"
        "search = tf.saved_model.load(sys.argv[1]).signatures['search_text']\n"
        "none = lambda n: tf.fill([1, n], '')\n"
        "found = search(text=tf.constant(['red']), exclude=none(3), allow=none(2))\n"
        "assert 'tfmm' not in sys.modules\n"
        "print(found['item_id'].shape)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(version)], capture_output=True, text=True, check=True
    )
    assert "(1, 5)" in done.stdout


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "CMYK"])
@pytest.mark.parametrize("shape", [(90, 40), (30, 70), (7, 5)])
def test_pictures_are_read_as_in_training(mode, shape):
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 255, (5, 4, 3), dtype=np.uint8)).resize(shape)
    file = io.BytesIO()
    small.convert(mode).save(file, "JPEG" if mode == "CMYK" else "PNG")
    if mode == "CMYK":  # TensorFlow turns these to RGB in a way of its own
        assert read_pictures(tf.constant([file.getvalue()]), (32, 24)).shape == (1, 32, 24, 3)
        return
    read = read_pictures(tf.constant([file.getvalue(), b""]), (32, 24)).numpy()
    expected = thumbnail(file.getvalue(), (32, 24))
    assert np.abs(read[0].astype(int) - expected).mean() < 3
    assert not read[1].any()


def test_the_correction_for_hubs_is_served(run, served):
    items = run.model.item_vectors()
    bias = search_bias(run.config, items, run.model.hubs)
    assert bias.std() > 0
    answer = ask(served, "search_text", text=["red shirt"])
    query = run.model.alignment.queries["title"]
    encoder = query.encoders[0]
    scores = query([encoder.tokenize(["red shirt"])]).numpy() @ items.T + bias
    np.testing.assert_allclose(answer["score"][0], -np.sort(-scores[0])[:5], atol=1e-3)


def test_new_items_join_without_training(run, tmp_path):
    shutil.copytree(Path(run.config.shop).parent, tmp_path / "shop")
    table = pd.read_csv(tmp_path / "shop" / "items.csv", dtype=str, keep_default_na=False)
    Image.new("RGB", (24, 24), COLOURS["red"]).save(tmp_path / "shop" / "images" / "new.jpg")
    new = {"sku": "new", "title": "red scarf", "colour": "red", "kind": "coat", "price": "9"}
    table = pd.concat([table, pd.DataFrame([new])])
    table.to_csv(tmp_path / "shop" / "items.csv", index=False)
    done = refresh_index(
        run.path, tmp_path / "models", shop=str(tmp_path / "shop" / "shop.yaml"), say=lambda _: None
    )
    served = tf.saved_model.load(str(done.version))
    signature = served.signatures["search_text"]
    specs = signature.structured_input_signature[1]
    none = {name: tf.fill([1, specs[name].shape[1]], "") for name in ("exclude", "allow")}
    answer = signature(text=tf.constant(["red"]), **none)
    assert b"new" in answer["item_id"].numpy()[0][:40]


def test_one_model_recommends_and_searches(tmp_path):
    shop = searchable(tmp_path / "shop", events=True)
    run = searching(shop, tmp_path / "run")
    assert run.metrics["model"]["recall@20"] > run.metrics["baselines"]["popularity"]["recall@20"]
    assert run.metrics["search"]["title"]["queries"] > 0
    version = export_model(run, tmp_path / "models", k=5, exclude_size=3, allow_size=2)
    served = tf.saved_model.load(str(version))
    assert {"serving_default", "recommend", "search_text", "search_mixed"} <= set(served.signatures)
    answer = ask(served, "search_text", text=list(COLOURS))
    for name, found in zip(COLOURS, colours(answer), strict=True):
        assert found.count(name) >= 3


def test_a_blend_is_searched_by_its_learned_part(tmp_path):
    blend = {"ease": True, "rank": 6, "weight": 2.0, "lam": 20.0, "scale": "sum"}
    run = searching(searchable(tmp_path / "shop", events=True), tmp_path / "run", blend=blend)
    assert run.model.linear is not None
    version = export_model(run.path, tmp_path / "models", k=5, exclude_size=3, allow_size=2)
    answer = ask(tf.saved_model.load(str(version)), "search_text", text=list(COLOURS))
    for name, found in zip(COLOURS, colours(answer), strict=True):
        assert found.count(name) >= 3


def test_the_recipe_exports_and_asks(run, tmp_path, monkeypatch, capsys):
    file = tmp_path / "red.png"
    file.write_bytes(picture("red"))
    recipe = Path(__file__).parents[3] / "export" / "search.py"
    arguments = [str(run.path), str(tmp_path / "models"), "--picture", str(file)]
    monkeypatch.setattr(sys, "argv", ["search.py", *arguments])
    monkeypatch.setattr(check, "check_written", lambda *_: None)
    runpy.run_path(str(recipe), run_name="__main__")
    out = capsys.readouterr().out
    assert f"Wrote {tmp_path / 'models' / 'tiny' / '1'}" in out
    assert out.count("00") > 20
    assert "Both find" in out


def test_sounds_are_asked_by_where_the_shop_has_them(tmp_path):
    rows = []
    for i in range(6):
        (tmp_path / f"{i}.wav").write_bytes(wav(tone(220.0 * (i + 1), 0.3)))
        rows.append((str(i), f"tone {i}", f"{i}.wav"))
    pd.DataFrame(rows, columns=["id", "title", "file"]).to_csv(tmp_path / "items.csv", index=False)
    sound = {"kind": "audio", "path": "{file}"}
    features = {"title": {"kind": "text", "columns": ["title"]}, "sound": sound}
    items = {"table": "items.csv", "id": "id", "features": features}
    data = load({"root": str(tmp_path), "items": items})
    cnn = {"name": "cnn", "seconds": 0.5, "widths": (8,)}
    model = tfmm.ItemModel.from_data(
        data, encoders={"title": "bag"}, dim=8, queries={"sound": cnn, "title": "bag"}
    )
    search = search_of(model)
    assert set(search.arguments()) == {"search_text", "search_audio"}
    files = [(tmp_path / "2.wav").read_bytes(), b""]
    vectors, known = search.vectors(audio=tf.constant(files))
    assert known.numpy().tolist() == [True, False]
    np.testing.assert_allclose(vectors[0], model.query_vectors("sound", [2])[0], atol=2e-2)


def test_what_cannot_be_read_is_refused():
    with pytest.raises(ValueError, match="text, image, audio, but they read nothing"):
        Search({}, {})
    with pytest.raises(ValueError, match=r"\['text'\] have none"):
        Search({"text": lambda raw: (raw, raw)}, {})


def test_a_run_that_learns_nothing_is_refused(tmp_path):
    shop = searchable(tmp_path, events=False)
    with pytest.raises(ValueError, match="no events to learn recommending from"):
        searching(shop, tmp_path / "run", search={"queries": {}})
    with pytest.raises(ValueError, match=r"`search\.hard_by` must name a category"):
        searching(shop, tmp_path / "other", search={"hard_by": "price"})
