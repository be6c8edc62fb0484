"""The default model on splits by time, beside every baseline.

    TFMM_DATA=data python benchmarks/tomorrow.py hm
    TFMM_DATA=data python benchmarks/tomorrow.py completejourney --repeats --seeds 3

Trains the run file `examples/SHOP/tomorrow.yaml` (or `run.yaml`) as `tfmm train` does, once a seed,
the test met once a seed. The baselines, and the interval of the model's difference to each, are
those of the first seed.
Writes `results/tomorrow_SHOP.md`.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import common
import numpy as np
import yaml

import tfmm

EXAMPLES = Path(__file__).parents[1] / "examples"
METRICS = ("recall@20", "ndcg@20")


def row_of(found: dict[str, Any]) -> dict[str, float]:
    """The metrics of all shoppers, of those with a history and of new ones."""
    groups = {"": found, **found["breakdowns"]["users"]}
    return {f"{group} {m}".strip(): row[m] for group, row in groups.items() for m in METRICS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shop", choices=["hm", "ml100k", "completejourney"])
    parser.add_argument("--repeats", action="store_true", help="shoppers buy again")
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    common.data_folder()
    file = EXAMPLES / args.shop / "tomorrow.yaml"
    file = file if file.exists() else file.with_name("run.yaml")
    given = yaml.safe_load(file.read_text("utf-8"))
    given["shop"] = str(file.parent / given["shop"])
    given["evaluate"] = {"k": [20], "repeats": args.repeats}
    models: list[dict[str, float]] = []
    first: dict[str, Any] = {}
    for seed in range(1, args.seeds + 1):
        if seed > 1:
            given["evaluate"]["baselines"] = []
        given["train"]["seed"] = seed
        with tempfile.TemporaryDirectory() as folder:
            metrics = tfmm.train(given, Path(folder) / "run").metrics
        first = first or metrics
        models.append(row_of({**metrics["model"], "breakdowns": metrics["breakdowns"]}))

    table: list[dict[str, Any]] = [
        {
            "row": "tfmm, all defaults",
            "seeds": len(models),
            **{
                name: f"{np.mean([m[name] for m in models]):.4f} ± "
                f"{np.std([m[name] for m in models]):.4f}"
                for name in models[0]
            },
            "the model less it, NDCG": "",
        }
    ]
    for name, found in first["baselines"].items():
        if "left_out" in found:
            continue
        less = first["compared"][name]["ndcg@20"]
        table.append(
            {
                "row": f"{name} {found['params'] or ''}".strip(),
                "seeds": 1,
                **{key: f"{value:.4f}" for key, value in row_of(found).items()},
                "the model less it, NDCG": f"{less['difference']:+.4f} "
                f"({less['low']:+.4f} to {less['high']:+.4f})",
            }
        )
    chosen = {
        name: {key: value for key, value in first[name].items() if key in KEPT}
        for name in ("blend", "prior")
        if name in first
    }
    settings = {
        "run": {**given, "shop": "shop.yaml"},
        "shoppers": {name: row["users"] for name, row in first["breakdowns"]["users"].items()},
        "chosen": chosen,
        "epochs": first["validation"]["epochs"],
        "seconds": first["seconds"],
    }
    common.report(f"tomorrow_{args.shop}{'_repeats' if args.repeats else ''}", table, settings)


#: What is told of the choices.
KEPT = ("lam", "weight", "scale", "half_life", "newcomers", "new_share")

if __name__ == "__main__":
    main()
