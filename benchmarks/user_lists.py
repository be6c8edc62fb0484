"""Writes a table of events from the files of LightGCN's data sets, where a line is a user's list.

    python benchmarks/user_lists.py $TFMM_DATA/gowalla gowalla

In `train.txt.gz` and `test.txt.gz` a line is a user, then their items. `events.csv.gz` gets a line
for each pair, with `x_label` 0 (training), 1 (validation) or 2 (test), as a run file's `split` with
`by: column` reads. The data come without a validation part: a tenth of the training pairs, drawn at
random with a fixed seed, becomes it. A model is tuned on that and fitted again with it.
"""

from __future__ import annotations

import argparse
import gzip
from pathlib import Path

import numpy as np
import pandas as pd

VALID, SEED = 0.1, 1


def pairs(file: Path) -> pd.DataFrame:
    """The pairs of a file."""
    with gzip.open(file, "rt", encoding="utf-8") as opened:
        lists = [line.split() for line in opened]
    users = np.repeat([int(one[0]) for one in lists], [len(one) - 1 for one in lists])
    items = np.concatenate([np.array(one[1:], int) for one in lists])
    return pd.DataFrame({"userID": users, "itemID": items})


def write_events(folder: Path, out: Path) -> Path:
    """Writes `out/events.csv.gz`, and returns its path."""
    train, test = (pairs(folder / f"{part}.txt.gz") for part in ("train", "test"))
    drawn = np.random.default_rng(SEED).random(len(train)) < VALID
    train["x_label"], test["x_label"] = drawn.astype(int), 2
    out.mkdir(parents=True, exist_ok=True)
    file = out / "events.csv.gz"
    aside = out / "events.aside.csv.gz"
    pd.concat([train, test]).to_csv(aside, index=False)
    aside.replace(file)
    return file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    print(f"wrote {write_events(args.folder, args.out)}")


if __name__ == "__main__":
    main()
