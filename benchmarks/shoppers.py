"""What `tfmm shoppers` and purchase intent reach on published data.

    python benchmarks/shoppers.py cdnow
    python benchmarks/shoppers.py intent --seeds 3

`cdnow`: BG/NBD with Gamma-Gamma and the Keras model, fitted to what was bought until 1997-09-30 and
measured by the 39 weeks that followed: on the published tenth (2,357 shoppers) fitted to the tenth
alone, and to all 23,570 shoppers. AUC is of who comes back, by expected orders.

`intent`: which visits end in a purchase, by `examples/purchase_intent`, beside LightGBM on the same
visits and columns; `early` without the page values, which are known only afterwards (the run's
LightGBM is made of the same columns, since its shop lacks that one).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from common import data_folder, report

from tfmm.data import load
from tfmm.shoppers.purchases import read_purchases
from tfmm.shoppers.returning.history import by_day
from tfmm.shoppers.returning.holdout import Measured, measure
from tfmm.training import train

EXAMPLES = Path(__file__).parents[1] / "examples"


def main() -> None:
    """Measures, and writes results/shoppers_<what>.*."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["cdnow", "intent"])
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    folder = data_folder()
    seeds = range(1, options.seeds + 1)
    rows = cdnow(folder, seeds) if options.what == "cdnow" else intent(seeds)
    report(f"shoppers_{options.what}", rows, vars(options))


def cdnow(folder: Path, seeds: range) -> list[dict[str, Any]]:
    """A row a forecast, fitted to the tenth and to all."""
    data = load(EXAMPLES / "cdnow" / "shop.yaml")
    purchases = read_purchases(data)
    days = by_day(purchases.orders())
    tenth = pd.read_csv(folder / "cdnow" / "sample_2357.csv.gz", dtype=str)["customer_id"].unique()
    rows = np.asarray(data.users.rows(tenth))
    cut = float((pd.Timestamp("1997-10-01") - pd.Timestamp(0)).days)
    found = []
    for fitted, log in (("tenth", days[days["user"].isin(rows)]), ("all", days)):
        for seed in seeds:
            whole = measure(log, purchases.start, cut, 273, seed=seed)
            mine = np.isin(whole.history.user, rows)
            for row in _of(whole, mine).table().to_dict("records"):
                if seed > 1 and row["forecast"] != "Keras":
                    continue
                told = {"fitted to": fitted, "seed": seed, "forecast": row.pop("forecast")}
                likelihood = whole.bgnbd.log_likelihood if told["forecast"] == "BG/NBD" else None
                numbers = {name: round(value, 4) for name, value in row.items()}
                found.append({**told, **numbers, "log likelihood": likelihood})
    return found


def _of(whole: Measured, rows: np.ndarray) -> Measured:
    """The same forecasts, of some shoppers."""

    def part(one: Any) -> Any:
        return type(one)(**{name: values[rows] for name, values in vars(one).items()})

    forecasts = {name: part(one) for name, one in whole.forecasts.items()}
    return Measured(part(whole.history), part(whole.future), forecasts, whole.bgnbd, whole.money)


def intent(seeds: range) -> list[dict[str, Any]]:
    """A row a model and run."""
    found = []
    for name in ("run", "early"):
        for seed in seeds:
            config = yaml.safe_load((EXAMPLES / "purchase_intent" / f"{name}.yaml").read_text())
            shop = yaml.safe_load((EXAMPLES / "purchase_intent" / "shop.yaml").read_text())
            if name == "early":
                del shop["events"]["context"]["page_values"]
            config["shop"] = shop
            config["split"]["seed"] = config.setdefault("train", {})["seed"] = seed
            config["evaluate"] = {"baselines": ["logistic", "boosted"]}
            with tempfile.TemporaryDirectory() as out:
                metrics = train(config, Path(out) / "run").metrics
            for model, numbers in (("tfmm", metrics["model"]), *metrics["baselines"].items()):
                row = {"columns": "all" if name == "run" else "known early", "seed": seed}
                told = {key.removeprefix("buys "): value for key, value in numbers.items()}
                row |= {"model": model, "auc": round(told["auc"], 4)}
                found.append(row | {"log loss": round(told["log_loss"], 4)})
    return found


if __name__ == "__main__":
    main()
