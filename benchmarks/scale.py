"""One machine, a large shop: load, check, one epoch and export, with seconds and peak memory.

Writes a made-up shop (Zipf-like popularity; titles of a few words, a category and a price a
product) to a temporary folder, then takes it through the real steps. A child process for each size,
so that peak memory is that size's own.

    python benchmarks/scale.py [--events 1000000 10000000]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import common
import numpy as np
import pandas as pd

SHOP = """\
items:
  table: items.parquet
  id: sku
  features:
    title: {kind: text, column: title}
    kind: {kind: category, column: kind}
    price: {kind: number, column: price}
events: {table: events.csv, user: who, item: sku, time: at}
"""


def write_shop(folder: Path, users: int, items: int, events: int) -> None:
    rng = np.random.default_rng(1)
    words = np.array([f"word{i}" for i in range(20_000)])
    names = np.array([f"sku-{i:08d}" for i in range(items)])
    titles = words[(rng.random((items, 5)) ** 2 * len(words)).astype(int)]
    pd.DataFrame(
        {
            "sku": names,
            "title": [" ".join(row) for row in titles],
            "kind": [f"kind{i}" for i in rng.integers(0, 500, items)],
            "price": rng.lognormal(3, 1, items).round(2),
        }
    ).to_parquet(folder / "items.parquet")
    item = np.minimum((items * rng.random(events) ** 2.5).astype(np.int64), items - 1)
    # Every user and item has an event at least, as far as there are enough.
    user = rng.integers(0, users, events)
    user[: min(users, events)] = np.arange(min(users, events))
    item[-min(items, events) :] = np.arange(min(items, events))
    pd.DataFrame(
        {
            "who": pd.Categorical.from_codes(user, [f"user-{i:08d}" for i in range(users)]),
            "sku": pd.Categorical.from_codes(item, names),
            "at": 1_600_000_000 + np.sort(rng.integers(0, 30_000_000, events)),
        }
    ).to_csv(folder / "events.csv", index=False)
    (folder / "shop.yaml").write_text(SHOP, "utf-8")


def measure(folder: Path, batch: int, steps: int | None) -> dict[str, Any]:
    import tensorflow as tf

    import tfmm
    from tfmm.training import Run, RunConfig

    row: dict[str, Any] = {}
    started = time.perf_counter()

    def lap(name: str) -> None:
        nonlocal started
        row[f"{name} s"] = round(time.perf_counter() - started, 1)
        row[f"{name} GB"] = round(common.peak_memory_gb(), 2)
        started = time.perf_counter()

    shop = tfmm.load(folder / "shop.yaml")
    lap("load and check")
    parts = tfmm.split(shop, by="user", valid=0.05, test=0.05, seed=1)
    lap("split")
    model = tfmm.TwoTower.from_data(shop, parts.train, dim=64)
    model.compile(optimizer=tfmm.LazyAdam(0.01, dense_rate=0.3))
    lap("build")
    batches = model.batches(parts.train, batch_size=batch)
    model.fit(batches if steps is None else batches.take(steps), verbose=0)
    row["examples"] = len(parts.train) if steps is None else steps * batch
    lap("epoch")
    config = RunConfig.from_dict({"shop": str(folder / "shop.yaml"), "name": "large"})
    tfmm.export_model(Run(folder, config, shop, model, {}), folder / "models", k=100)
    lap("export")
    files = (folder / "models").rglob("*")
    row["export's files GB"] = round(sum(f.stat().st_size for f in files) / 2**30, 2)
    tf.keras.backend.clear_session()
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--batch", type=int, default=2048)
    parser.add_argument("--steps", type=int, help="train on so many batches, not a whole epoch")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(measure(args.child, args.batch, args.steps)))
        return
    rows = []
    for events in args.events:
        users = items = events // 10
        with tempfile.TemporaryDirectory() as folder:
            write_shop(Path(folder), users, items, events)
            command = [sys.executable, __file__, "--child", folder, "--batch", str(args.batch)]
            command += ["--steps", str(args.steps)] if args.steps else []
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        sizes = {"events": events, "users": users, "items": items}
        rows.append({**sizes, **json.loads(done.stdout.splitlines()[-1])})
        common.report("scale", rows, {"batch": args.batch, "steps": args.steps})


if __name__ == "__main__":
    main()
