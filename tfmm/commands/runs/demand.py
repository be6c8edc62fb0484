"""`tfmm demand`: what will sell, and what to order."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tfmm.commands.command import Command
from tfmm.commands.options import Debug, RunFolder, at_least_1, option

app = typer.Typer()


def _a_level(value: float) -> float:
    if not 0 < value < 1:
        raise typer.BadParameter(f"a service level lies between 0 and 1, got {value}")
    return value


@app.command(cls=Command, help="forecast what will sell, and what to order")
def demand(
    run: RunFolder,
    out: Annotated[Path, option("--out", metavar="FILE.parquet")],
    service: Annotated[
        float,
        option(
            "--service",
            metavar="SHARE",
            help="chance that the stock lasts until the delivery (0.95)",
            check=_a_level,
        ),
    ] = 0.95,
    lead: Annotated[
        int,
        option("--lead", metavar="N", help="periods until the next delivery (1)", check=at_least_1),
    ] = 1,
    stock: Annotated[
        Path | None,
        option("--stock", metavar="FILE", help="a table of what is at hand and on its way"),
    ] = None,
    id: Annotated[str, option("--id", metavar="COLUMN", help="its column of ids (id)")] = "id",
    column: Annotated[
        str, option("--column", metavar="COLUMN", help="its column of pieces (stock)")
    ] = "stock",
    debug: Debug = False,
) -> None:
    from tfmm.tasks.demand.orders import read_stock, write_orders
    from tfmm.training import load_run

    loaded = load_run(run)
    pieces = None
    if stock is not None and loaded.config.task == "demand":
        pieces, said = read_stock(stock, id, column, loaded.task.series)
        print(f"{stock}: {said}")
    table = write_orders(loaded, out, service=service, lead=lead, stock=pieces)
    config = loaded.config.series
    print(
        f"wrote {len(table):,} series to {out}, forecast from {table.first_period.iloc[0]} on: "
        f"{int((table.order > 0).sum()):,} to order, {table.order.sum():,.0f} {config.value} in all"
    )
