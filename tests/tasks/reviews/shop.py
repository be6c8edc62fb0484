"""A small shop of reviews in two languages, some with opposite polarities in one sentence."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import yaml

THINGS = {"en": ["battery", "screen", "soup", "staff"], "zh": ["电池", "屏幕", "汤", "服务员"]}
GOOD = {"en": ["great", "lovely", "superb"], "zh": ["很好", "不错", "喜欢"]}
BAD = {"en": ["awful", "poor", "broken"], "zh": ["很差", "糟糕", "失望"]}
CATEGORY = {"battery": "power", "电池": "power", "soup": "food/🍜", "汤": "food/🍜"}


def write_reviews(folder: Path, count: int = 240, seed: int = 1) -> Path:
    """A folder with `reviews.csv`, `aspects.csv` and `shop.yaml`; returns the shop file."""
    rng = np.random.default_rng(seed)
    reviews, aspects = [], []
    for number in range(count):
        tongue = "zh" if number % 3 == 0 else "en"
        nr, text = f"r/{number}é", ""
        whole = rng.random() < 0.5
        for place in range(1 + number % 2):
            thing = str(rng.choice(THINGS[tongue]))
            # The second thing is as the first is not.
            good = whole if place == 0 else not whole
            word = str(rng.choice((GOOD if good else BAD)[tongue]))
            text += ("，" if tongue == "zh" else ", but ") if place else ""
            start = len(text) + (0 if tongue == "zh" else 4)
            text += f"{thing}{word}" if tongue == "zh" else f"the {thing} is {word}"
            polarity = "positive" if good else "Negative"
            aspects.append([nr, thing, polarity, start, start + len(thing)])
            if thing in CATEGORY:
                aspects.append([nr, CATEGORY[thing], polarity, "", ""])
        text += "!" if whole else " …🎩"
        item = ["帽子/1", "sku 2", "é3"][number % 3]
        reviews.append([nr, item, text, "5" if whole else "1"])
    reviews.append(["r/none", "sku 2", "nothing here", "5"])
    aspects.append(["r/none", "", "", "", ""])
    for name, header, rows in (
        ("reviews", ["nr", "sku", "text", "stars"], reviews),
        ("aspects", ["review", "aspect", "polarity", "start", "end"], aspects),
    ):
        with open(folder / f"{name}.csv", "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, *rows])
    value = {
        "reviews": {
            "table": "reviews.csv",
            "id": "nr",
            "item": "sku",
            "text": "text",
            "rating": "stars",
            "aspects": {"table": "aspects.csv", "start": "start", "end": "end"},
        }
    }
    (folder / "shop.yaml").write_text(yaml.safe_dump(value, allow_unicode=True), "utf-8")
    return folder / "shop.yaml"


def run_of(shop: Path, **changes) -> dict:
    """A run file over it that trains in seconds."""
    encoder = {"name": "lstm", "marks": True, "units": 16, "width": 16, "max_tokens": 24}
    base = {
        "task": "reviews",
        "name": "said",
        "shop": str(shop),
        "split": {"valid": 0.2, "test": 0.25},
        "sentiment": {"classes": {"negative": ["1"], "positive": ["5"]}},
        "text": {"encoder": encoder, "dim": 16, "dropout": 0.1, "buckets": 4096, "ngrams": 2},
        "aspects": {"window": 3},
        "train": {"epochs": 30, "batch_size": 16, "learning_rate": 0.02, "patience": 8},
    }
    return {**base, **changes}
