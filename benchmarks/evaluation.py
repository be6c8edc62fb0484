"""Full ranking: tfmm.evaluation beside a bare matrix product with top-k and TFRS's metric.

python benchmarks/evaluation.py [--users 10000 --items 50000 --dim 64] [--out benchmarks/results]

All three rank the same precomputed vectors. tfmm masks the users' training items and computes every
metric at the list lengths that FactorizedTopK has by default; the bare product masks and measures
nothing, and the best of its variants counts; `tfrs.metrics.FactorizedTopK` is built as in TFRS's
tutorials, from `candidates=dataset.batch(128)`, and measures one test item a user. Rounds
alternate, and the best of each counts, so that other work on the machine disturbs all alike.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

import tfmm  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
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


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(users: int, items: int, dim: int, seed: int, repeats: int) -> dict[str, Any]:
    import tensorflow as tf
    import tensorflow_recommenders as tfrs

    rng = np.random.default_rng(seed)
    user_vectors = rng.normal(size=(users, dim)).astype(np.float32)
    item_vectors = rng.normal(size=(items, dim)).astype(np.float32)
    columns = np.ascontiguousarray(item_vectors.T)
    seen = random_pairs(rng, users, items, 30)
    truth = random_pairs(rng, users, items, 6)
    top = max(KS)
    user_tensor, item_tensor = tf.constant(user_vectors), tf.constant(item_vectors)

    def full() -> None:
        evaluate((user_vectors, item_vectors), truth, seen=seen, ks=KS)

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
    metric = tfrs.metrics.FactorizedTopK(candidates=candidates, ks=KS)
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
    rows: dict[str, dict[str, float]] = {}
    for round_ in range(repeats):
        for name, run in ways.items():
            if run is tutorial and round_ not in (0, repeats - 1):
                continue  # ten times the others' time: its first and last round are enough
            wall, cpu = timed(run)
            before = rows.setdefault(name, {"seconds": np.inf, "cpu_seconds": np.inf})
            before.setdefault("peak_mib_so_far", round(peak_mib()))
            before["seconds"] = min(before["seconds"], wall)
            before["cpu_seconds"] = min(before["cpu_seconds"], cpu)
    ours = rows["tfmm.evaluation, masks and all metrics"]["seconds"]
    bare = min(row["seconds"] for name, row in rows.items() if name.startswith("bare"))
    slow = rows["tfrs.metrics.FactorizedTopK, dataset.batch(128)"]["seconds"]
    return {
        "users": users,
        "items": items,
        "dim": dim,
        "ks": KS,
        "seed": seed,
        "repeats": repeats,
        "seconds": rows,
        "times_bare_product_and_top_k": ours / bare,
        "times_as_fast_as_tfrs": slow / ours,
        "cores": len(os.sched_getaffinity(0)),
        "load_average": os.getloadavg()[0],
        "processor": platform.processor() or platform.machine(),
        "versions": {
            name: version(name)
            for name in ("tensorflow", "tensorflow-recommenders", "numpy", "scipy")
        },
    }


def as_markdown(result: dict[str, Any]) -> str:
    """The result as a table."""
    lines = [
        "# Full ranking",
        "",
        f"{result['users']:,} users x {result['items']:,} items x {result['dim']} dimensions, "
        f"metrics at {', '.join(map(str, result['ks']))}; best of {result['repeats']} alternating "
        f"rounds, seed {result['seed']}, {result['cores']} cores ({result['processor']}), load "
        f"{result['load_average']:.1f} at the end; "
        + ", ".join(f"{name} {number}" for name, number in result["versions"].items())
        + ".",
        "",
        "| way | seconds | CPU seconds | process's peak memory so far, MiB |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, row in result["seconds"].items():
        lines.append(
            f"| {name} | {row['seconds']:.2f} | {row['cpu_seconds']:.2f} | "
            f"{row['peak_mib_so_far']:,} |"
        )
    lines += [
        "",
        f"- {result['times_bare_product_and_top_k']:.2f} times the best bare product with top-k",
        f"- {result['times_as_fast_as_tfrs']:.1f} times as fast as FactorizedTopK",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, help="folder for evaluation.json and evaluation.md")
    given = parser.parse_args()
    result = measure(given.users, given.items, given.dim, given.seed, given.repeats)
    print(as_markdown(result))
    if given.out:
        given.out.mkdir(parents=True, exist_ok=True)
        (given.out / "evaluation.json").write_text(json.dumps(result, indent=2) + "\n")
        (given.out / "evaluation.md").write_text(as_markdown(result))


if __name__ == "__main__":
    main()
