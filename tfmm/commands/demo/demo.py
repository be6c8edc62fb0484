"""`tfmm demo`: the whole job on the bundled sample shop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tfmm.commands.command import Command
from tfmm.commands.options import Debug, option

app = typer.Typer()


@app.command(cls=Command, help="the whole job on the bundled sample shop")
def demo(
    out: Annotated[
        Path, option("--out", metavar="OUT", help="the folder to write (demo_out)")
    ] = Path("demo_out"),
    debug: Debug = False,
) -> None:
    from tfmm.commands.demo.job import run_demo
    from tfmm.commands.first_session import start_session_quietly

    if not debug:
        start_session_quietly()
    run_demo(out)
