"""IVF: its blocks, ties, queries to tune on, and a SavedModel that any TensorFlow serves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.index.clusters import clustered, exactly, recall
from tfmm.index import IVF
from tfmm.index.partition import partition
from tfmm.index.top_k import best_rows

N = 6000


@pytest.mark.parametrize(("n", "size"), [(1, 32), (31, 32), (33, 32), (5000, 32), (5000, 7)])
def test_blocks_hold_every_row_once_and_are_nearly_full(n: int, size: int) -> None:
    blocks = partition(clustered(n), size)
    assert sorted(blocks[blocks >= 0]) == list(range(n))
    assert blocks.shape[1] == size
    assert len(blocks) <= n / size + n**0.5 + 1
    for block in blocks:
        held = block[block >= 0]
        assert len(held)
        assert (np.diff(held) > 0).all()
        assert (block[len(held) :] == -1).all()


def test_blocks_of_equal_and_of_huge_vectors() -> None:
    for vectors in (np.ones((700, 4), "f"), np.zeros((700, 4), "f"), clustered(700) * 1e38):
        blocks = partition(vectors.astype("f"), 32)
        assert sorted(blocks[blocks >= 0]) == list(range(700))


def test_the_same_seed_gives_the_same_blocks() -> None:
    np.testing.assert_array_equal(partition(clustered(900), 32), partition(clustered(900), 32))


def test_a_higher_recall_looks_into_more_blocks() -> None:
    probes = [IVF(k=10, recall=r).index(clustered(N)).n_probe() for r in (0.5, 0.9, 0.99)]
    assert probes == sorted(probes)
    assert probes[0] < probes[2]


def test_more_results_look_into_more_blocks() -> None:
    index = IVF(k=10).index(clustered(N))
    assert index.n_probe(1) <= index.n_probe(10) < index.n_probe(300)
    assert index.n_probe(N) == index._n_blocks


def test_it_is_tuned_on_the_queries_given() -> None:
    candidates = clustered(N)
    # Sums of two clusters' vectors have their neighbours in more blocks than a candidate has.
    between = clustered(2000, seed=5)[:1000] + clustered(2000, seed=5)[1000:]
    tuned, untuned = IVF(k=10), IVF(k=10).index(candidates)
    tuned.index(candidates, queries=between[:800])
    assert tuned.n_probe() > untuned.n_probe()
    expected = exactly(candidates).search(between[800:])[1]
    assert recall(tuned.search(between[800:])[1], expected) >= 0.93


def test_vectors_without_clusters_are_searched_exactly_and_as_cheaply() -> None:
    noise = np.random.default_rng(1).normal(size=(N, 64)).astype("f")
    index = IVF(k=10, recall=0.99).index(noise)
    queries = noise[:20] + 0.1
    np.testing.assert_array_equal(index.search(queries)[1], exactly(noise).search(queries)[1])
    assert index.n_probe() == index._n_blocks
    assert {v.name for v in index.variables} == {"candidates:0", "inverse_norms:0"}


def test_ties_are_in_the_order_of_rows() -> None:
    distinct = clustered(N // 4)
    candidates = np.concatenate([distinct] * 4)  # every vector four times
    index = IVF(k=8).index(candidates)
    assert index._efforts
    scores, rows = (t.numpy() for t in index.search(distinct[:30]))
    same = scores[:, 1:] == scores[:, :-1]
    assert same.any()
    assert (rows[:, 1:] > rows[:, :-1])[same].all()
    # The last place has equals that were left out: all have later rows.
    _, rows = index.search(distinct[:30], 2)
    # But for a query whose equals a scan of the likely cells does not all meet.
    expected = np.stack([np.arange(30), np.arange(30) + N // 4], axis=1)
    assert (rows.numpy() == expected).all(axis=1).mean() > 0.85


def test_ties_of_an_exact_search_are_in_the_order_of_rows() -> None:
    candidates = np.concatenate([clustered(N // 4)] * 4)
    index = IVF(k=8).index(candidates)
    mask = np.zeros((5, N), bool)
    mask[:, ::400] = True  # too few for a search by blocks
    mask[:, [3, 1503]] = True
    queries = candidates[3:8]
    for k in (1, 3, 8):
        np.testing.assert_array_equal(
            index.search(queries, k, None, tf.constant(mask))[1],
            exactly(candidates).search(queries, k, None, tf.constant(mask))[1],
        )
    np.testing.assert_array_equal(
        index.search(queries, 4000)[1], exactly(candidates).search(queries, 4000)[1]
    )


def test_best_rows_orders_equals_by_row() -> None:
    scores = tf.constant([[1.0, 2, 2, 1, 2], [5.0, 4, 3, 2, 1], [1.0, 1, 1, 1, 1]])
    rows = tf.constant([[9, 7, 3, 1, 5], [0, 1, 2, 3, 4], [4, 3, 2, 1, 0]])
    for k, expected in (
        (1, [[3], [0], [0]]),
        (2, [[3, 5], [0, 1], [0, 1]]),
        (4, [[3, 5, 7, 1], [0, 1, 2, 3], [0, 1, 2, 3]]),
        (9, [[3, 5, 7, 1, 9], [0, 1, 2, 3, 4], [0, 1, 2, 3, 4]]),
    ):
        assert best_rows(scores, rows, k)[1].numpy().tolist() == expected
        assert best_rows(scores, rows, tf.constant(k))[1].numpy().tolist() == expected


def test_compressed_rows_are_scored_again_exactly() -> None:
    candidates = clustered(N)
    queries = clustered(50, seed=4)
    whole = IVF(k=10, seed=2).index(candidates)
    for storage in ("bfloat16", "int8"):
        index = IVF(k=10, seed=2, storage=storage).index(candidates)
        assert index._blocks.dtype == storage
        scores, rows = index.search(queries)
        assert recall(rows, whole.search(queries)[1]) >= 0.995
        exact = np.take_along_axis(queries @ candidates.T, rows.numpy().astype(np.int64), axis=1)
        np.testing.assert_allclose(scores, exact, rtol=1e-5)


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match="Did you mean 'bfloat16'"):
        IVF(storage="bfloat")
    with pytest.raises(ValueError, match="`block_size` must be a positive integer"):
        IVF(block_size=0)


@pytest.mark.slow
def test_a_saved_model_serves_without_tfmm_and_with_stock_ops_only(tmp_path: Path) -> None:
    candidates, queries = clustered(N), clustered(20, seed=3)
    index = IVF(k=5).index(candidates)

    class Module(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.held = list(index.variables)

        @tf.function(
            input_signature=[
                tf.TensorSpec([None, 16]),
                tf.TensorSpec([None, 4], tf.int32),
                tf.TensorSpec([None, N], tf.bool),
            ]
        )
        def ask(self, queries: tf.Tensor, exclude: tf.Tensor, allow: tf.Tensor) -> dict:
            scores, rows = index.search(queries, 5, exclude, allow)
            return {"scores": scores, "rows": rows}

    exclude = np.arange(80, dtype=np.int32).reshape(20, 4)
    allow = np.random.default_rng(1).random((20, N)) < np.linspace(0.0005, 1, 20)[:, None]
    module = Module()
    expected = module.ask(queries, exclude, tf.constant(allow))["rows"].numpy()
    tf.saved_model.save(module, str(tmp_path / "model"), signatures=module.ask)
    np.savez(tmp_path / "asked.npz", queries=queries, exclude=exclude, allow=allow)
    script = f"""
import sys, numpy as np, tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
asked = np.load(r"{tmp_path / "asked.npz"}")
ask = tf.saved_model.load(r"{tmp_path / "model"}").signatures["serving_default"]
np.save(r"{tmp_path / "rows.npy"}", ask(**{{k: tf.constant(asked[k]) for k in asked}})["rows"])
proto = saved_model_pb2.SavedModel.FromString(
    open(r"{tmp_path / "model" / "saved_model.pb"}", "rb").read())
ops = {{n.op for g in proto.meta_graphs for f in g.graph_def.library.function for n in f.node_def}}
assert len(ops) > 20 and not [op for op in ops if ">" in op or op.startswith("Scann")], ops
assert not {{"tfmm", "scann", "sklearn", "tensorflow_recommenders"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path)
    np.testing.assert_array_equal(np.load(tmp_path / "rows.npy"), expected)


def test_a_large_batch_is_answered_exactly_where_that_is_faster(monkeypatch) -> None:
    vectors, queries = clustered(6000), clustered(8, seed=2)
    index = IVF(k=10, recall=0.6).index(vectors)
    most = index._most_effort
    sizes = [index._exact_from(effort) for effort in range(1, most + 1)]
    assert sizes[0] is None
    assert 2 < sizes[-1] < 8
    found = [size for size in sizes if size is not None]
    assert found == sorted(found, reverse=True)

    _, best = exactly(vectors).search(queries)
    _, scanned = index.search(queries)
    monkeypatch.setattr(index, "_exact_from", lambda effort: 5)
    search = tf.function(index.search, input_signature=[tf.TensorSpec([None, 16])])
    np.testing.assert_array_equal(search(queries)[1], best)
    np.testing.assert_array_equal(search(queries[:5])[1], best[:5])
    np.testing.assert_array_equal(search(queries[:4])[1], scanned[:4])
    assert (scanned.numpy() != best.numpy()).any()
