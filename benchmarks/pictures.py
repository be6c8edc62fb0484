"""Items of several pictures: the first alone beside more of them, by the mean and by attention.

    python benchmarks/pictures.py --seeds 1 2 3

No public set at hand has several pictures an item, so items are made of the groceries' photographs
(`grocery`): up to four of one product, taken one after another, are an item. Its authors' parts
hold, so that no photograph is in two. What is told is the product (81) from the item's pictures, by
the same frozen network; the rows differ in `pictures` of the shop file and `pool` of the encoder.
`nearest` has no training: the share of items of the test whose nearest item of the training, by the
network's own vectors, is of their product. Results go to benchmarks/results/pictures.json.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from common import data_folder, report

from tfmm.encoders.cache import cache_folder
from tfmm.training import train

VIEWS = 4
ROWS = (
    {"pictures": 1, "pool": "mean"},
    {"pictures": 2, "pool": "mean"},
    {"pictures": 4, "pool": "mean"},
    {"pictures": 4, "pool": "attention"},
)


def write_items(folder: Path) -> None:
    """A table of items, each up to `VIEWS` photographs of a product that follow each other."""
    root = data_folder() / "grocery"
    items = []
    for part in ("train", "val", "test"):
        table = pd.read_csv(root / f"{part}.txt", header=None, dtype=str, skipinitialspace=True)
        for product, files in table.groupby(1)[0]:
            names = [str(root / name) for name in sorted(files)]
            for start in range(0, len(names), VIEWS):
                photos = "|".join(names[start : start + VIEWS])
                items.append((f"{part}-{product}-{start}", photos, product, part))
    columns = ["id", "photos", "product", "part"]
    pd.DataFrame(items, columns=columns).to_csv(folder / "items.csv", index=False)


def shop_of(folder: Path, pictures: int) -> dict[str, Any]:
    features = {
        "photo": {"kind": "image", "column": "photos", "pictures": pictures},
        "product": {"kind": "category", "column": "product"},
        "part": {"kind": "category", "column": "part"},
    }
    items = {"table": "items.csv", "id": "id", "features": features}
    allowed = {"allow": [str(data_folder() / "grocery")]}
    return {"root": str(folder), "items": items, "files": allowed}


def measured(folder: Path, row: dict[str, Any], seed: int) -> dict[str, Any]:
    photo = {"name": "efficientnet_lite0", "scales": True, "dropout": 0.2, "pool": row["pool"]}
    config = {
        "task": "classification",
        "name": "pictures",
        "shop": shop_of(folder, row["pictures"]),
        "label": {"feature": "product", "min_items": 1},
        "split": {
            "by": "column",
            "feature": "part",
            "train": "train",
            "valid": "val",
            "test": "test",
        },
        "items": {"encoders": {"photo": photo}},
        "train": {"epochs": 30, "seed": seed},
        "evaluate": {"baselines": ["vectors"]},
    }
    with tempfile.TemporaryDirectory() as out:
        run = train(config, Path(out) / "run", say=lambda _: None)
    metrics, data = run.metrics, run.data.items
    encoder = run.model.content.encoders["photo"]
    vectors = np.asarray(encoder.frozen(data.features["photo"], cache_folder())[:])
    parts, codes = run.task.parts, data.features["product"].codes
    known = parts.final_train()
    near = known[(vectors[parts.test] @ vectors[known].T).argmax(axis=1)]
    return {
        **row,
        "seed": seed,
        "accuracy": round(metrics["model"]["accuracy"], 4),
        "top_5": round(metrics["model"]["top_5"], 4),
        "logistic": round(metrics["baselines"]["vectors"]["accuracy"], 4),
        "nearest": round(float((codes[near] == codes[parts.test]).mean()), 4),
        "test": len(parts.test),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    seeds = parser.parse_args().seeds
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        write_items(Path(folder))
        for row in ROWS:
            rows += [measured(Path(folder), row, seed) for seed in seeds]
            print(rows[-1], flush=True)
    report("pictures", rows, {"views": VIEWS})


if __name__ == "__main__":
    main()
