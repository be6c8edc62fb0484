"""Items of several pictures in an index: the vectors that the model gives them, new ones too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.tasks.classification.test_several_pictures import CNN, write_several
from tfmm.data.columns import ImageColumn
from tfmm.export import check, export_model, refresh_index
from tfmm.tasks.items.fingerprints import item_fingerprints
from tfmm.training import load_run, train

READS = {
    "trained": {"照片": CNN, "colour": "embedding"},
    "frozen": {"照片": {"name": "classic", "pool": "attention"}, "colour": "embedding"},
}


@pytest.fixture(scope="module", params=READS)
def place(request, tmp_path_factory) -> Path:
    """A folder with a `店`, a `run` of search by its pictures, and `models` with version 1."""
    folder = tmp_path_factory.mktemp("place")
    config = {
        "task": "search",
        "name": "pictures",
        "shop": str(write_several(folder / "店", items=48)),
        "items": {"encoders": READS[request.param], "dim": 16},
        "search": {"queries": {"照片": {"name": "classic"}}, "valid": 0.1, "test": 0.1},
        "train": {"epochs": 2},
        "index": {"k": 8},
    }
    train(config, folder / "run", say=lambda _: None)
    export_model(folder / "run", folder / "models", say=lambda _: None)
    return folder


def served(version: Path, ids) -> np.ndarray:
    embed = tf.saved_model.load(str(version)).signatures["embed_item"]
    return embed(item_id=tf.constant(list(ids)))["embedding"].numpy()


def test_new_and_changed_items_get_the_vectors_of_all_their_pictures(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The smoke test of what is written takes seconds, and has tests of its own.
    monkeypatch.setattr(check, "check_written", lambda *_: None)
    run = load_run(place / "run")
    ids = run.data.items.ids
    before = run.model.item_vectors()
    np.testing.assert_allclose(served(place / "models/pictures/1", ids), before, atol=1e-4)
    # A file that does not decode is left out by training, and is not opened by a refresh: items
    # with one are encoded anew, once.
    broken = len(range(4, len(ids), 7))
    done = refresh_index(place / "run", place / "models", say=lambda _: None)
    assert (done.encoded, done.new) == (broken, 0)
    np.testing.assert_allclose(served(done.version, ids), before, atol=1e-4)

    file = place / "店" / "items.csv"
    table = pd.read_csv(file, dtype=str, keep_default_na=False, index_col=0)
    cells = table.photos.tolist()
    # One alone is new, so that none of what is encoded has several pictures.
    one = pd.DataFrame([("新 1", cells[3], "red")], columns=table.columns)
    pd.concat([one, table]).to_csv(file)
    done = refresh_index(place / "run", place / "models", say=lambda _: None)
    assert (done.encoded, done.new) == (1, 1)
    # Then one of three, and one that lost all but its first; a broken one changes nothing.
    three = pd.DataFrame([("新 2", cells[8], "green")], columns=table.columns)
    table.iloc[1, 1] = cells[1].split("|")[0]
    pd.concat([one, three, table]).to_csv(file)
    done = refresh_index(place / "run", place / "models", say=lambda _: None)
    assert (done.encoded, done.new) == (2, 1)

    now = load_run(place / "run")
    expected = now.model.item_vectors()
    found = served(done.version, now.data.items.ids)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    rows = now.data.items.rows(ids)
    moved = np.abs(found[rows] - before).max(axis=1) > 1e-3
    assert moved.nonzero()[0].tolist() == [1]


def test_items_are_asked_by_their_first_picture(place: Path) -> None:
    run = load_run(place / "run")
    column = run.data.items.features["照片"]
    (queries,) = run.model.queries.columns["照片"]
    (tower,) = run.model.alignment.queries.values()
    first = ImageColumn(tuple(paths[:1] for paths in column.paths))
    np.testing.assert_array_equal(queries[:], tower.encoders[0].prepare(first)[:])


def test_vectors_of_the_first_alone_are_not_taken_for_those_of_all(tmp_path: Path) -> None:
    from tfmm.data.catalog import Catalog

    files = [tmp_path / name for name in ("a.png", "b.png", "ab.png")]
    for file, content in zip(files, (b"a", b"b", b"ab"), strict=True):
        file.write_bytes(content)
    rows = [files[:1], files[:2], files[1::-1], files[2:]]
    column = ImageColumn(tuple(map(tuple, rows)))
    ids = np.array(["x"], object)
    found = {
        item_fingerprints(Catalog(ids, {"p": column.take([row])}), ["p"], b"").item()
        for row in range(4)
    }
    assert len(found) == 4
