"""What will sell, beside the baselines of the same run.

    python benchmarks/demand.py categories products cold carparts

Rows: a year of a grocer's baskets, weekly, by category and by product for the 500 that sold most
before the test, from the last 8 origins, four weeks ahead; `cold` leaves a fifth of the products
out whole. An event of more than 20 pieces (fuel, coupons) was sold by volume and counts as one.
`carparts` are monthly sales of slow parts, the last 12 months from one origin. Everything before
the first origin of the test is used for choosing and fitting. Results go to
benchmarks/results/demand.json, a row a name.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import yaml
from common import RESULTS, data_folder, report

from tfmm.training import train

EXAMPLES = Path(__file__).parents[1] / "examples"


def grocer(**changes: Any) -> dict[str, Any]:
    """The example's run file, with other sections."""
    file = EXAMPLES / "completejourney" / "demand.yaml"
    config = yaml.safe_load(file.read_text("utf-8"))
    config["shop"] = str(file.with_name("shop.yaml"))
    for name, section in changes.items():
        config[name] = {**config[name], **section}
    return config


def carparts(folder: Path) -> dict[str, Any]:
    """The example's run file, over a table of sales that it makes."""
    example = EXAMPLES / "carparts"
    spec = importlib.util.spec_from_file_location("prepare", example / "prepare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    print(module.prepare(data_folder() / "carparts", folder))
    os.environ["CARPARTS"] = str(folder)
    config = yaml.safe_load((example / "run.yaml").read_text("utf-8"))
    return {**config, "shop": str(example / "shop.yaml")}


def configured(name: str, folder: Path) -> dict[str, Any]:
    if name == "carparts":
        return carparts(folder)
    if name == "categories":
        return grocer(series={"by": "category", "top": None}, split={"cold": 0.0})
    return grocer(split={"cold": 0.2 if name == "cold" else 0.0})


def measured(name: str, folder: Path) -> list[dict[str, Any]]:
    """A row for the model and for each baseline."""
    found = train(configured(name, folder), folder / "run").metrics
    rows = {"model": found["model"], **found["baselines"]}
    for who, row in found.get("cold", {}).items():
        rows[f"{who}, never sold"] = row
    told = [
        {"data": name, "by": who, **{k: v for k, v in row.items() if k != "params"}}
        for who, row in rows.items()
        if "left_out" not in row
    ]
    told[0] |= {"epochs": found["validation"]["epochs"], "seconds": found["seconds"]["train"]}
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", choices=["categories", "products", "cold", "carparts"])
    names = parser.parse_args().names
    file = RESULTS / "demand.json"
    known = json.loads(file.read_text("utf-8"))["rows"] if file.exists() else []
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            known = [row for row in known if row["data"] != name]
            known += measured(name, Path(folder))
        report("demand", known, {"seed": 1})


if __name__ == "__main__":
    main()
