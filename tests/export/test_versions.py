"""Version folders: numbering, warm-up, card, smoke test, interrupted and concurrent exports."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from tests.export.shops import ITEMS, USERS, ids, quick_servable, small_servable
from tfmm.export import ExportError, check, list_versions, write_version
from tfmm.tasks.retrieval.signatures import Servable

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def servable() -> Servable:
    return small_servable()


@pytest.fixture(scope="module")
def written(servable: Servable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    card = {
        "data": {"items": 30, "events": 1234},
        "metrics": {
            "model": {"recall@20": np.float32(0.25), "users": 12},
            "cold": {"recall@20": float("nan")},
            "baselines": {"popularity": {"recall@20": 0.125}, "ease": None},
        },
        "config": {"name": "small", "shop": Path("shop.yaml")},
        "intended_use": "Testing.",
        "limits": ["It is small."],
    }
    return write_version(servable.export(), tmp_path_factory.mktemp("models"), "small", card)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Servable:
    """Exported without a smoke test, which takes seconds and has tests of its own."""
    monkeypatch.setattr(check, "check_written", lambda *_: None)
    return quick_servable()


@pytest.fixture(scope="module")
def loaded(written: Path) -> Any:
    return tf.saved_model.load(str(written))


def test_versions_count_up_as_numbers(quick: Servable, tmp_path: Path) -> None:
    model = tmp_path / "m"
    for name in ("00000002", "best", ".tmp-x", "7a", "²"):
        (model / name).mkdir(parents=True)
    (model / "9").write_text("a file is no version")
    assert write_version(quick.export(), tmp_path, "m", warmup_rows=0) == model / "3"
    assert write_version(quick.export(), tmp_path, "m", warmup_rows=0).name == "4"
    assert list_versions(model) == [2, 3, 4]


def test_loaded_version_answers_as_the_servable(servable: Servable, written: Path, loaded) -> None:
    users, exclude, allow = tf.constant(USERS[:1]), ids(ITEMS[0], width=4), ids("kind=bag", width=3)
    answer = loaded.signatures["recommend"](user_id=users, exclude=exclude, allow=allow)
    np.testing.assert_array_equal(
        answer["item_id"], servable.recommend(users, exclude, allow)["item_id"]
    )
    assert {a.name for a in (written / "assets").iterdir()} == {
        "item_ids.txt",
        "user_ids.txt",
        "terms.txt",
    }


def test_loads_where_tfmm_cannot_be_imported(written: Path) -> None:
    program = f"""
import sys
for module in ("tfmm", "tf_keras", "keras", "tensorflow_recommenders"):
    sys.modules[module] = None
import tensorflow as tf
loaded = tf.saved_model.load({str(written)!r})
answer = loaded.signatures["serving_default"](user_id=tf.constant(["user 1", "nobody"]))
print(answer["item_id"].shape, len(loaded.signatures))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[0] == "(2, 10) 6"


def test_warmup_asks_every_signature_for_one_row_and_for_more(
    servable: Servable, written: Path, loaded: Any
) -> None:
    file = written / "assets.extra" / "tf_serving_warmup_requests"
    asked = set()
    for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        assert request.model_spec.name == "small"
        inputs = {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
        signature = request.model_spec.signature_name
        loaded.signatures[signature](**{key: tf.constant(v) for key, v in inputs.items()})
        asked.add((signature, len(next(iter(inputs.values())))))
    assert asked == {(s.name, batch) for s in servable.signatures() for batch in (1, 16)}


def test_card_says_what_was_exported(written: Path) -> None:
    card = json.loads((written / "model_card.json").read_text())
    assert (card["name"], card["version"]) == ("small", 1)
    assert card["data"]["events"] == 1234
    assert card["metrics"]["cold"]["recall@20"] is None
    assert card["config"]["shop"] == "shop.yaml"
    assert card["packages"]["tensorflow"] == tf.__version__
    assert card["signatures"]["recommend"]["inputs"]["exclude"] == {
        "dtype": "string",
        "shape": [None, 4],
    }
    assert card["sizes"]["items"] == 30
    assert card["sizes"]["bytes"] > 1000
    text = (written / "model_card.md").read_text()
    assert "| model | 0.2500 | 12 |" in text
    assert "| popularity | 0.1250 |  |" in text
    for heading in ("Intended use", "Limits", "Data", "Metrics", "Signatures", "Configuration"):
        assert f"## {heading}" in text
    assert "`exclude` string [B, 4]" in text


@pytest.mark.parametrize("name", ["", "a b", "../up", "a/b", "ü", ".hidden", "a.b"])
def test_names_that_are_no_model_names_are_refused(servable, name, tmp_path) -> None:
    with pytest.raises(ExportError, match="letters of ASCII, digits"):
        write_version(servable.export(), tmp_path, name)
    assert not list(tmp_path.iterdir())


def test_a_failed_smoke_test_leaves_nothing(quick, tmp_path, monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("signature 'recommend' is off")

    monkeypatch.setattr(check, "check_written", fail)
    with pytest.raises(ExportError, match="smoke test of the written version: signature 'recomm"):
        write_version(quick.export(), tmp_path, "m")
    assert not list(tmp_path.iterdir())


def test_smoke_test_finds_items_that_should_be_left_out(servable, written, monkeypatch) -> None:
    check.check_written(servable.signatures(), written)
    everything = tf.RaggedTensor.from_tensor(tf.constant([ITEMS] * 16))
    monkeypatch.setattr(servable, "seen_items", lambda users: everything[: len(users)])
    with pytest.raises(AssertionError, match="'serving_default', batch of 1: items came back"):
        check.check_written(servable.signatures(), written)


def test_smoke_test_finds_wrong_numbers(written: Path) -> None:
    other = small_servable(user_vectors=np.ones((12, 6), "f"))
    with pytest.raises(AssertionError, match="differs from what was to be exported"):
        check.check_written(other.signatures(), written)
    with pytest.raises(AssertionError, match=r"\[1, 10\], but should be .*\[1, 7\]"):
        check.check_written(small_servable(k=7).signatures(), written)


def test_a_place_that_cannot_be_written_is_named(servable: Servable, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(ExportError, match=r"making the folder .*models/m"):
        write_version(servable.export(), tmp_path / "models", "m")


def test_a_version_taken_meanwhile_is_not_replaced(quick, tmp_path, monkeypatch) -> None:
    model = tmp_path / "m"

    def another_export(*_: object) -> None:
        for version in ("1", "2"):
            (model / version).mkdir()
            (model / version / "saved_model.pb").write_text("theirs")

    monkeypatch.setattr(check, "check_written", another_export)
    counted = iter([[], [1, 2]])
    monkeypatch.setattr("tfmm.export.versions.list_versions", lambda _: next(counted))
    path = write_version(quick.export(), tmp_path, "m")
    assert path.name == "3"
    assert (model / "1" / "saved_model.pb").read_text() == "theirs"
    assert json.loads((path / "model_card.json").read_text())["version"] == 3


KILLED = """
import sys, time
import tfmm
from tests.export.shops import quick_servable
from tfmm.export import check, write_version
def stall(*_):
    print("half-way", flush=True)
    time.sleep(600)
check.write_warmup = stall
write_version(quick_servable().export(), sys.argv[1], "m")
"""


def test_a_killed_export_leaves_no_version_and_the_next_one_cleans_up(
    quick: Servable, tmp_path: Path
) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    export = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert export.stdout is not None
        assert export.stdout.readline().strip() == "half-way"
        model = tmp_path / "m"
        alive = list(model.iterdir())
        assert write_version(quick.export(), tmp_path, "m", warmup_rows=0).name == "1"
        assert alive[0].exists()  # a running export is left alone
    finally:
        export.send_signal(signal.SIGKILL)
        export.wait()
    assert list_versions(model) == [1]
    assert [entry.name[:5] for entry in alive] == [".tmp-"]
    assert (alive[0] / "saved_model.pb").exists()  # it was half-way indeed
    assert write_version(quick.export(), tmp_path, "m", warmup_rows=0).name == "2"
    assert sorted(entry.name for entry in model.iterdir()) == ["1", "2"]
