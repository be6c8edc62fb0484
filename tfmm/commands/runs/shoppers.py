"""`tfmm shoppers`: who a shop's shoppers are, and what they will do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from tfmm.commands.command import Command
from tfmm.commands.options import Debug, argument, at_least_1, option

app = typer.Typer()

# A line with \b alone keeps the lines of the paragraph after it as they are.
ABOUT = """\b
Tells who a shop's shoppers are: segments by recency, frequency and value, clusters by taste, who
comes back and what they will be worth, the funnel, cohorts, gaps between orders, and what is bought
together. Writes one page, DIR/shoppers.html, and its tables as Parquet. Nothing in them is about
groups of fewer than 10 shoppers."""
EXAMPLES = """\b
examples:
  tfmm shoppers shop.yaml --out report                  # without clusters
  tfmm shoppers runs/shop --out report --horizon 60     # clusters of a retrieval run's vectors
  tfmm shoppers shop.yaml --out report --each shoppers.parquet"""


@app.command(cls=Command, short_help="tell who the shoppers are", help=ABOUT, epilog=EXAMPLES)
def shoppers(
    source: Annotated[Path, argument("RUN|SHOP.yaml", "a run folder or a shop file")],
    out: Annotated[Path, option("--out", metavar="DIR", help="the folder to write")],
    bought: Annotated[
        str | None,
        option(
            "--bought",
            metavar="TYPE",
            help="the type of event that is a purchase (by its name, else the weightiest)",
        ),
    ] = None,
    basket: Annotated[
        str | None,
        option(
            "--basket",
            metavar="COLUMN",
            help="the events' column that says what is one order (a shopper's day)",
        ),
    ] = None,
    paid: Annotated[
        str | None,
        option(
            "--paid",
            metavar="COLUMN",
            help="the events' column of what a purchase brought in all (price times quantity)",
        ),
    ] = None,
    horizon: Annotated[
        int | None,
        option(
            "--horizon",
            metavar="DAYS",
            help="days that are forecast (a third of the log, 90 at most)",
            check=at_least_1,
        ),
    ] = None,
    at_least: Annotated[
        int,
        option(
            "--at-least",
            metavar="SHOPPERS",
            help="in a group of which something is said (10)",
            check=at_least_1,
        ),
    ] = 10,
    layout: Annotated[
        Literal["pca", "umap"],
        option("--map", help="how shoppers are laid out (pca); umap needs tfmm[shoppers]"),
    ] = "pca",
    each: Annotated[
        Path | None,
        option(
            "--each",
            metavar="FILE.parquet",
            help="write a row a shopper too: scores, segment, forecast; personal data",
        ),
    ] = None,
    seed: Annotated[int, option("--seed", metavar="SEED", help="of what is drawn (1)")] = 1,
    debug: Debug = False,
) -> None:
    from tfmm.shoppers.analysis import Settings
    from tfmm.shoppers.report import report_shoppers

    settings = Settings(bought, basket, paid, horizon, at_least, layout, seed)
    page = report_shoppers(source, out, settings, each=each)
    print(f"wrote {page}, and tables beside it")
