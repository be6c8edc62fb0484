"""Reading 10^7 events of CSV, beside another tree of tfmm: an earlier commit, say.

Each tree reads the same shop in processes of its own, in turn, and the quickest of its rounds
counts. What finding the dialect takes is measured by itself, in this tree.

    git worktree add ../before COMMIT
    python benchmarks/reading.py --before ../before --commit COMMIT
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import common
import numpy as np
import pyarrow as pa
import pyarrow.csv

from tfmm.data.shop_file.specs import FormatSpec
from tfmm.data.tables.delimited import find_dialect, find_encoding, sample
from tfmm.data.tables.file import TableFile

HERE = Path(__file__).resolve().parents[1]
#: What a tree runs: it loads the shop and tells seconds, events and its peak of memory.
READ = """
import json, resource, sys, time
from tfmm.data import load
begun = time.perf_counter()
data = load(sys.argv[1])
seconds = time.perf_counter() - begun
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(json.dumps({"seconds": seconds, "events": len(data.events), "peak GB": peak}))
"""
SHOP = """
items: {table: items.csv, id: sku, features: {title: {kind: text, column: title}}}
events: {table: events.csv, user: customer, item: sku, time: at, type: action,
         weights: {view: 1, cart: 2, buy: 4}}
"""


def write(folder: Path, events: int, items: int, users: int) -> Path:
    """Writes the shop; ids and times as shops write them."""
    rng = np.random.default_rng(1)
    names = np.array([f"SKU-{n:07d}" for n in range(items)])
    titles = [f"Product {n}, of good make" for n in range(items)]
    pa.csv.write_csv(pa.table({"sku": names, "title": titles}), folder / "items.csv")
    popular = (items * rng.random(events) ** 3).astype(np.int64)
    start = np.datetime64("2023-01-01T00:00:00")
    times = start + rng.integers(0, 365 * 86400, events).astype("timedelta64[s]")
    table = pa.table(
        {
            "customer": pa.array(rng.integers(10**6, 10**6 + users, events)).cast(pa.string()),
            "sku": pa.DictionaryArray.from_arrays(pa.array(popular), pa.array(names)).cast(
                pa.string()
            ),
            "at": pa.array(times).cast(pa.string()),
            "action": pa.array(np.array(["view", "cart", "buy"])[rng.integers(0, 3, events)]),
        }
    )
    pa.csv.write_csv(table, folder / "events.csv")
    (folder / "shop.yaml").write_text(SHOP)
    return folder / "shop.yaml"


def read(tree: Path, shop: Path) -> dict[str, float]:
    """What a tree of tfmm takes to load the shop."""
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    command = [sys.executable, "-c", READ, str(shop)]
    done = subprocess.run(
        command, cwd=shop.parent, env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def dialect_seconds(table: Path) -> float:
    """What finding encoding and dialect of a table takes."""
    begun = time.perf_counter()
    file = TableFile(table, table.name, "the shop", FormatSpec())
    data = sample(file)
    find_dialect(file, data.decode(find_encoding(file, data)), ("customer", "sku", "at", "action"))
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", type=Path, required=True, help="another tree of tfmm")
    parser.add_argument("--commit", default="", help="which that is, for the results")
    parser.add_argument("--events", type=int, default=10**7)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    trees = {"before": args.before.resolve(), "this tree": HERE}
    with tempfile.TemporaryDirectory() as folder:
        shop = write(Path(folder), args.events, args.items, args.users)
        size = (shop.parent / "events.csv").stat().st_size
        found = {name: [] for name in trees}
        for _ in range(args.rounds):
            for name, tree in trees.items():
                found[name].append(read(tree, shop))
        dialect = dialect_seconds(shop.parent / "events.csv")
    rows = []
    base = min(one["seconds"] for one in found["before"])
    for name, rounds in found.items():
        seconds = min(one["seconds"] for one in rounds)
        rows.append(
            {
                "tree": name,
                "seconds": round(seconds, 1),
                "of before": round(seconds / base, 2),
                "events a second": f"{args.events / seconds:,.0f}",
                "peak GB": round(max(one["peak GB"] for one in rounds), 2),
                "dialect, seconds": round(dialect, 3) if name == "this tree" else None,
            }
        )
    settings = {key: getattr(args, key) for key in ("commit", "events", "items", "users", "rounds")}
    settings |= {"megabytes": round(size / 1e6), "load of the machine": os.getloadavg()[0]}
    common.report("reading", rows, settings)


if __name__ == "__main__":
    main()
