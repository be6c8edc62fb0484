"""`tfmm backtest`: trains before each of some days and tests on what came after."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tfmm.commands.command import Command
from tfmm.commands.options import Debug, RunFile, at_least_1, option

app = typer.Typer()

# A line with \b alone keeps the lines of the paragraph after it as they are.
ABOUT = """\b
Trains as a run file says before each of some days and tests on what came after: the rolling
origin. Tells the model and every baseline by window, their mean and spread, in DIR/report.md and
DIR/backtest.json. Started again with the same folder, it goes on where it was."""
EXAMPLES = """\b
examples:
  tfmm backtest run.yaml --out backtests/shop                          # the last six weeks
  tfmm backtest run.yaml --out backtests/days --windows 3 --every 1d
  tfmm backtest run.yaml --out backtests/hours --windows 8 --every 12h"""


@app.command(
    cls=Command,
    short_help="train before each of some days, test on what came after",
    help=ABOUT,
    epilog=EXAMPLES,
)
def backtest(
    config: RunFile,
    out: Annotated[Path, option("--out", metavar="DIR", help="the folder to write")],
    windows: Annotated[
        int, option("--windows", metavar="WINDOWS", help="how many (6)", check=at_least_1)
    ] = 6,
    every: Annotated[
        str,
        option(
            "--every",
            metavar="SPAN",
            help="length of a window and of the step between two: 7d, 12h, 2w (7d)",
        ),
    ] = "7d",
    debug: Debug = False,
) -> None:
    from tfmm.training.backtest import backtest

    backtest(config, out, windows=windows, every=every)
