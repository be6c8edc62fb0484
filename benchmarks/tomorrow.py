"""The default model on splits by time, beside every baseline.

    TFMM_DATA=data python benchmarks/tomorrow.py hm
    TFMM_DATA=data python benchmarks/tomorrow.py completejourney --repeats --seeds 3

Trains the run file `examples/SHOP/tomorrow.yaml` (or `run.yaml`) as `tfmm train` does, once a seed,
the test met once a seed. The baselines, and the interval of the model's difference to each, are
those of the first seed. Measurements are kept in `results/tomorrow_SHOP_rows.json`, and a seed
that is there, of the same run file, is not measured again. Writes `results/tomorrow_SHOP.md`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import common
import numpy as np
import yaml

import tfmm
from tfmm.data.files import write_text

EXAMPLES = Path(__file__).parents[1] / "examples"
METRICS = ("recall@20", "ndcg@20")
#: What is kept of a training's metrics.
TOLD = ("model", "baselines", "compared", "breakdowns", "blend", "prior", "validation", "seconds")


def row_of(found: dict[str, Any]) -> dict[str, float]:
    """The metrics of all shoppers, of those with a history and of new ones."""
    groups = {"": found, **found["breakdowns"]["users"]}
    return {f"{group} {m}".strip(): row[m] for group, row in groups.items() for m in METRICS}


def measured(given: dict[str, Any], seed: int, kept: Path) -> dict[str, Any]:
    """The metrics of a seed: as kept, or of a training now."""
    given["train"]["seed"] = seed
    given["evaluate"].pop("baselines", None)
    if seed > 1:
        given["evaluate"]["baselines"] = []
    rows: list[dict[str, Any]] = json.loads(kept.read_text("utf-8")) if kept.exists() else []
    about = {**given, "shop": "shop.yaml"}
    for row in rows:
        if row["run"] == about:
            return row["metrics"]
    with tempfile.TemporaryDirectory() as folder:
        metrics = tfmm.train(given, Path(folder) / "run").metrics
    rows.append({"run": about, "metrics": {key: metrics[key] for key in TOLD if key in metrics}})
    kept.parent.mkdir(exist_ok=True)
    write_text(kept, json.dumps(rows, indent=1) + "\n")
    return rows[-1]["metrics"]


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
    name = f"tomorrow_{args.shop}{'_repeats' if args.repeats else ''}"
    kept = common.RESULTS / f"{name}_rows.json"
    every = [measured(given, seed, kept) for seed in range(1, args.seeds + 1)]
    first = every[0]
    models = [row_of({**one["model"], "breakdowns": one["breakdowns"]}) for one in every]
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
    for simple, found in first["baselines"].items():
        if "left_out" in found:
            continue
        less = first["compared"][simple]["ndcg@20"]
        table.append(
            {
                "row": f"{simple} {found['params'] or ''}".strip(),
                "seeds": 1,
                **{key: f"{value:.4f}" for key, value in row_of(found).items()},
                "the model less it, NDCG": f"{less['difference']:+.4f} "
                f"({less['low']:+.4f} to {less['high']:+.4f})",
            }
        )
    chosen = {
        part: {key: value for key, value in first[part].items() if key in KEPT}
        for part in ("blend", "prior")
        if part in first
    }
    settings = {
        "run": {**given, "shop": "shop.yaml"},
        "shoppers": {name: row["users"] for name, row in first["breakdowns"]["users"].items()},
        "chosen": chosen,
        "epochs": first["validation"]["epochs"],
        "seconds": first["seconds"],
    }
    common.report(name, table, settings)


#: What is told of the choices.
KEPT = ("lam", "weight", "scale", "half_life", "newcomers", "new_share")

if __name__ == "__main__":
    main()
