"""Clicks, choices and stars beside LightGBM, linear models and SVD++, in the same run.

    TFMM_DATA=data python benchmarks/ranking.py kuairand frappe --seeds 3
    TFMM_DATA=data python benchmarks/ranking.py ml100k_folds

Rows: the run files of `examples/` as `tfmm train` reads them, the test met once a seed; baselines
are those of the first seed. `ml100k_likes` is whether a film gets four stars or more, by time;
`ml100k_folds` the authors' five folds, their mean the row. Kept in `results/ranking_NAME.json`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import common
import numpy as np
import pandas as pd
import yaml

import tfmm

EXAMPLES = Path(__file__).parents[1] / "examples"


def example(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A run file and its shop file."""
    run = yaml.safe_load((EXAMPLES / name / "run.yaml").read_text("utf-8"))
    shop = yaml.safe_load((EXAMPLES / name / run["shop"]).read_text("utf-8"))
    shop["root"] = str(common.data_folder() / shop["root"].partition("/")[2])
    return run, shop


def kuairand(folder: Path) -> list[dict[str, Any]]:
    """Clicks, long views and likes by time."""
    run, shop = example("kuairand")
    return [{**run, "shop": shop}]


def frappe(folder: Path) -> list[dict[str, Any]]:
    """Apps, each beside two that were drawn."""
    run, shop = example("frappe")
    root = Path(shop["root"])
    parts = [
        pd.read_csv(root / f"{part}.csv.gz", dtype=str).assign(part=part)
        for part in ("train", "validation", "test")
    ]
    pd.concat(parts).to_csv(folder / "parts.csv", index=False)
    shop["events"]["table"] = str(folder / "parts.csv")
    return [{**run, "shop": shop}]


def likes(folder: Path) -> list[dict[str, Any]]:
    """Whether a film gets four stars or more, by time."""
    run, shop = example("ml100k_ratings")
    table = pd.read_csv(Path(shop["root"]) / "ratings.csv")
    table["liked"] = (table.rating >= 4).astype(int)
    table.to_csv(folder / "ratings.csv", index=False)
    events = {k: v for k, v in shop["events"].items() if k != "rating"}
    shop["events"] = {
        **events,
        "table": str(folder / "ratings.csv"),
        "labels": {"liked": "liked"},
    }
    return [{**run, "shop": shop, "split": {"by": "time"}, "network": "din"}]


def folds(folder: Path) -> list[dict[str, Any]]:
    """Stars, in the authors' five folds."""
    runs = []
    for fold in range(1, 6):
        run, shop = example("ml100k_ratings")
        parts = [
            pd.read_csv(
                Path(shop["root"]) / "folds" / f"u{fold}.{part}.tsv.gz",
                sep="\t",
                names=["user_id", "movie_id", "rating", "unix_timestamp"],
            ).assign(part=part)
            for part in ("base", "test")
        ]
        pd.concat(parts).to_csv(folder / f"u{fold}.csv", index=False)
        shop["events"]["table"] = str(folder / f"u{fold}.csv")
        split = {"by": "column", "column": "part", "valid": 0.1, "test": "test"}
        runs.append({**run, "shop": shop, "split": split})
    return runs


ROWS: dict[str, Callable[[Path], list[dict[str, Any]]]] = {
    "kuairand": kuairand,
    "frappe": frappe,
    "ml100k_likes": likes,
    "ml100k_folds": folds,
}


def changed(run: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A run file with other values, by dotted keys."""
    run = json.loads(json.dumps(run))
    for key, value in changes.items():
        *path, last = key.split(".")
        section = run
        for part in path:
            section = section.setdefault(part, {})
        section[last] = value
    return run


def measure(name: str, seeds: int, changes: dict[str, Any]) -> None:
    """Trains a row's runs and keeps what came."""
    models: list[dict[str, float]] = []
    others: dict[str, list[dict[str, Any]]] = {}
    compared: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, run in enumerate(ROWS[name](Path(folder))):
            for seed in range(1, seeds + 1):
                given = changed(run, {"train.seed": seed, **changes})
                if seed > 1:
                    given["evaluate"] = {"baselines": []}
                out = Path(folder) / f"run_{number}_{seed}"
                found = tfmm.train(given, out).metrics
                models.append(found["model"])
                print(name, number, seed, json.dumps(found["model"]), flush=True)
                compared = compared or found["compared"]
                for other, row in found["baselines"].items():
                    others.setdefault(other, []).append(row)
    metrics = [key for key in models[0] if not key.endswith("ndcg@10")]
    rows = [
        {
            "row": "tfmm",
            "runs": len(models),
            **{
                key: f"{np.mean([m[key] for m in models]):.4f} ± "
                f"{np.std([m[key] for m in models]):.4f}"
                for key in metrics
            },
        }
    ]
    for other, found in others.items():
        if "left_out" not in found[0]:
            means = {
                key: f"{np.mean([row[key] for row in found]):.4f}" if key in found[0] else ""
                for key in metrics
            }
            rows.append({"row": other, "runs": len(found), **means})
    if not changes:
        settings = {"run": {**run, "shop": "shop.yaml"}, "compared": compared}
        common.report(f"ranking_{name}", rows, settings)
    else:
        print(json.dumps(rows, indent=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="+", choices=list(ROWS))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--with", dest="changes", type=json.loads, default={}, help="JSON")
    options = parser.parse_args()
    common.data_folder()
    for name in options.rows:
        measure(name, options.seeds, options.changes)


if __name__ == "__main__":
    main()
