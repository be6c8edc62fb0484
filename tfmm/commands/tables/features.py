"""`tfmm features`: runs frozen encoders over the catalogue, once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tfmm.commands.command import Command
from tfmm.commands.options import Debug, argument, option, pairs

app = typer.Typer()


@app.command(cls=Command, help="run frozen encoders over the catalogue, once")
def features(
    file: Annotated[Path, argument("RUN.yaml|SHOP.yaml", "run or shop file")],
    encoder: Annotated[
        list[str] | None,
        option(
            "--encoder",
            metavar="FEATURE=NAME",
            help="encode this feature by this encoder; may be given several times",
        ),
    ] = None,
    debug: Debug = False,
) -> None:
    from tfmm.training import build_features

    named = pairs(encoder, "--encoder", "FEATURE=NAME, as in photo=efficientnet_lite0")
    build_features(file, named or None)
