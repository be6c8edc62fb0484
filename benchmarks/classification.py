"""Labels of real items, beside the baselines of the same run.

    python benchmarks/classification.py cn_reviews fashion_type_photo

Rows: what the label is told from. Everything but the test part is used for choosing and fitting;
`grocery` has its authors' parts, fashion a random tenth for the test. Many reviews are copies of
each other but for punctuation: a fifth of them is the test, and copies stay together. Results go
to benchmarks/results/classification.json, a row a name and seed.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from common import RESULTS, data_folder, report

from tfmm.training import train


def photo(*size: int) -> dict[str, Any]:
    """Pictures by EfficientNet-Lite0, whose last two stages are trained on varied maps."""
    return {
        "photo": {
            "name": "efficientnet_lite0",
            "size": list(size),
            "train": 32,
            "learning_rate": 3e-4,
            "keep_maps": True,
            "augment": True,
            "dropout": 0.3,
            "scales": True,
        }
    }


#: How pictures are trained.
FINE = {"epochs": 12, "batch_size": 32, "smoothing": 0.1}
WORDS = {
    "text": {
        "name": "subwords",
        "buckets": 200_000,
        "max_words": 160,
        "max_tokens": 480,
        "token_dropout": 0.5,
    }
}
TITLE = {"title": {"name": "bag", "min_count": 1}}


def reviews(folder: Path) -> dict[str, Any]:
    """What kind of goods a Chinese review speaks of."""
    file = data_folder() / "cn_reviews" / "online_shopping_10_cats.csv.gz"
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    table.insert(0, "id", [f"r{i}" for i in range(len(table))])
    table.to_csv(folder / "reviews.csv", index=False)
    features = {
        "text": {"kind": "text", "columns": ["review"]},
        "goods": {"kind": "category", "column": "cat"},
    }
    return {
        "root": str(folder),
        "items": {"table": "reviews.csv", "id": "id", "features": features},
    }


def fashion(folder: Path) -> dict[str, Any]:
    """Product pictures with their titles."""
    return {
        "root": str(data_folder() / "fashion"),
        "items": {
            "table": "products.csv",
            "id": "id",
            "features": {
                "title": {"kind": "text", "columns": ["productDisplayName"]},
                "photo": {"kind": "image", "path": "images/{id}.jpg"},
                "type": {"kind": "category", "column": "articleType"},
                "colour": {"kind": "category", "column": "baseColour"},
                "gender": {"kind": "category", "column": "gender"},
            },
        },
    }


def grocery(folder: Path) -> dict[str, Any]:
    """Pictures of groceries with their authors' parts.

    Those that are trained on have the description of their class, which tells the class, beside the
    picture; the others have not, as a photograph from a shop has none.
    """
    root = data_folder() / "grocery"
    classes = pd.read_csv(root / "classes.csv", dtype=str, skipinitialspace=True)
    names = classes.set_index("Class ID (int)")
    rows = []
    for part in ("train", "val", "test"):
        table = pd.read_csv(root / f"{part}.txt", header=None, dtype=str, skipinitialspace=True)
        table.columns = ["path", "fine", "coarse"]
        rows.append(table.assign(part=part))
    table = pd.concat(rows, ignore_index=True)
    table["fine"] = names.loc[table.fine, "Class Name (str)"].to_numpy()
    ids, words = classes["Coarse Class ID (int)"], classes["Coarse Class Name (str)"]
    table["coarse"] = table.coarse.map(dict(zip(ids, words, strict=True)))
    files = classes.set_index("Class Name (str)")["Product Description Path (str)"]
    texts = {name: (root / path[1:]).read_text("utf-8") for name, path in files.items()}
    table["about"] = table.fine.map(texts).where(table.part == "train", "")
    table.to_csv(folder / "pictures.csv", index=False)
    features = {
        "photo": {"kind": "image", "path": f"{root}/{{path}}"},
        "about": {"kind": "text", "columns": ["about"]},
        **{name: {"kind": "category", "column": name} for name in ("fine", "coarse", "part")},
    }
    items = {"table": "pictures.csv", "id": "path", "features": features}
    return {"root": str(folder), "items": items}


FIFTH = {"by": "groups", "valid": 0.1, "test": 0.2}
TENTH = {"valid": 0.1, "test": 0.1}
AUTHORS = {"by": "column", "feature": "part", "train": "train", "valid": "val", "test": "test"}
GROCERY, FASHION = photo(224, 224), photo(160, 120)
ROWS: dict[str, tuple[Callable[[Path], dict[str, Any]], str, dict, dict, dict]] = {
    "cn_reviews": (reviews, "goods", WORDS, FIFTH, {}),
    "fashion_type_photo": (fashion, "type", FASHION, TENTH, FINE),
    "fashion_type_title": (fashion, "type", TITLE, TENTH, {}),
    "fashion_type_both": (fashion, "type", {**FASHION, **TITLE}, TENTH, FINE),
    "fashion_colour_photo": (fashion, "colour", FASHION, TENTH, FINE),
    "fashion_gender_photo": (fashion, "gender", FASHION, TENTH, FINE),
    "grocery_fine": (grocery, "fine", GROCERY, AUTHORS, FINE),
    "grocery_coarse": (grocery, "coarse", GROCERY, AUTHORS, FINE),
    "grocery_fine_described": (grocery, "fine", {**GROCERY, "about": "bag"}, AUTHORS, FINE),
}


def measured(name: str, seed: int, changes: dict[str, Any]) -> dict[str, Any]:
    """A row: the model's metrics and its baselines'."""
    make, label, encoders, split, fitting = ROWS[name]
    with tempfile.TemporaryDirectory() as folder:
        config = {
            "task": "classification",
            "name": name,
            "shop": make(Path(folder)),
            "label": {"feature": label, "min_items": 1 if make is grocery else 3},
            "split": split,
            "items": {"encoders": encoders, **changes.pop("items", {})},
            "train": {"seed": seed, **fitting, **changes.pop("train", {})},
            **changes,
        }
        run = train(config, Path(folder) / "run")
        found = run.metrics
        row = {"row": name, "seed": seed}
        for metric in ("accuracy", "top_5", "macro_f1", "calibration_error"):
            row[metric] = round(found["model"][metric], 4)
        for baseline, value in found["baselines"].items():
            row[baseline] = round(value["accuracy"], 4) if "accuracy" in value else None
        return row | {"test": found["split"]["test"], "train_s": found["seconds"]["train"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="+", choices=list(ROWS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--with", dest="changes", type=json.loads, default={}, help="JSON")
    options = parser.parse_args()
    file = RESULTS / "classification.json"
    kept = json.loads(file.read_text("utf-8"))["rows"] if file.exists() else []
    for name in options.rows:
        for seed in options.seeds:
            row = measured(name, seed, json.loads(json.dumps(options.changes)))
            print(json.dumps(row, ensure_ascii=False), flush=True)
            if options.changes:
                continue  # an experiment is not a result
            kept = [r for r in kept if (r["row"], r["seed"]) != (name, seed)] + [row]
            kept.sort(key=lambda r: (list(ROWS).index(r["row"]), r["seed"]))
            report("classification", kept, {})


if __name__ == "__main__":
    main()
