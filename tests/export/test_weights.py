"""bfloat16 and int8 weights: size, what they cost, and that nothing else changes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.export.shops import ITEMS, D, MeanSession, U, arrays, ids, small_servable
from tests.index.test_tables import clustered
from tfmm.commands import main as cli
from tfmm.export import ExportError, check_stock, export_model, write_version
from tfmm.index import BruteForce, TermFilter
from tfmm.index.tables import STORAGES
from tfmm.tasks.items.agreement import agreement

SMALL = ("bfloat16", "int8")


@pytest.mark.parametrize("weights", SMALL)
def test_every_signature_answers_as_with_float32_but_for_rounding(weights: str) -> None:
    small, exact = small_servable(weights=weights), small_servable()
    for name, inputs in ((s.name, s.samples(9)) for s in exact.signatures()):
        asked = {key: tf.constant(value, tf.string) for key, value in inputs.items()}
        found, right = getattr(small, name)(**asked), getattr(exact, name)(**asked)
        for key in {"score", "embedding"} & right.keys():
            np.testing.assert_allclose(found[key], right[key], atol=0.05, rtol=0.05)
    none = small.recommend(tf.constant(["x"]), ids(width=4), ids("kind=nothing", width=3))
    assert not any(none["item_id"].numpy()[0])


def test_tables_shrink_to_a_half_and_a_quarter() -> None:
    items, users = clustered(2000, 64), clustered(U, 64, seed=2)
    sizes = {
        weights: small_servable(
            item_ids=[str(i) for i in range(2000)],
            item_vectors=items,
            user_vectors=users,
            session=MeanSession(64),
            filters=TermFilter({}, 2000),
            weights=weights,
        ).table_bytes
        for weights in STORAGES
    }
    assert sizes["bfloat16"] / sizes["float32"] == pytest.approx(0.5, abs=0.03)
    assert sizes["int8"] / sizes["float32"] == pytest.approx(0.25, abs=0.05)


def test_agreement_counts_what_is_found_again() -> None:
    exact = small_servable()
    assert agreement(exact, exact) == {"recall@10": 1.0, "users": U}
    other = small_servable(user_vectors=-arrays()["user_vectors"])
    assert agreement(other, exact, sample=5)["recall@10"] < 0.5
    assert agreement(other, exact, sample=5)["users"] == 5
    nobody = {
        "user_ids": [],
        "user_vectors": np.zeros((0, D), "f"),
        "seen_offsets": np.zeros(1, np.int64),
        "seen_rows": np.zeros(0, np.int32),
    }
    without = small_servable(**nobody)
    assert agreement(without, without) == {"recall@10": 1.0, "items": len(ITEMS)}
    assert set(agreement(small_servable(k=12), small_servable(k=12))) >= {"recall@10", "recall@12"}


@pytest.mark.parametrize("weights", SMALL)
def test_an_export_says_what_the_weights_cost(run, tmp_path: Path, weights: str) -> None:
    lines: list[str] = []
    version = export_model(run, tmp_path, weights=weights, say=lines.append)
    assert re.match(
        rf"{weights} against float32, 12 users asked: recall@7 (0|1)\.\d{{4}}\.$", lines[0]
    )
    assert re.match(r"The version takes [\d.]+ MB; as float32 it would take [\d.]+ MB\.", lines[1])
    card = json.loads((version / "model_card.json").read_text())
    assert card["weights"]["stored as"] == weights
    assert card["weights"]["recall@7 of the float32 answers"] > 0.8
    assert (
        card["weights"]["bytes of the tables"] < card["weights"]["bytes of the tables as float32"]
    )
    assert card["export"]["weights"] == weights
    assert "## Weights" in (version / "model_card.md").read_text()
    assert check_stock(version)[0].ok
    saved = tf.train.list_variables(str(version / "variables" / "variables"))
    reader = tf.train.load_checkpoint(str(version / "variables" / "variables"))
    kinds = reader.get_variable_to_dtype_map()
    expected = tf.bfloat16 if weights == "bfloat16" else tf.int8
    wide = [name for name, shape in saved if len(shape) == 2 and shape[0] >= U]
    assert {kinds[name] for name in wide} == {expected}


def test_float32_says_nothing(run, tmp_path: Path) -> None:
    lines: list[str] = []
    version = export_model(run, tmp_path, say=lines.append)
    assert lines == []
    assert "weights" not in json.loads((version / "model_card.json").read_text())


def test_weights_that_there_are_not_and_indices_that_do_not_take_them(run, tmp_path) -> None:
    with pytest.raises(ValueError, match=r"must be one of .*int8.*but it is .int4"):
        export_model(run, tmp_path, weights="int4")
    with pytest.raises(ValueError, match="which is a BruteForce with its own"):
        export_model(run, tmp_path, weights="int8", index=BruteForce())
    with pytest.raises(SystemExit):
        cli.main(["export", "run", "--out", "m", "--weights", "int4"])


def test_the_smoke_test_holds_for_small_weights(tmp_path: Path, monkeypatch) -> None:
    servable = small_servable(weights="int8")
    assert write_version(servable.export(), tmp_path, "m").name == "1"
    other = small_servable(user_vectors=np.ones((U, D), "f"), weights="int8")
    monkeypatch.setattr(tf.saved_model, "load", lambda _: _Loaded(other))
    with pytest.raises(ExportError, match="smoke test"):
        write_version(servable.export(), tmp_path, "m")
    assert [path.name for path in (tmp_path / "m").iterdir()] == ["1"]


class _Loaded:
    """Another servable in place of the one that was written."""

    def __init__(self, servable) -> None:
        self.signatures = {s.name: s.traced() for s in servable.signatures()}
