"""A tiny shop whose kinds of things sell at paces of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import yaml

KINDS = {"帽子": 9.0, "café table": 2.0, "💡 lamp": 0.4}


def write_shop(folder: Path, items: int = 45, weeks: int = 40, seed: int = 0) -> Path:
    """Its shop file: ids with accents and slashes, a return, and two items that never sold."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    kind = [list(KINDS)[i % 3] for i in range(items)]
    ids = [f"é/{i:03d}" for i in range(items)]
    table = {"id": ids, "title": [f"{k} nº {i}" for i, k in enumerate(kind)], "kind": kind}
    pd.DataFrame(table).to_csv(folder / "items.csv", index=False)
    rows = []
    for i in range(items - 2):
        first = 0 if i % 5 else int(rng.integers(0, weeks // 2))
        for week in range(first, weeks):
            promoted = int(week % 10 == i % 10)
            pace = KINDS[kind[i]] * (1 + 1.0 * promoted)
            if pieces := rng.poisson(pace):
                day = pd.Timestamp("2024-01-01") + pd.Timedelta(days=7 * week + i % 7)
                rows.append((f"u{i % 7}", ids[i], day, pieces, 2.5 + i % 3, promoted, f"店{i % 2}"))
    rows.append(("u0", ids[1], pd.Timestamp("2024-02-07"), -3, 2.5, 0, "店1"))
    # A log that ends on a Sunday holds its last week whole.
    last = pd.Timestamp("2024-01-01") + pd.Timedelta(days=7 * weeks - 1)
    rows.append(("u0", ids[0], last, 1, 2.5, "", "店1"))
    plan = [
        (ids[i], pd.Timestamp("2024-01-01") + pd.Timedelta(days=7 * week), week % 10 == i % 10)
        for i in range(items)
        for week in range(weeks + 4)
    ]
    planned = pd.DataFrame(plan, columns=["id", "week", "promotion"])
    planned["promotion"] = planned.promotion.astype(int)
    planned.assign(price=3.0).to_csv(folder / "plan.csv", index=False)
    names = ["user", "item", "at", "pieces", "price", "promoted", "store"]
    pd.DataFrame(rows, columns=names).to_csv(folder / "events.csv", index=False)
    shop = {
        "root": str(folder),
        "items": {
            "table": "items.csv",
            "id": "id",
            "features": {
                "title": {"kind": "text", "columns": ["title"]},
                "kind": {"kind": "category", "column": "kind"},
            },
        },
        "events": {
            "table": "events.csv",
            "user": "user",
            "item": "item",
            "time": "at",
            "quantity": "pieces",
            "price": "price",
        },
    }
    file = folder / "shop.yaml"
    file.write_text(yaml.safe_dump(shop, allow_unicode=True), "utf-8")
    return file


def run_of(shop: Path, **changes) -> dict:
    base = {
        "task": "demand",
        "name": "demand",
        "shop": str(shop),
        "futures": {
            "price": True,
            "promotion": "promoted",
            "plan": {
                "table": str(shop.with_name("plan.csv")),
                "series": "id",
                "time": "week",
                "columns": ["promotion", "price"],
            },
        },
        "split": {"test": 3, "valid": 3, "cold": 0.2},
        "network": {"window": 16, "horizon": 3, "hidden": 32, "members": 2},
        "items": {"dim": 8},
        "train": {"epochs": 12, "batch_size": 128, "learning_rate": 0.01},
        "evaluate": {"baselines": ["last_value", "moving_average", "category_mean"]},
    }
    return {**base, **changes}
