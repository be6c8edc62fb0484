"""`tfmm fetch`: fetches the files at the addresses that a shop's tables name."""

from __future__ import annotations

import typer

from tfmm.commands.command import Command
from tfmm.commands.options import Debug, ShopFile

app = typer.Typer()


@app.command(cls=Command, help="fetch the pictures, sounds and clips at a shop's addresses")
def fetch(shop: ShopFile, debug: Debug = False) -> None:
    from tfmm.data.fetch import fetch

    for line in fetch(shop).lines():
        print(line)
