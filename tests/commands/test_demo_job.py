"""The demo's own rules; `make demo` runs the whole of it."""

from __future__ import annotations

import numpy as np
import pytest

from tfmm.commands.demo import job as demo
from tfmm.serving import Hits


def test_comparison_sets_the_model_beside_baselines_and_chance():
    measured = {"recall@20": 0.3, "ndcg@20": 0.2}
    metrics = {
        "model": measured,
        "cold": {"recall@20": 0.25},
        "baselines": {
            "ease": {"recall@20": 0.2, "ndcg@20": 0.1, "cold": {"recall@20": 0.0}},
            "item_knn": {"left_out": "too large"},
        },
    }
    assert demo.comparison(metrics, items=400) == [
        ("tfmm", [0.3, 0.2, 0.25]),
        ("EASE", [0.2, 0.1, 0.0]),
        ("item-kNN", [None, None, None]),
        ("random order", [0.05, None, 0.05]),
    ]


def test_comparison_without_cold_items_leaves_their_column_empty():
    rows = demo.comparison({"model": {"recall@20": 0.3, "ndcg@20": 0.2}}, items=10)
    assert rows == [("tfmm", [0.3, 0.2, None]), ("random order", [1.0, None, None])]


def test_answers_that_differ_between_protocols_stop_the_demo():
    same = {"s1": Hits(["a", "b"], [0.5, 0.25])}
    demo.check_same(same, {"s1": Hits(["a", "b"], [0.5, 0.2500001])})
    with pytest.raises(RuntimeError, match="s1"):
        demo.check_same(same, {"s1": Hits(["b", "a"], [0.5, 0.25])})
    with pytest.raises(RuntimeError, match="gRPC and REST disagree"):
        demo.check_same(same, {"s1": Hits(["a", "b"], [0.5, 0.3])})


def test_demo_replaces_what_a_demo_wrote_and_nothing_else(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text("")
    (tmp_path / "models" / "sample_shop" / "1").mkdir(parents=True)
    (tmp_path / "mine.txt").write_text("kept")
    demo._make_room(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    (tmp_path / "models" / "another").mkdir(parents=True)
    with pytest.raises(FileExistsError, match="no demo wrote it"):
        demo._make_room(tmp_path)
    assert (tmp_path / "models" / "another").is_dir()


def test_peak_memory_is_in_bytes():
    held = np.ones(30_000_000, np.uint8)
    assert demo.peak_memory() > held.nbytes
