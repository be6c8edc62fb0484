"""How fast and how exact are the indices, beside TFRS's, ScaNN's own and faiss's?

Every row of the result is one index over one set of vectors, k = 100, recall@100 against an exact
search by the 256 queries that are timed, asked at once: IVF scores a batch whole, and has recall 1,
where blocks would take longer. Indices that take parameters get the cheapest that reach
the recall asked for on other queries of the same make. Those compared are timed in turns, one call
of each after the other, since other work on the machine comes and goes; the median and the least
of the times are kept, and ratios are of medians.

    python benchmarks/indices.py [--rows clustered-1e6x64 patches-1e6x64 …]    # then writes both

Clustered vectors: 2 sqrt(N) centres from a normal distribution, sizes by a Pareto distribution
(shape 3, plus .3), each vector its centre plus .7 times normal noise, scaled to length 1; queries
are further vectors of the same make. Patches: 8 x 8 patches of the pictures of a shop, raw RGB
values, mean of each patch removed, PCA to 64 dimensions, scaled to length 1. Trained item vectors:
`--vectors FILE.npz` with arrays `items` and `queries`, for instance of `model.item_vectors()` and
`model.user_vectors(…)`.

Results of single rows are kept in `results/indices_rows/` and joined by every run. faiss-cpu and
scann must be installed.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import common
import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs
from PIL import Image
from scann.scann_ops.py import scann_ops, scann_ops_pybind

from tfmm.index import IVF, BruteForce, ScaNN
from tfmm.index.tuning import nearest

K, BATCH, TUNED = 100, 256, 1024
ROWS = ("clustered-1e5x64", "clustered-1e6x64", "clustered-1e6x128", "patches-1e6x64")
KEPT = common.RESULTS / "indices_rows"
# Shares of the leaves to search and candidates to score again, about in the order of their cost.
SCANN_SETTINGS = [
    (0.005, 200), (0.01, 200), (0.01, 400), (0.015, 400), (0.01, 700), (0.015, 700), (0.02, 700),
    (0.02, 1000), (0.03, 1000), (0.03, 1500), (0.05, 1500), (0.05, 2500), (0.08, 3000),
    (0.15, 6000), (0.3, 10000),
]  # fmt: skip
Ask = Callable[[np.ndarray], np.ndarray]


def clustered(n: int, d: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(round(2 * n**0.5), d)).astype(np.float32)
    sizes = rng.pareto(3.0, len(centres)) + 0.3
    rows = centres[rng.choice(len(centres), n + BATCH + TUNED, p=sizes / sizes.sum())]
    rows += 0.7 * rng.standard_normal(rows.shape, dtype=np.float32)
    return _unit_parts(rows, n)


def patches(n: int, d: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    files = sorted((common.data_folder() / "hm" / "images").rglob("*.jpg"))
    wanted, side = n + BATCH + TUNED, 8
    each = -(-wanted // len(files))
    found = []
    for file in files:
        picture = np.asarray(Image.open(file).convert("RGB"), np.float32)
        tops = rng.integers(0, picture.shape[0] - side + 1, each)
        lefts = rng.integers(0, picture.shape[1] - side + 1, each)
        cut = [
            picture[t : t + side, x : x + side].ravel() for t, x in zip(tops, lefts, strict=True)
        ]
        found.append(np.stack(cut).astype(np.float16))
    rows = rng.permutation(np.concatenate(found))[:wanted].astype(np.float32)
    rows += rng.normal(scale=0.5, size=rows.shape).astype(np.float32)  # no two white patches alike
    rows -= rows.mean(axis=1, keepdims=True)
    sample = rows[:: max(1, len(rows) // 100_000)]
    _, directions = np.linalg.eigh(np.cov(sample.T))
    return _unit_parts(rows @ directions[:, ::-1][:, :d].astype(np.float32), n)


def _unit_parts(rows: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return np.ascontiguousarray(rows[:n]), np.ascontiguousarray(rows[n:])


def load(row: str, given: Path | None) -> tuple[np.ndarray, np.ndarray]:
    if given is not None:
        held = np.load(given)
        return _unit_parts(np.concatenate([held["items"], held["queries"]]), len(held["items"]))
    kind, shape = row.split("-", 1)
    n, d = shape.split("x")
    return {"clustered": clustered, "patches": patches}[kind](int(float(n)), int(d))


def exact(vectors: np.ndarray, queries: np.ndarray) -> np.ndarray:
    return nearest(queries, vectors, K)


def recall(found: np.ndarray, true: np.ndarray) -> float:
    return float(np.mean([np.isin(t, f).mean() for f, t in zip(found, true, strict=True)]))


def layer(index: tf.keras.layers.Layer, dim: int) -> Ask:
    """The rows of a layer's answer, called as a served signature is."""
    ask = tf.function(lambda queries: index(queries), autograph=False).get_concrete_function(
        tf.TensorSpec([None, dim])
    )
    return lambda queries: ask(tf.constant(queries))[1].numpy()


def cheapest(
    settings: list, make: Callable[[Any], Ask], tuned: np.ndarray, true: np.ndarray, target: float
) -> Ask:
    """The first of the settings, cheapest first, that reaches the recall; else the last."""
    for setting in settings:
        ask = make(setting)
        if recall(ask(tuned), true) >= target:
            break
    return ask


def tfrs_brute_force(x: np.ndarray, *_: Any) -> tuple[Ask, Any]:
    index = tfrs.layers.factorized_top_k.BruteForce(k=K).index(tf.constant(x))
    return layer(index, x.shape[1]), index


def tfrs_scann(
    x: np.ndarray, tuned: np.ndarray, true: np.ndarray, target: float
) -> tuple[Ask, Any]:
    leaves = round(len(x) ** 0.5)

    def indexed(share: float, reordered: int) -> tf.keras.layers.Layer:
        return tfrs.layers.factorized_top_k.ScaNN(
            k=K,
            num_leaves=leaves,
            num_leaves_to_search=max(1, round(share * leaves)),
            num_reordering_candidates=min(len(x), reordered),
            parallelize_batch_searches=True,
        ).index(tf.constant(x))

    # One that is built may be asked with any setting, though not through the layer.
    first = indexed(*SCANN_SETTINGS[0])
    searcher = scann_ops.searcher_from_module(first._serialized_searcher)
    for share, reordered in SCANN_SETTINGS:
        found = searcher.search_batched_parallel(
            tuned, K, min(len(x), reordered), max(1, round(share * leaves))
        )
        if recall(found.indices.numpy(), true) >= target:
            break
    index = indexed(share, reordered)
    return layer(index, x.shape[1]), index


def scann_itself(
    x: np.ndarray, tuned: np.ndarray, true: np.ndarray, target: float
) -> tuple[Ask, Any]:
    leaves = round(len(x) ** 0.5)
    searcher = (
        scann_ops_pybind.builder(x, K, "dot_product")
        .tree(leaves, max(1, leaves // 100), training_sample_size=min(len(x), 100 * leaves))
        .score_ah(2, anisotropic_quantization_threshold=0.2)
        .reorder(400)
        .build()
    )

    def make(setting: tuple[float, int]) -> Ask:
        options = {
            "leaves_to_search": max(1, round(setting[0] * leaves)),
            "pre_reorder_num_neighbors": setting[1],
        }

        def ask(queries: np.ndarray) -> np.ndarray:
            if len(queries) == 1:
                return searcher.search(queries[0], **options)[0][np.newaxis]
            return searcher.search_batched_parallel(queries, **options)[0]

        return ask

    return cheapest(SCANN_SETTINGS, make, tuned, true, target), searcher


def faiss_ivf(x: np.ndarray, tuned: np.ndarray, true: np.ndarray, target: float) -> tuple[Ask, Any]:
    import faiss

    lists = round(len(x) ** 0.5)
    index = faiss.index_factory(x.shape[1], f"IVF{lists},Flat", faiss.METRIC_INNER_PRODUCT)
    index.train(x[:: max(1, len(x) // (100 * lists))])
    index.add(x)

    def make(probes: int) -> Ask:
        def ask(queries: np.ndarray) -> np.ndarray:
            index.nprobe = probes
            return index.search(queries, K)[1]

        return ask

    settings = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 18, 22, 27, 33, 40, 60, 90, 150, lists]
    return cheapest([p for p in settings if p <= lists], make, tuned, true, target), index


def faiss_hnsw(
    x: np.ndarray, tuned: np.ndarray, true: np.ndarray, target: float
) -> tuple[Ask, Any]:
    import faiss

    index = faiss.IndexHNSWFlat(x.shape[1], 16, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = 60
    index.add(x)

    def make(width: int) -> Ask:
        def ask(queries: np.ndarray) -> np.ndarray:
            index.hnsw.efSearch = width
            return index.search(queries, K)[1]

        return ask

    return cheapest(
        [100, 130, 170, 220, 300, 400, 600, 900, 1500], make, tuned, true, target
    ), index


def of_tfmm(kind: type, **options: Any) -> Callable[..., tuple[Ask, Any]]:
    def build(x: np.ndarray, tuned: np.ndarray, _: Any, target: float) -> tuple[Ask, Any]:
        if kind is not BruteForce:
            options["recall"] = target
        index = kind(k=K, **options).index(x, queries=tuned)
        return layer(index, x.shape[1]), index

    return build


BUILDERS: dict[str, Callable[..., tuple[Ask, Any]]] = {
    "tfrs BruteForce": tfrs_brute_force,
    "tfrs ScaNN": tfrs_scann,
    "scann": scann_itself,
    "faiss IVF": faiss_ivf,
    "faiss HNSW": faiss_hnsw,
    "tfmm BruteForce": of_tfmm(BruteForce),
    "tfmm IVF": of_tfmm(IVF),
    "tfmm IVF bfloat16": of_tfmm(IVF, storage="bfloat16"),
    "tfmm IVF int8": of_tfmm(IVF, storage="int8"),
    "tfmm ScaNN": of_tfmm(ScaNN),
}


def resident_mb() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def file_mb(index: Any, dim: int, folder: Path) -> float:
    """The size of the index as its own library writes it."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if isinstance(index, tf.keras.layers.Layer):
        module = tf.Module()
        module.held = list(index.variables)
        spec = tf.TensorSpec([None, dim])
        module.ask = tf.function(lambda q: index(q)[1], input_signature=[spec], autograph=False)
        if getattr(index, "_serialized_searcher", None) is not None:
            module.searcher = index._serialized_searcher
        options = tf.saved_model.SaveOptions(namespace_whitelist=["Scann"])
        tf.saved_model.save(module, str(folder), options=options)
    elif hasattr(index, "serialize"):
        index.serialize(str(folder))
    else:
        import faiss

        faiss.write_index(index, str(folder / "index"))
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 2**20
    shutil.rmtree(folder)
    return size


def measure(row: str, args: argparse.Namespace) -> list[dict[str, Any]]:
    x, queries = load(row, args.vectors)
    tuned, asked = queries[:TUNED], queries[TUNED:][:BATCH]
    true_tuned, true = exact(x, tuned), exact(x, asked)
    asks: dict[str, Ask] = {}
    results: dict[str, dict[str, Any]] = {}
    for name in args.indices:
        before, started = resident_mb(), time.perf_counter()
        ask, index = BUILDERS[name](x, tuned, true_tuned, args.recall)
        results[name] = {
            "vectors": row,
            "index": name,
            "recall@100": round(recall(ask(asked), true), 4),
            "build and tune, s": round(time.perf_counter() - started, 1),
            "memory, MB": round(resident_mb() - before),
        }
        results[name]["file, MB"] = round(file_mb(index, x.shape[1], Path(args.scratch) / "index"))
        asks[name] = ask
        print(json.dumps(results[name]), flush=True)
    times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in asks}
    for turn in range(args.turns):
        for name, ask in asks.items():
            for part in range(args.calls):
                query = asked[(turn * args.calls + part) % BATCH][np.newaxis]
                started = time.perf_counter()
                ask(query)
                times[name][0].append(time.perf_counter() - started)
            if turn < args.batches:
                started = time.perf_counter()
                ask(asked)
                times[name][1].append(time.perf_counter() - started)
    medians = {name: tuple(float(np.median(t)) for t in both) for name, both in times.items()}
    for name, result in results.items():
        for place, what in enumerate(("1 query", f"{BATCH} queries")):
            taken = times[name][place]
            result[f"{what}, ms"] = round(1000 * medians[name][place], 3)
            result[f"least, ms ({what})"] = round(1000 * min(taken), 3)
            for other in ("tfrs BruteForce", "tfrs ScaNN"):
                ratio = medians[name][place] / medians[other][place] if other in medians else None
                column = f"{what}: x {other}"
                result[column] = None if ratio is None else float(f"{ratio:.3g}")
    return list(results.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", nargs="*", default=ROWS, help=f"of {', '.join(ROWS)}, or a name")
    parser.add_argument("--indices", nargs="*", default=list(BUILDERS), choices=list(BUILDERS))
    parser.add_argument("--vectors", type=Path, help=".npz with `items` and `queries`, for one row")
    parser.add_argument("--recall", type=float, default=0.95)
    parser.add_argument("--turns", type=int, default=30)
    parser.add_argument("--calls", type=int, default=8, help="single queries in a turn")
    parser.add_argument("--batches", type=int, default=8, help="turns that time a batch too")
    scratch = Path(tempfile.gettempdir()) / "tfmm-indices"
    parser.add_argument("--scratch", default=scratch, help="for files to be measured")
    args = parser.parse_args()
    KEPT.mkdir(parents=True, exist_ok=True)
    for row in args.rows:
        started = os.getloadavg()[0]
        kept = {"rows": measure(row, args), "load": [started, os.getloadavg()[0]]}
        (KEPT / f"{row}.json").write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    files = sorted(KEPT.glob("*.json"))
    rows = [result for file in files for result in json.loads(file.read_text("utf-8"))["rows"]]
    settings = {"recall": args.recall, "k": K, "batch": BATCH, "turns": args.turns, "seed": 1}
    settings["load of the machine"] = {
        f.stem: json.loads(f.read_text("utf-8"))["load"] for f in files
    }
    common.report("indices", rows, settings)


if __name__ == "__main__":
    main()
