"""A tiny shop whose shoppers click, buy and rate, written in several scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

BRANDS = ["红", "grün", "b/l🎈"]


def write_ranking_shop(folder: Path, events: int = 1500, seed: int = 1) -> dict[str, Any]:
    """Writes the tables and gives the shop: a click depends on the brand that a shopper likes, on
    the device and on the item; stars on the brand alone."""
    rng = np.random.default_rng(seed)
    users, items = 60, 40
    taste = rng.normal(size=(users, len(BRANDS)))
    table = pd.DataFrame({"sku": [f"品/{n}" for n in range(items)]})
    table["title"] = [f"thing {n % 7}" for n in range(items)]
    table["brand"] = [BRANDS[n % 3] for n in range(items)]
    table["tags"] = ["|".join(f"t{t}" for t in range(n % 4)) for n in range(items)]
    table["price"] = rng.random(items) * 100
    table.loc[3, ["brand", "price"]] = None
    log = pd.DataFrame({"user": rng.integers(users, size=events)})
    log["item"] = rng.integers(items, size=events)
    log["device"] = np.where(rng.random(events) < 0.5, "phone", "网页")
    log.loc[5, "device"] = None
    odds = 1.5 * taste[log.user, log["item"] % 3] + (log.device == "phone") * 1.5 - 0.8
    odds += np.sin(log["item"])
    log["click"] = (rng.random(events) < 1 / (1 + np.exp(-odds))).astype(int)
    log["buy"] = log.click * (rng.random(events) < 0.5)
    stars = 3 + taste[log.user, log["item"] % 3] + rng.normal(0, 0.3, events)
    log["stars"] = np.clip(np.round(stars), 1, 5)
    log["at"] = 1_700_000_000 + np.arange(events) * 977
    log["part"] = np.where(np.arange(events) < 1000, "a", np.where(log.index < 1200, "b", "c"))
    log["user"] = "ü🎈" + log.user.astype(str)
    log["item"] = "品/" + log["item"].astype(str)
    table.to_csv(folder / "items.csv", index=False)
    log.to_csv(folder / "events.csv", index=False)
    return {
        "root": str(folder),
        "items": {
            "table": "items.csv",
            "id": "sku",
            "features": {
                "title": {"kind": "text", "columns": ["title"]},
                "brand": {"kind": "category", "column": "brand"},
                "tags": {"kind": "tags", "column": "tags", "separator": "|"},
                "price": {"kind": "number", "column": "price"},
            },
        },
        "events": {
            "table": "events.csv",
            "user": "user",
            "item": "item",
            "time": "at",
            "labels": {"click": "click", "buy": "buy"},
            "context": {"device": {"kind": "category", "column": "device"}},
        },
    }


def rated(shop: dict[str, Any]) -> dict[str, Any]:
    """The same shop as one of ratings alone."""
    events = {k: v for k, v in shop["events"].items() if k not in ("labels", "context")}
    return {**shop, "events": {**events, "rating": "stars"}}


def chosen(shop: dict[str, Any]) -> dict[str, Any]:
    """The same shop as one whose events say no more than that they were."""
    events = {k: v for k, v in shop["events"].items() if k not in ("labels", "context")}
    return {**shop, "events": events}
