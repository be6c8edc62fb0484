"""`tfmm index`: writes a version with new and changed items, users and events."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tfmm.commands.command import Command
from tfmm.commands.options import Debug, ModelName, ModelsOut, RunFolder, option

app = typer.Typer()


@app.command(
    cls=Command,
    help="write a version with new and changed items, users and events, without training",
)
def index(
    run: RunFolder,
    out: ModelsOut,
    shop: Annotated[
        Path | None,
        option("--shop", metavar="SHOP.yaml", help="the shop file (default: the run's)"),
    ] = None,
    name: ModelName = None,
    debug: Debug = False,
) -> None:
    from tfmm.export import refresh_index

    at = None if shop is None else str(shop.resolve())
    done = refresh_index(run, out, shop=at, name=name)
    print(f"wrote {done.version}")
