"""A shop of shoppers who come back at rates of their own, for tests of their analysis."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from tfmm.data.shop import ShopData, load

TITLES = [
    "红色 帽子/é 😀",
    "<script>window.broken = 1</script> x",
    "Café",
    "=1+1 | $5 $x$ *a* & <b",
]


def write_log(folder: Path, shoppers: int = 160, seed: int = 3, days: int = 240) -> Path:
    """Views, carts and purchases with prices, quantities and returns; returns the shop file."""
    rng = np.random.default_rng(seed)
    items = pd.DataFrame(
        {
            "sku": [f"{i:03d}" for i in range(24)],
            "title": [TITLES[i % 4] if i < 4 else f"thing {i}" for i in range(24)],
            "kind": [("上衣", "shoe|$x$", "hat")[i % 3] for i in range(24)],
        }
    )
    items.to_csv(folder / "items.csv", index=False)
    rows = []
    for number in range(shoppers):
        user, taste = f"客户/{number:03d}", number % 3
        day, rate = rng.integers(0, days // 2), rng.gamma(2.0, 15.0) + 3
        while day < days:
            met = set(rng.choice(np.arange(taste, 24, 3), 3).tolist())
            # Two that are always met together.
            met = met | {0, 3} if met & {0, 3} else met
            for item in met:
                at = 1_700_000_000 + 86_400 * int(day) + int(rng.integers(0, 3000))
                rows.append((user, f"{item:03d}", "view", at, 1, ""))
                if rng.random() < (1.0 if item in (0, 3) else 0.7):
                    rows.append((user, f"{item:03d}", "cart", at + 60, 1, ""))
                    price = 5 + 3 * (item % 7)
                    rows.append((user, f"{item:03d}", "buy", at + 90, 1 + item % 2, price))
                    if rng.random() < 0.03:
                        rows.append((user, f"{item:03d}", "buy", at + 9000, -1, price))
            if rng.random() < 0.15:
                break
            day += 1 + int(rng.exponential(rate))
    columns = ["who", "sku", "type", "at", "pieces", "price"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "events.csv", index=False)
    shop = {
        "items": {
            "table": "items.csv",
            "id": "sku",
            "features": {
                "title": {"kind": "text", "column": "title"},
                "kind": {"kind": "category", "column": "kind"},
            },
        },
        "events": {
            "table": "events.csv",
            "user": "who",
            "item": "sku",
            "time": "at",
            "type": "type",
            "weights": {"view": 1, "cart": 2, "buy": 4},
            "quantity": "pieces",
            "price": "price",
        },
    }
    (folder / "shop.yaml").write_text(yaml.safe_dump(shop, allow_unicode=True), "utf-8")
    return folder / "shop.yaml"


def shop_of(folder: Path, events: str, extra: tuple[str, ...] = (), **columns: object) -> ShopData:
    """A shop of these events alone (CSV with the columns user and item)."""
    (folder / "events.csv").write_text(events, "utf-8")
    mapping = {"table": "events.csv", "user": "user", "item": "item", **columns}
    return load({"root": str(folder), "events": mapping}, extra)
