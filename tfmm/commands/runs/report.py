"""`tfmm report`: opens the report of a run as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tfmm.commands.browser import open_in_browser
from tfmm.commands.command import Command
from tfmm.commands.options import Debug, argument, option

app = typer.Typer()

# A line with \b alone keeps the lines of the paragraph after it as they are.
ABOUT = """\b
Writes the report of a run or a backtest as one HTML file, plots included, and opens it. It needs no
network and no other file: send it to whom you like."""


@app.command(cls=Command, short_help="open the report of a run as a page", help=ABOUT)
def report(
    run: Annotated[Path, argument("RUN", "the folder of a run or a backtest")],
    out: Annotated[
        Path | None,
        option("--out", metavar="FILE.html", help="the page to write (RUN/report.html)"),
    ] = None,
    no_open: Annotated[
        bool, option("--no-open", help="open no browser, where there is one")
    ] = False,
    debug: Debug = False,
) -> None:
    from tfmm.evaluation.html.report import report_page

    page = report_page(run, out)
    print(f"wrote {page}")
    if not no_open:
        open_in_browser(page.resolve().as_uri())
