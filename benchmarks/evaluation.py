"""Full ranking: tfmm.evaluation beside a bare matrix product with top-k and TFRS's metric.

    python benchmarks/evaluation.py [--users 10000 --items 50000 --dim 64 --ks 1 5 10 50 100]

All three rank the same precomputed vectors. tfmm masks the users' training items and computes every
metric at the list lengths that FactorizedTopK has by default; the bare product masks and measures
nothing, and the best of its variants counts; `tfrs.metrics.FactorizedTopK` is built as in TFRS's
tutorials, from `candidates=dataset.batch(128)`, and measures one test item a user. Rounds
alternate, and the best of each counts, so that other work on the machine disturbs all alike.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import common
import numpy as np
import scipy.sparse as sp
import tensorflow as tf
import tensorflow_recommenders as tfrs

from tfmm.evaluation import evaluate

KS = (1, 5, 10, 50, 100)  # FactorizedTopK's own
QUERIES = 4096


def random_pairs(rng: np.random.Generator, users: int, items: int, each: int) -> sp.csr_matrix:
    """A sparse matrix with about `each` items a user."""
    pairs = (np.repeat(np.arange(users), each), rng.integers(0, items, users * each))
    return sp.csr_matrix((np.ones(users * each, np.float32), pairs), shape=(users, items))


def timed(run: Callable[[], Any]) -> tuple[float, float]:
    """Wall and CPU seconds of one run."""
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - cpu


def measure(
    users: int, items: int, dim: int, ks: tuple[int, ...], seed: int, repeats: int
) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    user_vectors = rng.normal(size=(users, dim)).astype(np.float32)
    item_vectors = rng.normal(size=(items, dim)).astype(np.float32)
    columns = np.ascontiguousarray(item_vectors.T)
    seen = random_pairs(rng, users, items, 30)
    truth = random_pairs(rng, users, items, 6)
    top = max(ks)
    user_tensor, item_tensor = tf.constant(user_vectors), tf.constant(item_vectors)

    def full() -> None:
        evaluate((user_vectors, item_vectors), truth, seen=seen, ks=ks)

    @tf.function
    def product_top_k(queries: tf.Tensor) -> Any:
        return tf.math.top_k(tf.matmul(queries, item_tensor, transpose_b=True), top)

    def bare_tensorflow(block: int) -> None:
        for start in range(0, users, block):
            product_top_k(user_tensor[start : start + block])

    def bare_numpy(block: int) -> None:
        scores = np.empty((block, items), np.float32)
        for start in range(0, users, block):
            queries = user_vectors[start : start + block]
            part = np.matmul(queries, columns, out=scores[: len(queries)])
            best = np.argpartition(part, items - top, axis=1)[:, items - top :]
            order = np.argsort(-np.take_along_axis(part, best, 1), axis=1)
            np.take_along_axis(best, order, 1)

    def product_only(block: int) -> None:
        scores = np.empty((block, items), np.float32)
        for start in range(0, users, block):
            queries = user_vectors[start : start + block]
            np.matmul(queries, columns, out=scores[: len(queries)])

    candidates = tf.data.Dataset.from_tensor_slices(item_vectors).batch(128)
    metric = tfrs.metrics.FactorizedTopK(candidates=candidates, ks=ks)
    true_items = item_tensor.numpy()[rng.integers(0, items, users)]

    def tutorial() -> None:
        for start in range(0, users, QUERIES):
            metric.update_state(
                user_tensor[start : start + QUERIES], true_items[start : start + QUERIES]
            )
        metric.result()

    ways: dict[str, Callable[[], None]] = {
        "tfmm.evaluation, masks and all metrics": full,
        "matrix product alone, NumPy": lambda: product_only(320),
        "bare product and top-k, NumPy, blocks of 256": lambda: bare_numpy(256),
        "bare product and top-k, TensorFlow, blocks of 256": lambda: bare_tensorflow(256),
        "bare product and top-k, TensorFlow, blocks of 512": lambda: bare_tensorflow(512),
        "tfrs.metrics.FactorizedTopK, dataset.batch(128)": tutorial,
    }
    best: dict[str, tuple[float, float]] = {}
    for round_ in range(repeats):
        for name, run in ways.items():
            if run is tutorial and round_ not in (0, repeats - 1):
                continue  # ten times the others' time: its first and last round are enough
            best[name] = min(best.get(name, (np.inf, np.inf)), timed(run))
    ours = best["tfmm.evaluation, masks and all metrics"][0]
    return [
        {
            "way": name,
            "seconds": round(wall, 2),
            "CPU seconds": round(cpu, 2),
            "tfmm's time / this": round(ours / wall, 3),
        }
        for name, (wall, cpu) in best.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--ks", type=int, nargs="+", default=KS, help="list lengths measured")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    rows = measure(args.users, args.items, args.dim, tuple(args.ks), args.seed, args.repeats)
    common.report("evaluation", rows, vars(args))


if __name__ == "__main__":
    main()
