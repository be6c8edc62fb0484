"""refresh_index: new, changed and removed items and new users, without training."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import yaml
from PIL import Image

from tests.conftest import write_shop
from tfmm.commands import main as cli
from tfmm.data.manifest import ManifestError, renewed
from tfmm.encoders import ClassicFeatures
from tfmm.export import ExportError, check, export_model, refresh_index
from tfmm.serving import Client, Server
from tfmm.tasks.items.vector_file import VectorFile, vectors_path
from tfmm.tasks.retrieval import two_tower
from tfmm.training import Run, load_run, train

ITEMS = 60


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `shop`, a `run` that reads its pictures, words, categories, numbers and ids,
    and `models` with version 1 of it."""
    folder = tmp_path_factory.mktemp("trained")
    config = {
        "name": "tiny",
        "shop": str(write_shop(folder / "shop", items=ITEMS)),
        "split": {"cold_items": 0.2},
        "items": {
            "encoders": {
                "title": "bag",
                "photo": {"name": "cnn", "size": [16, 16], "widths": [8, 8]},
                "kind": "embedding",
                "price": "piecewise",
            },
            "dim": 16,
        },
        "users": {"id": True},
        "train": {"epochs": 2, "batch_size": 128},
        # The learned vectors alone are what these tests compare.
        "prior": {"weight": 0},
        "blend": {"ease": False},
        "evaluate": {"baselines": [], "k": [10]},
        "index": {"k": 8},
    }
    train(config, folder / "run", say=lambda _: None)
    export_model(folder / "run", folder / "models", k=7, exclude_seen=False)
    return folder


@pytest.fixture
def place(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder; what is exported from it has no smoke test, which takes seconds and
    has tests of its own."""
    monkeypatch.setattr(check, "check_written", lambda *_: None)
    for name in ("shop", "run", "models"):
        shutil.copytree(trained / name, tmp_path / name)
    config = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    config["shop"] = str(tmp_path / "shop" / "shop.yaml")
    (tmp_path / "run" / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    renewed(tmp_path / "run")
    return tmp_path


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many items each call of the item tower over the catalogue encoded."""
    counts: list[int] = []
    original = two_tower.TwoTower._encode_items

    def spy(self, *arguments, **options):
        vectors, weights = original(self, *arguments, **options)
        counts.append(len(vectors))
        return vectors, weights

    monkeypatch.setattr(two_tower.TwoTower, "_encode_items", spy)
    return counts


def items_of(place: Path) -> pd.DataFrame:
    return pd.read_csv(place / "shop" / "items.csv", dtype=str, keep_default_na=False)


def write_items(place: Path, items: pd.DataFrame) -> None:
    items.to_csv(place / "shop" / "items.csv", index=False)


def add_item(place: Path, sku: str, like: str) -> None:
    """A new item with the words, price and picture of another."""
    items = items_of(place)
    row = items[items.sku == like].assign(sku=sku)
    write_items(place, pd.concat([row, items]))  # first, so that every row moves
    shutil.copy(place / "shop/images" / f"{like}.jpg", place / "shop/images" / f"{sku}.jpg")


def add_events(place: Path, *events: tuple[str, str, int]) -> None:
    with (place / "shop" / "events.csv").open("a") as file:
        file.writelines(f"{who},{sku},{at}\n" for who, sku, at in events)


def refresh(place: Path, **options):
    return refresh_index(place / "run", place / "models", say=lambda _: None, **options)


def full_vectors(place: Path) -> tuple[Run, np.ndarray]:
    run = load_run(place / "run")
    return run, run.model.item_vectors()


def served_vectors(version: Path, ids) -> np.ndarray:
    embed = tf.saved_model.load(str(version)).signatures["embed_item"]
    return embed(item_id=tf.constant(list(ids)))["embedding"].numpy()


def test_nothing_new_encodes_nothing(place: Path, encoded: list[int]) -> None:
    done = refresh(place)
    assert (done.encoded, done.new, done.removed, done.items) == (0, 0, 0, ITEMS)
    assert encoded == []
    assert done.version == place / "models" / "tiny" / "2"


def test_only_new_and_changed_items_are_encoded_and_all_are_as_if_all_were(
    place: Path, encoded: list[int]
) -> None:
    add_item(place, "new-1", like="00003")
    items = items_of(place)
    items.loc[items.sku == "00010", "title"] = "a green shirt of another name"
    items.loc[items.sku == "00011", "kind"] = "never seen"
    items = items[items.sku != "00020"]
    write_items(place, items.sample(frac=1, random_state=1))  # in another order
    picture = place / "shop/images"
    shutil.copy(picture / "00031.jpg", picture / "00030.jpg")
    (picture / "00033.jpg").unlink()

    done = refresh(place)
    assert (done.encoded, done.new, done.removed, done.items) == (5, 1, 1, ITEMS)
    assert encoded == [5]
    run, expected = full_vectors(place)
    found = served_vectors(done.version, run.data.items.ids)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert not served_vectors(done.version, ["00020"]).any()
    encoded.clear()
    assert refresh(place).encoded == 0
    assert encoded == []


def test_one_percent_new_encodes_one_percent(place: Path, encoded: list[int]) -> None:
    items = items_of(place)
    more = [items.iloc[i % ITEMS].copy() for i in range(240)]
    grown = pd.concat([items, pd.DataFrame(more).assign(sku=[f"m{i}" for i in range(240)])])
    write_items(place, grown)
    assert refresh(place).encoded == 240
    write_items(place, pd.concat([grown, grown.tail(3).assign(sku=["x", "y", "z"])]))
    encoded.clear()
    done = refresh(place)
    assert (done.encoded, done.items) == (3, 303)
    assert encoded == [3]


def test_a_frozen_network_reads_the_new_items_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "check_written", lambda *_: None)
    monkeypatch.setenv("TFMM_CACHE", str(tmp_path / "cache"))
    config = {
        "name": "frozen",
        "shop": str(write_shop(tmp_path / "shop", items=ITEMS)),
        "items": {"encoders": {"photo": {"name": "classic", "size": [16, 16]}}, "dim": 8},
        "train": {"epochs": 1, "batch_size": 128},
        "evaluate": {"baselines": [], "k": [10]},
    }
    train(config, tmp_path / "run", say=lambda _: None)
    export_model(tmp_path / "run", tmp_path / "models")
    read: list[int] = []
    original = ClassicFeatures._blocks

    def spy(self, column, rows):
        read.extend(rows)
        return original(self, column, rows)

    monkeypatch.setattr(ClassicFeatures, "_blocks", spy)
    add_item(tmp_path, "new-1", like="00003")
    pixels = np.random.default_rng(1).integers(0, 255, (30, 20, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "shop/images/new-1.jpg")
    done = refresh(tmp_path)
    assert (done.encoded, done.new, len(read)) == (1, 1, 1)
    run, expected = full_vectors(tmp_path)
    found = served_vectors(done.version, run.data.items.ids)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_new_items_have_no_id_vector(place: Path) -> None:
    add_item(place, "twin", like="00003")
    run, vectors = full_vectors(place)
    row, like = run.data.items.rows(["twin", "00003"])
    assert not run.model.learned.item_tower.known.numpy()[row]
    version = refresh(place).version
    (twin,) = served_vectors(version, ["twin"])
    np.testing.assert_allclose(twin, vectors[row], atol=1e-5)
    run.model.learned.item_tower.known.assign(np.zeros(len(run.data.items), bool))
    np.testing.assert_allclose(twin, run.model.item_vectors()[like], atol=1e-5)


def test_new_users_are_served_by_their_history_alone(place: Path) -> None:
    add_item(place, "new-1", like="00003")
    add_events(place, ("stranger", "new-1", 1_600_000_000), ("stranger", "00006", 1_600_000_100))
    version = refresh(place).version
    loaded = tf.saved_model.load(str(version)).signatures
    history = np.full((1, 50), "", object)
    history[0, :2] = ["new-1", "00006"]
    none = {"exclude": tf.fill([1, 64], ""), "allow": tf.fill([1, 16], "")}
    known = loaded["recommend"](user_id=tf.constant(["stranger"]), **none)
    session = loaded["recommend_session"](history=tf.constant(history), **none)
    left = [item for item in known["item_id"][0].numpy() if item not in (b"new-1", b"00006")]
    assert left == session["item_id"][0].numpy().tolist()[: len(left)]
    assert len(left) >= 5
    run = load_run(place / "run")
    (row,) = run.data.users.rows(["stranger"])
    assert not run.model.learned.user_tower.id_embedding.numpy()[row].any()


def test_histories_hold_the_events_of_the_current_table(place: Path) -> None:
    def user_vector(version: Path) -> np.ndarray:
        embed = tf.saved_model.load(str(version)).signatures["embed_user"]
        return embed(user_id=tf.constant(["u000"]))["embedding"].numpy()[0]

    before = user_vector(place / "models" / "tiny" / "1")
    add_events(place, ("u000", "00002", 1_700_000_000))
    after = user_vector(refresh(place).version)
    assert np.abs(before - after).max() > 1e-3
    run, items = full_vectors(place)
    expected = run.model.user_vectors(run.task.pairs, run.data.users.rows(["u000"]), items)[0]
    np.testing.assert_allclose(after, expected, atol=1e-5)


def test_settings_of_the_newest_version_stay(place: Path) -> None:
    card = json.loads((refresh(place).version / "model_card.json").read_text())
    assert card["export"]["k"] == 7
    assert card["export"]["exclude_seen"] is False
    assert card["signatures"]["recommend"]["outputs"]["item_id"]["shape"] == [None, 7]
    assert card["refresh"]["encoded"] == 0
    assert card["metrics"]["model"]
    other = refresh(place, name="other").version
    assert other == place / "models" / "other" / "1"
    assert json.loads((other / "model_card.json").read_text())["export"]["k"] == 8


def test_another_shop_file(place: Path, tmp_path: Path, capsys) -> None:
    shutil.copytree(place / "shop", tmp_path / "next")
    items = items_of(place).iloc[:50]
    items.to_csv(tmp_path / "next" / "items.csv", index=False)
    arguments = ["index", str(place / "run"), "--out", str(place / "models")]
    assert cli.main([*arguments, "--shop", str(tmp_path / "next" / "shop.yaml")]) == 0
    out = capsys.readouterr().out
    assert "Encoded 0 of 50 items (0 new, 0 changed); 10 removed; 80 users.\n" in out
    assert f"wrote {place / 'models' / 'tiny' / '2'}\n" in out


def test_pictures_that_do_not_decode_count_as_missing(place: Path) -> None:
    add_item(place, "broken", like="00003")
    (place / "shop/images/broken.jpg").write_bytes(b"\xff\xd8 cut short")
    done = refresh(place)
    assert done.encoded == 1
    run, expected = full_vectors(place)
    assert not run.data.items.features["photo"].present[run.data.items.rows(["broken"])[0]]
    found = served_vectors(done.version, run.data.items.ids)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("damage", ["missing", "cut", "other model"])
def test_vectors_that_cannot_be_used_are_made_anew(place: Path, damage: str) -> None:
    file = vectors_path(place / "run")
    if damage == "missing":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(file.read_bytes()[:-100])
    else:
        rows = place / "run" / "model" / "rows.json"
        rows.write_text(rows.read_text() + " ")
        with pytest.raises(ManifestError, match=r"model/rows\.json was changed"):
            refresh(place)
        renewed(place / "run")
    with pytest.warns(UserWarning, match="damaged") if damage == "cut" else nullcontext():
        done = refresh(place)
    assert done.encoded == ITEMS
    run, expected = full_vectors(place)
    found = served_vectors(done.version, run.data.items.ids)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_feature_that_the_shop_lost_is_named(place: Path) -> None:
    file = place / "shop" / "shop.yaml"
    file.write_text(file.read_text().replace("    title: {kind: text, columns: [title]}\n", ""))
    with pytest.raises(ExportError, match=r"reads the item features title, .*has no title"):
        refresh(place)
    assert [path.name for path in (place / "models" / "tiny").iterdir()] == ["1"]


def test_a_feature_that_the_shop_gained_is_a_filter_at_once(place: Path) -> None:
    file = place / "shop" / "shop.yaml"
    kind = "    kind: {kind: category, column: kind}\n"
    colour = "    colour: {kind: category, column: colour}\n"
    file.write_text(file.read_text().replace(kind, kind + colour))
    done = refresh(place)
    assert done.encoded == 0
    assert "colour=red" in (done.version / "assets" / "terms.txt").read_text()


def test_a_running_server_swaps_to_the_refreshed_version(place: Path) -> None:
    with (
        Server(place / "models", grpc_port=0, rest_port=0, poll_seconds=0.05) as server,
        Client(server.grpc_address, "tiny") as client,
    ):
        assert client.recommend("stranger").item_id
        assert not any(client.similar("fresh").item_id)
        add_item(place, "fresh", like="00003")
        refresh(place)
        server.wait_ready(60, model="tiny", version=2)
        deadline = time.monotonic() + 30
        while not any(client.similar("fresh").item_id):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert "00003" in client.similar("fresh").item_id


def test_a_version_of_a_trained_run_holds_what_serves_and_needs_tensorflow_alone(
    place: Path,
) -> None:
    version = place / "models" / "tiny" / "1"
    saved = tf.train.list_variables(str(version / "variables" / "variables"))
    names = " ".join(name for name, _ in saved)
    for training in ("optimizer", "slot", "bank", "id_embedding", "cnn", "item_tower", "iteration"):
        assert training not in names.lower(), names
    assert not (version / "keras_metadata.pb").exists()
    program = f"""
import sys
for module in ("tfmm", "tf_keras", "keras", "tensorflow_recommenders"):
    sys.modules[module] = None
import tensorflow as tf
loaded = tf.saved_model.load({str(version)!r})
for name, signature in loaded.signatures.items():
    specs = signature.structured_input_signature[1].values()
    inputs = {{s.name: tf.fill([2, *s.shape[1:]], "00003") for s in specs}}
    for value in signature(**inputs).values():
        assert value.shape[0] == 2
print(len(loaded.signatures))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True, cwd="/"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "8\n"


def test_the_file_of_vectors_is_mapped_and_found_by_id_and_content(tmp_path: Path) -> None:
    ids, contents = np.array([b"c", b"a", b"b"], "S16"), np.array([b"3", b"1", b"2"], "S16")
    vectors = np.arange(6, dtype=np.float32).reshape(3, 2)
    file = tmp_path / "vectors.npy"
    VectorFile.write(file, ids, contents, vectors)
    assert [path.name for path in tmp_path.iterdir()] == ["vectors.npy"]
    stored = VectorFile.read(file, 2)
    assert isinstance(stored._records, np.memmap)
    asked = np.array([b"b", b"z", b"a", b"c"], "S16")
    rows, there = stored.find(asked, np.array([b"2", b"2", b"old", b"3"], "S16"))
    assert there.tolist() == [True, False, True, True]
    assert (rows >= 0).tolist() == [True, False, False, True]
    np.testing.assert_array_equal(stored.vectors(rows[rows >= 0]), vectors[[2, 0]])
    assert len(VectorFile.read(file, 3)) == 0  # of another model
