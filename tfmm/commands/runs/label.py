"""`tfmm label`: fills the labels that a catalogue lacks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tfmm.commands.command import Command
from tfmm.commands.options import Debug, RunFolder, option

app = typer.Typer()


def _a_share(value: float) -> float:
    if not 0 < value <= 1:
        raise typer.BadParameter(f"a precision is a share above 0 and at most 1, got {value}")
    return value


@app.command(cls=Command, help="fill the labels that a catalogue lacks")
def label(
    run: RunFolder,
    out: Annotated[Path, option("--out", metavar="FILE.parquet")],
    precision: Annotated[
        float,
        option(
            "--precision",
            metavar="SHARE",
            help="share of given labels that should be right; below it, do not know (0.9)",
            check=_a_share,
        ),
    ] = 0.9,
    everything: Annotated[
        bool, option("--all", help="label the items that have a label too")
    ] = False,
    debug: Debug = False,
) -> None:
    from tfmm.tasks.classification.fill import UNSURE, write_labels
    from tfmm.training import load_run

    table = write_labels(load_run(run), out, precision, everything)
    sure = table[table.label != UNSURE].item_id.nunique()
    items = table.item_id.nunique()
    print(f"wrote {len(table):,} rows to {out}: {sure:,} of {items:,} items have a label now")
