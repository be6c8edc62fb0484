"""Turns the wide table of carparts, a column a part, into a table of sales.

    python examples/carparts/prepare.py $TFMM_DATA/carparts $CARPARTS

Parts of which no month is told after some point are left out, and counted. Months without a sale
are no rows: what is missing sold nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd


def prepare(source: Path, out: Path) -> str:
    """Writes `out/sales.csv`; says what was done."""
    wide = pd.read_csv(source / "carparts_wide.csv.gz")
    wide.index = pd.date_range("1998-01-01", periods=len(wide), freq="MS", name="month")
    long = wide.reset_index().melt("month", var_name="part", value_name="pieces")
    untold = long.loc[long.pieces.isna(), "part"].unique()
    sales = long[(long.pieces > 0) & ~long.part.isin(untold)].assign(buyer="all")
    out.mkdir(parents=True, exist_ok=True)
    aside = out / "sales.csv.part"
    sales.to_csv(aside, index=False)
    aside.replace(out / "sales.csv")
    return (
        f"wrote {len(sales):,} sales of {sales.part.nunique():,} parts; {len(untold):,} parts "
        "with missing months were left out"
    )


if __name__ == "__main__":
    print(prepare(Path(sys.argv[1]), Path(sys.argv[2])))
