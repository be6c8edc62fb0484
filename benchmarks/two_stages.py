"""What a ranker costs in a request: retrieval and ranking beside retrieval alone.

    python benchmarks/two_stages.py [--items 100000] [--candidates 500]

A shop of drawn items, shoppers and clicks; a retrieval run and rankers by several presets, all
trained for an epoch, which is enough to be timed. Each request is one shopper's, over gRPC, and the
models take turns. Writes `results/two_stages.md`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import common
import numpy as np
import pandas as pd

import tfmm

PRESETS = ("linear", "dcn", "dlrm", "din")


def write_shop(folder: Path, items: int) -> dict[str, Any]:
    """Tables of items with four features, and of clicks on a device."""
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"sku": [f"i{n}" for n in range(items)]})
    for name, values in (("brand", 500), ("kind", 40), ("colour", 12)):
        table[name] = [f"{name}{value}" for value in rng.integers(values, size=items)]
    table["price"] = rng.lognormal(3, 1, items).round(2)
    count = 2 * items
    log = pd.DataFrame({"user": rng.integers(2_000, size=count)})
    log["item"] = (rng.random(count) ** 2 * items).astype(int)
    log["device"] = rng.choice(["phone", "desk"], count)
    log["click"] = rng.integers(2, size=count)
    log["at"] = 1_700_000_000 + np.arange(count) * 7
    log["user"] = "u" + log.user.astype(str)
    log["item"] = "i" + log["item"].astype(str)
    table.to_csv(folder / "items.csv", index=False)
    log.to_csv(folder / "events.csv", index=False)
    kinds = {name: {"kind": "category", "column": name} for name in ("brand", "kind", "colour")}
    return {
        "root": str(folder),
        "items": {
            "table": "items.csv",
            "id": "sku",
            "features": {**kinds, "price": {"kind": "number", "column": "price"}},
        },
        "events": {
            "table": "events.csv",
            "user": "user",
            "item": "item",
            "time": "at",
            "labels": {"click": "click"},
            "context": {"device": {"kind": "category", "column": "device"}},
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--candidates", type=int, default=500)
    parser.add_argument("--requests", type=int, default=200)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shop = write_shop(folder, args.items)
        short = {"epochs": 1, "batch_size": 4096}
        finder = {
            "shop": shop,
            "items": {"dim": 64},
            "train": short,
            "blend": {"ease": False},
            "evaluate": {"baselines": [], "k": [20]},
        }
        tfmm.train(finder, folder / "finder")
        models = folder / "models"
        tfmm.export_model(folder / "finder", models, name="alone", k=20)
        for preset in PRESETS:
            judge = {
                "task": "ranking",
                "shop": shop,
                "network": preset,
                "train": short,
                "evaluate": {"baselines": []},
            }
            tfmm.train(judge, folder / preset)
            tfmm.export_model(
                folder / "finder",
                models,
                name=preset,
                k=20,
                rank=folder / preset,
                candidates=args.candidates,
            )
        seconds: dict[str, list[float]] = {name: [] for name in ("alone", *PRESETS)}
        server = tfmm.Server(models, grpc_port=0, rest_port=0)
        with server:
            clients = {name: tfmm.Client(server.grpc_address, name) for name in seconds}
            for number in range(args.requests + 20):
                asked = {"user_id": [f"u{number}"], "exclude": [[]], "allow": [[]]}
                for name, client in clients.items():
                    more = {} if name == "alone" else {"device": ["phone"], "time": [1_701_400_000]}
                    started = time.perf_counter()
                    client.ask("recommend", **asked, **more)
                    if number >= 20:
                        seconds[name].append(time.perf_counter() - started)
    base = float(np.median(seconds["alone"]))
    rows = [
        {
            "model": name,
            "p50 ms": round(1e3 * float(np.median(found)), 2),
            "p99 ms": round(1e3 * float(np.quantile(found, 0.99)), 2),
            "times retrieval alone": round(float(np.median(found)) / base, 2),
        }
        for name, found in seconds.items()
    ]
    common.report("two_stages", rows, vars(args))


if __name__ == "__main__":
    main()
