"""Does a training step's time grow with the number of users and items?

Trains the same two-tower model (ids in both towers) with equal batches over tables of few and of
many rows, steps of the two taken in turn, and prints the ratio of the median step times, with the
memory of the optimizer's state. Ids are drawn evenly, the worst case for a table's locality.

    python benchmarks/optimizer_rows.py [--few 100000] [--many 5000000]
"""

from __future__ import annotations

import argparse
import time

import common
import numpy as np
import tensorflow as tf

import tfmm
from tfmm.data.batches.pipeline import FeatureColumns
from tfmm.layers.towers import ItemTower, UserTower
from tfmm.tasks.retrieval.two_tower import TwoTower


def build(rows: int, dim: int, optimizer: tf.keras.optimizers.Optimizer) -> TwoTower:
    model = TwoTower(
        ItemTower(rows, dim),
        UserTower(rows, dim, id=True),
        FeatureColumns({}, np.zeros((rows, 0), bool)),
    )
    model.item_tower.known.assign(tf.ones(rows, tf.bool))
    optimizer.build(model.trainable_variables)
    model.compile(optimizer=optimizer)
    return model


def batch(rows: int, size: int, length: int, rng: np.random.Generator) -> dict:
    """A training batch of distinct random ids with histories of `length` items."""
    items = rng.choice(rows, size * (length + 1), replace=False).astype(np.int32)
    return {
        "user": tf.constant(rng.choice(rows, size, replace=False).astype(np.int32)),
        "items": tf.constant(items),
        "target": tf.range(size),
        "history": tf.reshape(tf.range(size, size * (length + 1)), (size, length)),
        "negatives": tf.zeros([0], tf.int32),
        "weight": tf.ones(size),
        "probability": tf.ones(size),
        "present": tf.zeros((len(items), 0), tf.bool),
        "features": {},
        "encode": {},
    }


def state_bytes(optimizer: tf.keras.optimizers.Optimizer) -> int:
    return sum(int(np.prod(v.shape)) * v.dtype.size for v in optimizer.variables)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--few", type=int, default=100_000)
    parser.add_argument("--many", type=int, default=5_000_000)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--batch", type=int, default=2048)
    parser.add_argument("--history", type=int, default=8)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--adam-many", type=int, default=1_000_000, help="rows for dense Adam")
    args = parser.parse_args()

    makers = {
        "LazyAdam": (lambda: tfmm.LazyAdam(0.01), args.many),
        "Adagrad": (lambda: tf.keras.optimizers.Adagrad(0.1), args.many),
        "Adam (dense)": (lambda: tf.keras.optimizers.Adam(0.01), args.adam_many),
    }
    rows = []
    for name, (maker, many) in makers.items():
        sizes = (args.few, many)
        models = [build(size, args.dim, maker()) for size in sizes]
        rng = np.random.default_rng(1)
        batches = [[batch(size, args.batch, args.history, rng) for _ in range(8)] for size in sizes]
        steps = [tf.function(model.train_step) for model in models]
        times: list[list[float]] = [[], []]
        for step in range(args.steps + 5):
            for which in (0, 1):
                started = time.perf_counter()
                float(steps[which](batches[which][step % 8])["loss"])
                if step >= 5:
                    times[which].append(time.perf_counter() - started)
        few, large = (float(np.median(t)) * 1000 for t in times)
        rows.append(
            {
                "optimizer": name,
                "rows": f"{sizes[0]:,} / {sizes[1]:,}",
                "ms a step": f"{few:.1f} / {large:.1f}",
                "ratio": round(large / few, 3),
                "state, MB": f"{state_bytes(models[0].optimizer) / 2**20:,.0f} / "
                f"{state_bytes(models[1].optimizer) / 2**20:,.0f}",
            }
        )
        del models, steps
        tf.keras.backend.clear_session()
    common.report("optimizer_rows", rows, vars(args))


if __name__ == "__main__":
    main()
