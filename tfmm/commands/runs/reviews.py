"""`tfmm reviews`: the pros and cons of every product."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tfmm.commands.command import Command
from tfmm.commands.options import Debug, RunFolder, at_least_1, option

app = typer.Typer()


def _a_cosine(value: float) -> float:
    if not 0 < value <= 1:
        raise typer.BadParameter(f"a cosine is a number above 0 and at most 1, got {value}")
    return value


@app.command(cls=Command, help="write the pros and cons of every product to Parquet")
def reviews(
    run: RunFolder,
    out: Annotated[Path, option("--out", metavar="FILE.parquet")],
    features: Annotated[
        Path | None,
        option(
            "--features",
            metavar="FILE.parquet",
            help="write a row for each product too, to join with a table of items",
        ),
    ] = None,
    vectors: Annotated[
        str,
        option(
            "--vectors",
            metavar="NAME",
            help="what tells names of one aspect: what is said around them, or a pretrained "
            "encoder such as minilm (contexts)",
        ),
    ] = "contexts",
    nearest: Annotated[
        float,
        option(
            "--nearest",
            metavar="COSINE",
            help="how alike two names of one aspect are at least (0.85)",
            check=_a_cosine,
        ),
    ] = 0.85,
    at_least: Annotated[
        int,
        option(
            "--at-least",
            metavar="N",
            help="reviews of a product that must speak of an aspect (2)",
            check=at_least_1,
        ),
    ] = 2,
    debug: Debug = False,
) -> None:
    from tfmm.tasks.reviews.opinions.write import write_pros_and_cons
    from tfmm.training import load_run

    counts = write_pros_and_cons(
        load_run(run), out, features, vectors=vectors, nearest=nearest, at_least=at_least
    )
    print(
        f"wrote {counts['rows']:,} rows to {out}: {counts['items']:,} products, "
        f"{counts['aspects']:,} aspects of {counts['names']:,} names, from "
        f"{counts['opinions']:,} opinions"
    )
    if counts["without_item"]:
        print(f"{counts['without_item']:,} reviews are of no product and were left out")
    if features is not None:
        print(f"wrote {counts['items']:,} rows to {features}")
