"""Seconds and memory of a graph model's training at 10^5, 10^6 and 10^7 edges, whole and sampled.

    python benchmarks/graph.py [--edges 5 6 7] [--steps 5]

Users' activity and items' popularity follow power laws; 10 edges a user, 50 an item; ids alone, 64
dimensions, two layers, batches of 2,048 pairs. A step over the whole graph costs in proportion to
its edges, one over sampled neighbours in proportion to the batch; an epoch has a step for every
2,048 edges. CPU seconds are those of all threads together. Each row runs in a process of its own,
so that its memory is its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from types import SimpleNamespace
from typing import Any

import common
import numpy as np
import tensorflow as tf

import tfmm
from tfmm.data.catalog import Catalog
from tfmm.data.events.pairs import Pairs
from tfmm.tasks.retrieval.graph.memory import full_memory

BATCH, DIM = 2048, 64


def made(edges: int, seed: int = 1) -> tuple[Any, Pairs]:
    """A shop of ids alone and about so many distinct pairs."""
    rng = np.random.default_rng(seed)
    users, items = edges // 10, edges // 50
    draw = int(1.15 * edges)
    # The ranks of a Zipf-like law, by inverting its distribution function.
    user = (users * rng.random(draw) ** 1.3).astype(np.int32)
    item = (items * rng.random(draw) ** 2.0).astype(np.int32)
    one = np.unique(user.astype(np.int64) * items + item)
    one = np.sort(rng.permutation(one)[:edges])
    pairs = Pairs(
        (one // items).astype(np.int32),
        (one % items).astype(np.int32),
        None,
        np.ones(len(one), np.float32),
        users,
        items,
    )
    catalogs = [Catalog(np.arange(n).astype(str).astype(object)) for n in (items, users)]
    spec = SimpleNamespace(events=SimpleNamespace(type=None, weights={}))
    data = SimpleNamespace(items=catalogs[0], users=catalogs[1], events=pairs, shop=spec)
    return data, pairs


def row(edges: int, mode: str, steps: int) -> dict[str, Any]:
    """Time and memory of some steps."""
    data, pairs = made(edges)
    started = time.perf_counter()
    graph = {"mode": mode, "memory": 1000.0, "together": 0}
    options = {"encoders": {}, "dim": DIM, "history_size": 20}
    model = tfmm.Graph.from_data(data, pairs, graph=graph, **options)
    model.compile(optimizer=tfmm.LazyAdam(0.01))
    batches = iter(model.batches(pairs, batch_size=BATCH))
    step = tf.function(model.train_step, reduce_retracing=True)
    for _ in range(2):
        step(next(batches))
    ready, cpu = time.perf_counter(), time.process_time()
    for _ in range(steps):
        step(next(batches))
    seconds, cpu = (time.perf_counter() - ready) / steps, (time.process_time() - cpu) / steps
    nodes = data.items.ids.size + data.users.ids.size
    estimate = full_memory(model.edges, nodes, DIM, model.config.layers)
    return {
        "mode": mode,
        "edges": len(pairs),
        "users": pairs.n_users,
        "items": pairs.n_items,
        "seconds a step": round(seconds, 3),
        "CPU seconds a step": round(cpu, 3),
        "CPU seconds an epoch": round(cpu * -(-len(pairs) // BATCH), 1),
        "seconds to start": round(ready - started, 1),
        "peak GB": round(common.peak_memory_gb(), 2),
        "estimate of the whole graph, GB": round(estimate / 2**30, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--edges", type=int, nargs="*", default=[5, 6, 7], help="powers of ten")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--row", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.row:
        print(json.dumps(row(10 ** int(args.row[0]), args.row[1], args.steps)))
        return
    rows = []
    for power in args.edges:
        for mode in ("full", "sampled"):
            command = [sys.executable, __file__, "--row", str(power), mode]
            command += ["--steps", str(args.steps)]
            out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            rows.append(json.loads(out.strip().splitlines()[-1]))
            common.report("graph", rows, {"steps": args.steps, "batch": BATCH, "dim": DIM})


if __name__ == "__main__":
    main()
