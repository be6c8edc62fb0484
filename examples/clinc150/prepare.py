"""Writes clinc150.csv: the authors' parts, with what is out of scope in each.

TFMM_DATA=data TFMM_QUERIES=queries python examples/clinc150/prepare.py
"""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd


def prepare(data: Path, out: Path) -> None:
    """Reads `data/clinc150/clinc150.csv.gz`."""
    table = pd.read_csv(data / "clinc150" / "clinc150.csv.gz", dtype=str, keep_default_na=False)
    table["part"] = table.part.str.removeprefix("oos_")
    out.mkdir(parents=True, exist_ok=True)
    table.to_csv(out / "clinc150.csv", index=False)


if __name__ == "__main__":
    prepare(Path(os.environ["TFMM_DATA"]), Path(os.environ["TFMM_QUERIES"]))
