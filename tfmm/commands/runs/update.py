"""`tfmm update`: goes on from a run with what happened since."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tfmm.commands.command import Command
from tfmm.commands.options import Debug, RunFolder, at_least_1, option

app = typer.Typer()

# A line with \b alone keeps the lines of the paragraph after it as they are.
ABOUT = """\b
Goes on from a finished run with the events since it was trained, and a sample of those before, in
a fraction of the time of a new training. New items and users join. What was chosen on validation
stays; the report tells how the old run ranked the new events before they were learned from."""
EXAMPLES = """\b
examples:
  tfmm update runs/monday --out runs/tuesday                     # the shop's tables as they are now
  tfmm update runs/monday --events tuesday.csv --out runs/tuesday
  tfmm index runs/tuesday --out models                           # and put it out"""


@app.command(
    cls=Command,
    short_help="go on from a run with what happened since",
    help=ABOUT,
    epilog=EXAMPLES,
)
def update(
    run: RunFolder,
    out: Annotated[Path, option("--out", metavar="RUN2", help="the run folder to write")],
    events: Annotated[
        Path | None,
        option(
            "--events",
            metavar="FILE",
            help="a table of new events, with the columns of the shop's; it joins them",
        ),
    ] = None,
    shop: Annotated[
        Path | None,
        option("--shop", metavar="SHOP.yaml", help="the shop file (default: the run's)"),
    ] = None,
    epochs: Annotated[
        int,
        option(
            "--epochs", metavar="EPOCHS", help="passes over the new events (1)", check=at_least_1
        ),
    ] = 1,
    replay: Annotated[
        float,
        option(
            "--replay", metavar="SHARE", help="earlier pairs to learn again for each new one (1)"
        ),
    ] = 1.0,
    debug: Debug = False,
) -> None:
    from tfmm.training.update import update

    at = None if shop is None else str(shop.resolve())
    update(run, out, events=events, shop=at, epochs=epochs, replay=replay)
