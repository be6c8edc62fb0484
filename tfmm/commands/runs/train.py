"""`tfmm train`: trains a model and measures it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tfmm.commands.command import Command
from tfmm.commands.options import Debug, RunFile, option

app = typer.Typer()


@app.command(cls=Command, help="train a model and measure it")
def train(
    config: RunFile,
    out: Annotated[Path, option("--out", metavar="RUN", help="the run folder to write")],
    from_run: Annotated[
        Path | None, option("--from", metavar="OLD_RUN", help="start from this run's weights")
    ] = None,
    debug: Debug = False,
) -> None:
    from tfmm.training import train

    run = train(config, out, from_run=from_run)
    print(f"wrote {run.path}: the numbers are in {run.path / 'report.md'}")
