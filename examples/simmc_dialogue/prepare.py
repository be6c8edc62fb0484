"""Writes simmc.csv: a shopper's turns with the action that follows, what is shown and was said.

TFMM_DATA=data TFMM_QUERIES=queries python examples/simmc_dialogue/prepare.py
"""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd


def prepare(data: Path, out: Path) -> None:
    """Reads `fashion_devtest.csv.gz` (train) and `fashion_dev.csv.gz` (test)."""
    parts = []
    for part, name in (("train", "fashion_devtest"), ("test", "fashion_dev")):
        path = data / "simmc_dialogue" / f"{name}.csv.gz"
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        before = table.groupby("dialog_id", sort=False)
        table["said"] = before.system.shift(1).fillna("the first turn")
        table["did"] = before.action.shift(1).fillna("")
        # "None" would be read as no action at all.
        table["action"] = table.action.replace("None", "Answer")
        parts.append(table.assign(part=part))
    out.mkdir(parents=True, exist_ok=True)
    columns = ["user", "said", "did", "shown", "action", "part"]
    pd.concat(parts)[columns].to_csv(out / "simmc.csv", index=False)


if __name__ == "__main__":
    prepare(Path(os.environ["TFMM_DATA"]), Path(os.environ["TFMM_QUERIES"]))
